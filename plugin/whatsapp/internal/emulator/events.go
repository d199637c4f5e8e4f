package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// heartbeat keeps an event stream from looking dead.
const heartbeat = 15 * time.Second

// events tells what changes, from where the reader stopped.
func (e *Emulator) events(w http.ResponseWriter, r *http.Request) {
	wake, stop, ok := e.journal.Watch()
	if !ok {
		problem(w, http.StatusServiceUnavailable, errors.New("too many pages are open"))
		return
	}
	defer stop()
	at := e.journal.Last()
	asked := r.Header.Get("Last-Event-ID")
	if asked == "" {
		asked = r.URL.Query().Get("after")
	}
	if asked != "" {
		n, err := strconv.ParseUint(asked, 10, 64)
		if err != nil {
			problem(w, http.StatusBadRequest, errors.New("after is the id of an event"))
			return
		}
		at = n
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // not every writer has one
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	_, _ = fmt.Fprint(w, ": hello\n\n")
	for {
		if at, ok = e.writeSince(w, at); !ok || out.Flush() != nil {
			return
		}
		select {
		case <-wake:
		case <-tick.C:
			_, _ = fmt.Fprint(w, ": still here\n\n") // a broken stream shows at the flush
		case <-r.Context().Done():
			return
		case <-e.done:
			return
		}
	}
}

// writeSince writes what came after an event and returns the id of the last one.
func (e *Emulator) writeSince(w http.ResponseWriter, after uint64) (last uint64, ok bool) {
	events, gap := e.journal.Since(after)
	if gap {
		last = e.journal.Last()
		_, err := fmt.Fprintf(w, "id: %d\nevent: reset\ndata: {}\n\n", last)
		return last, err == nil
	}
	last = after
	for _, v := range events {
		if _, err := fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", v.ID, v.Kind, v.Data); err != nil {
			return last, false
		}
		last = v.ID
	}
	return last, true
}
