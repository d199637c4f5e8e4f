package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/clock"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/fault"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/hook"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/journal"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/page"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

// Emulator is Meta's side and the phones. It may be used by many goroutines. Close it after use.
type Emulator struct {
	settings Settings
	handler  http.Handler
	graph    *http.ServeMux
	linkKey  []byte       // signs the addresses of files
	base     atomic.Value // string: where the emulator is, as the last caller named it

	clock   *clock.Clock
	journal *journal.Journal
	world   *world.World
	faults  *fault.Set
	poster  *hook.Poster
	calls   callLog
	ladders gauge // status steps that are due

	done      chan struct{} // closed when the emulator ends
	closing   sync.Once
	handshake handshakeState

	mu      sync.Mutex
	windows map[string]bool // chats for whose window's end a timer waits

	management management
}

// New returns an emulator that answers requests at once, for an httptest.Server or for Run.
func New(s Settings) *Emulator {
	e := &Emulator{
		settings: s, clock: clock.New(), journal: journal.New(), linkKey: randomBytes(32), done: make(chan struct{}),
		windows: map[string]bool{},
	}
	e.base.Store("http://" + s.Listen)
	e.world = world.New(world.Config{
		Business: world.Business{
			PhoneNumberID: s.PhoneNumberID, DisplayNumber: s.DisplayNumber, AccountID: s.AccountID, Name: s.BusinessName,
		},
		Bounds:   world.Bounds{Messages: s.History, MediaBytes: s.MediaBytes},
		Settings: s.world(), Token: s.AccessToken, Now: e.clock.Now, Tell: e.journal.Add,
	})
	e.faults = fault.NewSet(e.world.Settings().Seed, func(f fault.Fault) { e.journal.Add("fault", f) })
	e.poster = hook.New(hook.Config{
		Address: s.Webhook, Secret: s.AppSecret, Account: s.AccountID, Clock: e.clock, Faults: e.faults,
		Retry: func(tries int, since time.Duration) (time.Duration, bool) {
			return e.world.Settings().Retry.Next(tries, since)
		},
		Tell: e.attempted,
		Waiting: func(by int) {
			e.world.Count(func(c *world.Counters) { c.Waiting += by })
		},
	})
	e.handshake.State = "waiting"
	e.handler = e.routes()
	return e
}

// attempted tells of a try to deliver a webhook.
func (e *Emulator) attempted(a hook.Attempt) {
	if a.Status != 0 && a.Status != http.StatusOK {
		e.world.Count(func(c *world.Counters) { c.RefusedWebhooks++ })
	}
	a.Body, a.Answer = "", ""
	e.journal.Add("webhook", a)
}

// routes splits by path: the control API and the page have fixed ones, and all others are Meta's.
func (e *Emulator) routes() http.Handler {
	control, files := http.NewServeMux(), http.NewServeMux()
	e.controlRoutes(control)
	page.Handle(files)
	e.graph = http.NewServeMux()
	e.graphRoutes()
	return e.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/_emulator/"):
			control.ServeHTTP(w, r)
		case r.URL.Path == attachments:
			e.download(w, r)
		case isPage(files, r):
			files.ServeHTTP(w, r)
		default:
			e.serveGraph(w, r)
		}
	}))
}

func isPage(files *http.ServeMux, r *http.Request) bool {
	_, pattern := files.Handler(r)
	return pattern != ""
}

// ServeHTTP serves the Graph API, the control API and the page.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.handler.ServeHTTP(w, r) }

// Close ends what is under way and waits for it. Webhooks that have not arrived are dropped.
func (e *Emulator) Close() {
	e.closing.Do(func() { close(e.done) })
	e.poster.Close()
	e.clock.Close()
}

// Reset forgets everybody and everything. With settings, the changes of the settings too.
func (e *Emulator) Reset(settings bool) {
	e.clear()
	e.world.Reset(settings)
	e.faults.Reset(e.world.Settings().Seed)
}

// clear ends what waits for something.
func (e *Emulator) clear() {
	e.clock.Reset()
	e.poster.Reset()
	e.ladders.reset()
	e.calls.reset()
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.windows)
}

// exported is the whole state as one document.
type exported struct {
	Version int           `json:"version"`
	Ahead   string        `json:"ahead"`
	Faults  []fault.Fault `json:"faults"`
	World   world.State   `json:"world"`
}

const exportVersion = 1

// export returns the state as JSON.
func (e *Emulator) export() (out []byte, err error) {
	err = e.world.Export(func(s world.State) error {
		out, err = json.Marshal(exported{exportVersion, e.clock.Ahead().String(), e.faults.List(), s})
		return err
	})
	return out, err
}

// pause waits for d in real time; it reports false when the emulator or the caller ends first.
func (e *Emulator) pause(d time.Duration, gone <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-gone:
	case <-e.done:
	}
	return false
}

// gauge counts what is under way.
type gauge struct {
	mu      sync.Mutex
	n       int
	changed chan struct{}
}

func (g *gauge) add(by int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n = max(g.n+by, 0)
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

func (g *gauge) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n = 0
}

// busy returns nil when nothing is under way, else what is closed when that may have changed.
func (g *gauge) busy() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n == 0 {
		return nil
	}
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	return g.changed
}
