package emulator

import "sync"

// maxWatchers bounds the open event streams.
const maxWatchers = 64

// hub tells the open pages that something has changed, not what: a page that was slow asks once for the
// newest state and has missed nothing.
type hub struct {
	mu       sync.Mutex
	watchers map[chan struct{}]bool
}

func newHub() *hub { return &hub{watchers: map[chan struct{}]bool{}} }

// changed wakes all watchers. One that is awake already needs no second call.
func (h *hub) changed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.watchers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// watch returns a channel of changes and what ends it; ok is false when too many watch.
func (h *hub) watch() (changes <-chan struct{}, stop func(), ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.watchers) >= maxWatchers {
		return nil, nil, false
	}
	c := make(chan struct{}, 1)
	h.watchers[c] = true
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers, c)
	}, true
}
