package emulator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/fault"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/span"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

// controlRoutes adds what the page and tests use; API.md tells it. A page from elsewhere in the same
// browser cannot: it gets no CORS headers, so it can read nothing, and what it could send unasked has no
// JSON Content-Type.
func (e *Emulator) controlRoutes(mux *http.ServeMux) {
	protect := http.NewCrossOriginProtection()
	control := func(pattern string, h func(*http.Request) (any, error)) {
		mux.Handle(pattern, protect.Handler(controlled(h)))
	}
	control("GET /_emulator/healthz", func(*http.Request) (any, error) { return map[string]string{"status": "ok"}, nil })
	control("GET /_emulator/state", e.getState)
	control("GET /_emulator/settings", func(*http.Request) (any, error) { return e.world.Settings(), nil })
	control("PATCH /_emulator/settings", e.patchSettings)
	control("POST /_emulator/reset", e.postReset)
	control("GET /_emulator/export", func(*http.Request) (any, error) {
		raw, err := e.export()
		return json.RawMessage(raw), err
	})
	control("POST /_emulator/import", e.postImport)
	e.peopleRoutes(control)
	e.chatRoutes(control)
	e.logRoutes(control)
	control("GET /_emulator/clock", func(*http.Request) (any, error) { return e.clockNow(), nil })
	control("POST /_emulator/clock", e.postClock)
	control("GET /_emulator/faults", func(*http.Request) (any, error) { return e.faults.List(), nil })
	control("POST /_emulator/faults", e.postFault)
	control("DELETE /_emulator/faults", e.deleteFaults)
	control("DELETE /_emulator/faults/{id}", e.deleteFault)
	control("GET /_emulator/templates", func(*http.Request) (any, error) { return e.world.Templates(), nil })
	control("POST /_emulator/templates/{id}/review", e.postReview)
	control("POST /_emulator/tokens", e.postToken)
	control("POST /_emulator/settle", e.postSettle)
	control("POST /_emulator/handshake", func(*http.Request) (any, error) { return e.shakeNow(), nil })
	mux.Handle("GET /_emulator/events", protect.Handler(http.HandlerFunc(e.events)))
	mux.Handle("POST /_emulator/media", protect.Handler(controlled(e.postMedia)))
	mux.Handle("GET /_emulator/media/{id}", protect.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.file(w, r, r.PathValue("id"))
	})))
	mux.Handle("GET /_emulator/scenario", protect.Handler(http.HandlerFunc(e.getScenario)))
	mux.HandleFunc("/_emulator/", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusNotFound, errors.New("the control API has no such call: see API.md"))
	})
}

// controlled makes a handler of a function that answers with what becomes JSON, or with an error.
func controlled(h func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := h(r)
		var large *http.MaxBytesError
		switch {
		case err == nil:
			writeJSON(w, http.StatusOK, v)
		case errors.Is(err, world.ErrUnknown):
			problem(w, http.StatusNotFound, err)
		case errors.Is(err, world.ErrState):
			problem(w, http.StatusConflict, err)
		case errors.Is(err, ErrBusy):
			problem(w, http.StatusServiceUnavailable, err)
		case errors.Is(err, errNotJSON):
			problem(w, http.StatusUnsupportedMediaType, err)
		case errors.As(err, &large):
			problem(w, http.StatusRequestEntityTooLarge, err)
		default:
			problem(w, http.StatusBadRequest, err)
		}
	}
}

// problem answers with an error of the control API, which is not Meta's and looks different.
func problem(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

var errNotJSON = errors.New("the Content-Type must be application/json")

// read decodes the body of a request. An empty one is an empty object.
func read(r *http.Request, into any) error { return readUpTo(r, into, maxRequest) }

func readUpTo(r *http.Request, into any, most int64) error {
	raw, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, most))
	switch {
	case err != nil:
		return err
	case !isJSON(r) && (len(raw) > 0 || r.Header.Get("Content-Type") != ""):
		return errNotJSON
	case len(raw) == 0:
		return nil
	}
	return decodeStrictly(raw, into)
}

func (e *Emulator) getState(*http.Request) (any, error) {
	last := e.journal.Last() // before the rest, so that nothing is missed
	return map[string]any{
		"event_id": last, "business": e.world.Business, "user": e.settings.User, "webhook": e.settings.Webhook,
		"handshake": e.handshake.get(), "clock": e.clockNow(), "settings": e.world.Settings(), "people": e.world.People(),
		"groups": e.world.Groups(), "chats": e.world.Chats(), "templates": e.world.Templates(), "faults": e.faults.List(),
		"counters": e.world.Counters(),
	}, nil
}

func (e *Emulator) patchSettings(r *http.Request) (any, error) {
	var raw json.RawMessage
	if err := read(r, &raw); err != nil {
		return nil, err
	}
	before := e.world.Settings().Seed
	s, err := e.world.Patch(func(s *world.Settings) error { return decodeStrictly(raw, s) })
	if err == nil && s.Seed != before {
		e.faults.Reseed(s.Seed)
	}
	return s, err
}

func (e *Emulator) postReset(r *http.Request) (any, error) {
	var b struct {
		Settings bool `json:"settings"`
	}
	if err := read(r, &b); err != nil {
		return nil, err
	}
	e.Reset(b.Settings)
	return map[string]bool{"reset": true}, nil
}

// maxImport is twice what the bounds of the memory allow, as files stand in it as text.
const maxImport = 1 << 30

func (e *Emulator) postImport(r *http.Request) (any, error) {
	var x exported
	if err := readUpTo(r, &x, maxImport); err != nil {
		return nil, err
	}
	ahead, err := time.ParseDuration(x.Ahead)
	switch {
	case x.Version != exportVersion:
		return nil, errors.New("version is not 1: the document is none that this emulator exported")
	case err != nil || ahead < 0 || ahead > maxAdvance:
		return nil, fmt.Errorf("ahead is no duration up to %s", maxAdvance)
	}
	if err := cmp.Or(e.world.Check(x.World), fault.Check(x.Faults)); err != nil {
		return nil, err // nothing is changed
	}
	e.clear()
	if _, err := e.clock.Advance(r.Context(), ahead, e.poster.Idle); err != nil {
		return nil, err
	}
	if err := e.world.Import(x.World); err != nil {
		return nil, err
	}
	e.faults.Reset(e.world.Settings().Seed)
	for _, f := range x.Faults {
		if _, err := e.faults.Add(f); err != nil {
			return nil, err
		}
	}
	e.world.Count(func(c *world.Counters) { c.Waiting = 0 })
	e.resume(func(world.Message) bool { return true })
	for _, m := range e.world.Messages() { // what the business has not taken comes again
		if p, err := e.world.Person(m.From); err == nil && m.Direction == world.FromUser && m.State == world.Sending {
			v := value{Contacts: []contact{e.contactOf(p)}, Messages: []json.RawMessage{m.Body}}
			if err := e.poster.Submit(e.inbound(m, v, p.Names())); err != nil {
				return nil, err
			}
		}
	}
	return map[string]bool{"imported": true}, nil
}

type clockState struct {
	Now   time.Time `json:"now"`
	Ahead string    `json:"ahead"`
	Fired *int      `json:"fired,omitempty"`
}

func (e *Emulator) clockNow() clockState {
	return clockState{e.clock.Now(), e.clock.Ahead().String(), nil}
}

// maxAdvance is how far the clock goes at once.
const maxAdvance = 400 * 24 * time.Hour

func (e *Emulator) postClock(r *http.Request) (any, error) {
	var b struct {
		Advance *span.Span `json:"advance"`
		Set     *time.Time `json:"set"`
	}
	if err := read(r, &b); err != nil {
		return nil, err
	}
	var d time.Duration
	switch {
	case (b.Advance == nil) == (b.Set == nil):
		return nil, errors.New("say advance or set, such as {\"advance\": \"25h\"}")
	case b.Set != nil:
		d = b.Set.Sub(e.clock.Now())
	default:
		d = time.Duration(*b.Advance)
	}
	if d < 0 || d > maxAdvance {
		return nil, errors.New("the clock goes forward only, and 400 days at once at most; a reset brings it back")
	}
	fired, err := e.clock.Advance(r.Context(), d, e.poster.Idle)
	if err != nil {
		return nil, err
	}
	s := e.clockNow()
	e.journal.Add("clock", s)
	s.Fired = &fired
	return s, nil
}

func (e *Emulator) postFault(r *http.Request) (any, error) {
	var f fault.Fault
	if err := read(r, &f); err != nil {
		return nil, err
	}
	return e.faults.Add(f)
}

func (e *Emulator) deleteFault(r *http.Request) (any, error) {
	id := r.PathValue("id")
	if !e.faults.Remove(id) {
		return nil, unknown("no fault has the id %.20q", id)
	}
	e.journal.Add("fault", map[string]any{"id": id, "deleted": true})
	return map[string]bool{"deleted": true}, nil
}

func (e *Emulator) deleteFaults(*http.Request) (any, error) {
	for _, f := range e.faults.List() {
		if e.faults.Remove(f.ID) {
			e.journal.Add("fault", map[string]any{"id": f.ID, "deleted": true})
		}
	}
	return map[string]bool{"deleted": true}, nil
}

func (e *Emulator) postReview(r *http.Request) (any, error) {
	var b struct {
		Status string `json:"status"`
		Reason string `json:"reason"`
	}
	if err := read(r, &b); err != nil {
		return nil, err
	}
	return e.review(r.PathValue("id"), b.Status, b.Reason)
}

func (e *Emulator) postToken(r *http.Request) (any, error) {
	var b struct {
		Token   string     `json:"token"`
		Scopes  []string   `json:"scopes"`
		Expires *span.Span `json:"expires_in"`
		Invalid bool       `json:"invalid"`
	}
	if err := read(r, &b); err != nil {
		return nil, err
	}
	t := world.Token{Token: b.Token, Scopes: b.Scopes, Invalid: b.Invalid}
	if b.Expires != nil {
		t.Until = e.clock.Now().Add(time.Duration(*b.Expires))
	}
	return map[string]bool{"kept": true}, e.world.AddToken(t)
}

const defaultSettle = 10 * time.Second

// postSettle waits until nothing is under way.
func (e *Emulator) postSettle(r *http.Request) (any, error) {
	b := struct {
		Timeout span.Span `json:"timeout"`
	}{span.Span(defaultSettle)}
	if err := read(r, &b); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(time.Duration(b.Timeout), time.Minute))
	defer cancel()
	return map[string]bool{"settled": e.settle(ctx)}, nil
}

// settle waits until no webhook is under way and no status is due.
func (e *Emulator) settle(ctx context.Context) bool {
	for {
		wait := e.ladders.busy()
		if wait == nil {
			wait = e.poster.Settled()
		}
		if wait == nil {
			return true
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return false
		case <-e.done:
			return false
		}
	}
}

// postMedia takes the bytes of a file of a phone.
func (e *Emulator) postMedia(r *http.Request) (any, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, errors.New("the Content-Type must be that of the file")
	}
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, world.MaxInbound))
	switch {
	case err != nil:
		return nil, err
	case len(data) == 0:
		return nil, errors.New("the body is empty: it must be the bytes of the file")
	}
	m, err := e.world.AddMedia(kind, r.URL.Query().Get("filename"), data, true)
	m.Data = nil
	return m, err
}

// limitOf reads limit and before of a list.
func limitOf(r *http.Request, usual, most int) (limit, before int, err error) {
	q := r.URL.Query()
	limit = usual
	for name, v := range map[string]*int{"limit": &limit, "before": &before} {
		if s := q.Get(name); s != "" {
			if *v, err = strconv.Atoi(s); err != nil || *v < 1 {
				return 0, 0, errors.New(name + " is no number from 1 on")
			}
		}
	}
	return min(limit, most), before, nil
}
