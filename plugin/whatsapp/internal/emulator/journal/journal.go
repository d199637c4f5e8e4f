// Package journal keeps the newest events, so that a page that lost its connection goes on where it was.
package journal

import (
	"encoding/json"
	"fmt"
	"sync"
)

// maxEvents and maxBytes bound what is kept.
const (
	maxEvents   = 10_000
	maxBytes    = 16 << 20
	maxWatchers = 64
)

// Event is one change.
type Event struct {
	ID   uint64
	Kind string
	Data []byte // JSON
}

// Journal of events. It may be used by many goroutines.
type Journal struct {
	mu       sync.Mutex
	last     uint64
	events   []Event // with consecutive ids, the last one being last
	bytes    int
	watchers map[chan struct{}]bool
}

// New returns an empty journal.
func New() *Journal { return &Journal{watchers: map[chan struct{}]bool{}} }

// Add keeps an event and wakes who watches. Data must have a JSON form.
func (j *Journal) Add(kind string, data any) {
	raw, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("the emulator's own types are not JSON: %v", err))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	j.events = append(j.events, Event{j.last, kind, raw})
	for j.bytes += len(raw); len(j.events) > maxEvents || j.bytes > maxBytes && len(j.events) > 1; {
		j.bytes -= len(j.events[0].Data)
		j.events[0].Data = nil
		j.events = j.events[1:]
	}
	for c := range j.watchers {
		select {
		case c <- struct{}{}:
		default: // it is awake already
		}
	}
}

// Last returns the id of the newest event.
func (j *Journal) Last() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// Since returns what came after an event. gap is true when some of it is forgotten, or the id is none of
// this journal.
func (j *Journal) Since(id uint64) (events []Event, gap bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	oldest := j.last - uint64(len(j.events)) // the id before the first that is kept
	if id > j.last || id < oldest {
		return nil, true
	}
	return append([]Event(nil), j.events[id-oldest:]...), false
}

// Watch returns a channel that wakes after each change, and what ends it; ok is false when too many watch.
func (j *Journal) Watch() (wake <-chan struct{}, stop func(), ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.watchers) >= maxWatchers {
		return nil, nil, false
	}
	c := make(chan struct{}, 1)
	j.watchers[c] = true
	return c, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.watchers, c)
	}, true
}
