package hook

import (
	"sync"
	"time"
)

// Attempt is one try to deliver a webhook.
type Attempt struct {
	N         int        `json:"n"`
	Webhook   int        `json:"webhook"`
	Try       int        `json:"try"`
	At        time.Time  `json:"at"`
	Took      string     `json:"took"`
	What      string     `json:"what"`
	Field     string     `json:"field"`
	Fault     string     `json:"fault,omitempty"`
	Size      int        `json:"size"`
	Signature string     `json:"signature"`
	Status    int        `json:"status"` // 0: no answer
	Problem   string     `json:"problem,omitempty"`
	NextAt    *time.Time `json:"next_at"`
	Body      string     `json:"body,omitempty"`
	Answer    string     `json:"answer,omitempty"`
}

const (
	maxAttempts = 500
	maxLogBytes = 16 << 20
)

// log keeps the newest attempts.
type log struct {
	mu    sync.Mutex
	last  int
	all   []Attempt
	bytes int
}

func (l *log) add(a Attempt) Attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	a.N = l.last
	l.all = append(l.all, a)
	for l.bytes += len(a.Body); len(l.all) > maxAttempts || l.bytes > maxLogBytes && len(l.all) > 1; {
		l.bytes -= len(l.all[0].Body)
		l.all[0].Body = ""
		l.all = l.all[1:]
	}
	return a
}

func (l *log) list(before, limit int) []Attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []Attempt{}
	for i := len(l.all) - 1; i >= 0 && len(out) < limit; i-- {
		if a := l.all[i]; before <= 0 || a.N < before {
			a.Body, a.Answer = "", ""
			out = append(out, a)
		}
	}
	return out
}

func (l *log) get(n int) (Attempt, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.all {
		if a.N == n {
			return a, true
		}
	}
	return Attempt{}, false
}

func (l *log) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all, l.bytes = nil, 0
}
