package emulator

import "sync"

// maxWaiting bounds what is under way at once, so that a daemon that is down does not fill the memory.
const maxWaiting = 5000

// lanes run the jobs of one person one after the other, and those of different people side by side: what
// somebody types arrives in the order of typing, which real webhooks do not promise and a demo needs.
type lanes struct {
	mu      sync.Mutex
	waiting map[string][]func() // a key is there while its goroutine runs
	places  sync.WaitGroup
	count   int
	closed  bool
}

// take reserves a place for one job; false means that too much waits already. Each place is given back by
// leave.
func (l *lanes) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.count >= maxWaiting {
		return false
	}
	l.count++
	l.places.Add(1) // under the lock, so that it never meets the Wait of close
	return true
}

func (l *lanes) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count--
	l.places.Done()
}

// close gives out no more places and waits for those that are taken.
func (l *lanes) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.places.Wait()
}

// inOrder runs job after the earlier ones of that person. The caller has taken a place.
func (l *lanes) inOrder(user string, job func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	jobs, running := l.waiting[user]
	l.waiting[user] = append(jobs, job)
	if !running {
		go l.run(user)
	}
}

func (l *lanes) run(user string) {
	for {
		l.mu.Lock()
		jobs := l.waiting[user]
		if len(jobs) == 0 {
			delete(l.waiting, user)
			l.mu.Unlock()
			return
		}
		l.waiting[user] = jobs[1:]
		l.mu.Unlock()
		jobs[0]()
		l.leave()
	}
}

// beside runs job at once. The caller has taken a place.
func (l *lanes) beside(job func()) {
	go func() {
		defer l.leave()
		job()
	}()
}
