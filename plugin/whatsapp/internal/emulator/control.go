package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// heartbeat keeps an event stream from looking dead.
const heartbeat = 15 * time.Second

// controlRoutes adds what the page and tests use. A page from elsewhere in the same browser cannot: it
// gets no CORS headers, so it can read nothing, and what it could send unasked has no JSON Content-Type.
func (e *Emulator) controlRoutes(mux *http.ServeMux) {
	protect := http.NewCrossOriginProtection()
	control := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, protect.Handler(h)) }
	control("POST /_emulator/send", e.typed)
	control("GET /_emulator/chat", e.chat)
	control("GET /_emulator/events", e.events)
	control("GET /_emulator/settings", e.shown)
	control("GET /_emulator/healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
}

// problem answers with an error of the control API, which is not Meta's and looks different.
func problem(w http.ResponseWriter, status int, err error) {
	answer(w, status, map[string]string{"error": err.Error()})
}

// typed sends what somebody typed or tapped on the phone.
func (e *Emulator) typed(w http.ResponseWriter, r *http.Request) {
	if !isJSON(r) {
		problem(w, http.StatusUnsupportedMediaType, errors.New("the Content-Type must be application/json"))
		return
	}
	raw, err := body(r)
	var t Typed
	if err == nil {
		err = decode(raw, &t, "send")
	}
	if err != nil {
		if no, ok := errors.AsType[*refusal](err); ok {
			err = errors.New(no.details)
		}
		problem(w, http.StatusBadRequest, err)
		return
	}
	id, err := e.Send(t)
	switch {
	case errors.Is(err, ErrBusy):
		problem(w, http.StatusServiceUnavailable, err)
	case err != nil:
		problem(w, http.StatusBadRequest, err)
	default:
		answer(w, http.StatusOK, map[string]string{"id": id})
	}
}

func (e *Emulator) chat(w http.ResponseWriter, r *http.Request) {
	user := r.URL.Query().Get("user")
	if !isUser(user) {
		problem(w, http.StatusBadRequest, fmt.Errorf("user %.40q is no phone number in digits: ask for /_emulator/chat?user=4915112345678", user))
		return
	}
	answer(w, http.StatusOK, e.Chat(user))
}

// shown are the settings that the page shows; no secrets.
func (e *Emulator) shown(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{
		"user": e.settings.User, "business": e.settings.DisplayNumber, "webhook": e.settings.Webhook,
	})
}

// events tells the page to ask again, whenever something has changed.
func (e *Emulator) events(w http.ResponseWriter, r *http.Request) {
	changes, stop, ok := e.hub.watch()
	if !ok {
		problem(w, http.StatusServiceUnavailable, errors.New("too many pages are open"))
		return
	}
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // not every writer has one
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for line := "event: change\ndata: {}\n\n"; ; {
		if _, err := w.Write([]byte(line)); err != nil {
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
		select {
		case <-changes:
			line = "event: change\ndata: {}\n\n"
		case <-tick.C:
			line = ": still here\n\n"
		case <-r.Context().Done():
			return
		case <-e.ctx.Done():
			return
		}
	}
}
