package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aof-dev/aofd/sdk/chat"
)

// ErrNotFound means that no usable file for this plugin was found.
var ErrNotFound = errors.New("no such plugin")

// ErrNotRunning means that the plugin has no process now.
var ErrNotRunning = errors.New("the plugin does not run now")

// Settings of a Catalog.
type Settings struct {
	Dirs        []string // folders to look in, in order
	HostVersion string
	Logger      *slog.Logger
	LogLevel    string // of the plugins: debug, info, warn or error
	// Observe is called after each call of a plugin. Optional.
	Observe func(plugin, rpc string, d time.Duration, err error)
	// OnState is called at each change of a plugin's state; crashed says that it died. Optional.
	OnState func(plugin string, st Status, crashed bool)
	Timing  Timing
}

// Timing is how patient the catalog is. The zero value of a field takes the default.
type Timing struct {
	Start        time.Duration // for the handshake; 10 s
	HealthEvery  time.Duration // 10 s
	HealthWait   time.Duration // for one answer; 2 s
	HealthMisses int           // until a plugin counts as hung; 3
	BackoffMin   time.Duration // before the first restart; 100 ms
	BackoffMax   time.Duration // 60 s
	ResetAfter   time.Duration // of being ready, until backoff begins anew; 10 min
	CrashWindow  time.Duration // 10 min
	CrashLimit   int           // deaths in the window until quarantine; 5
	Probe        time.Duration // between tries in quarantine; 15 min
	Stop         time.Duration // for a graceful stop before force; 2 s
	CallWait     time.Duration // that a pure call waits for a restart; 2 s
}

func (t Timing) withDefaults() Timing {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&t.Start, 10*time.Second)
	set(&t.HealthEvery, 10*time.Second)
	set(&t.HealthWait, 2*time.Second)
	set(&t.BackoffMin, 100*time.Millisecond)
	set(&t.BackoffMax, time.Minute)
	set(&t.ResetAfter, 10*time.Minute)
	set(&t.CrashWindow, 10*time.Minute)
	set(&t.Probe, 15*time.Minute)
	set(&t.Stop, 2*time.Second)
	set(&t.CallWait, 2*time.Second)
	if t.HealthMisses == 0 {
		t.HealthMisses = 3
	}
	if t.CrashLimit == 0 {
		t.CrashLimit = 5
	}
	return t
}

// Catalog is the set of plugins that were found. Its methods may be called by many goroutines.
type Catalog struct {
	settings Settings
	found    []Found
	run      *runDir
	life     context.Context // ends with Close
	cancel   context.CancelFunc
	closing  sync.Once
	closeErr error

	mu      sync.Mutex
	plugins map[string]*slot
}

// slot is the place of one plugin.
type slot struct {
	mu     sync.Mutex // held while it starts
	plugin *Plugin    // nil while it did not start
}

// Open looks for plugins. Nothing is started yet.
func Open(s Settings) (*Catalog, error) {
	if s.Observe == nil {
		s.Observe = func(string, string, time.Duration, error) {}
	}
	if s.OnState == nil {
		s.OnState = func(string, Status, bool) {}
	}
	s.Timing = s.Timing.withDefaults()
	found, err := find(s.Dirs)
	if err != nil {
		return nil, err
	}
	run, err := newRunDir()
	if err != nil {
		return nil, err
	}
	c := &Catalog{settings: s, found: found, run: run, plugins: map[string]*slot{}}
	c.life, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Found lists all files that look like plugins, with why some are not used.
func (c *Catalog) Found() []Found { return c.found }

// Start starts the platform with that id and returns it once it said what it is. A platform that runs
// already is returned as it is. It fails with ErrNotFound when there is no usable file.
func (c *Catalog) Start(ctx context.Context, id string) (*Plugin, error) {
	f, ok := lookup(c.found, id)
	if !ok {
		return nil, fmt.Errorf("%w: aof-platform-%s", ErrNotFound, id)
	}
	sl := c.slot(id)
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if c.life.Err() != nil {
		return nil, errors.New("the catalog is closed")
	}
	if sl.plugin != nil {
		return sl.plugin, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	p, err := startPlugin(ctx, c.settings, c.run, f)
	if err != nil {
		return nil, err
	}
	sl.plugin = p
	return p, nil
}

func (c *Catalog) slot(id string) *slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.plugins[id] == nil {
		c.plugins[id] = &slot{}
	}
	return c.plugins[id]
}

// Close stops all plugins and removes what they needed. It takes a few seconds at most, whatever state the
// plugins are in, and may be called twice.
func (c *Catalog) Close(ctx context.Context) error {
	c.closing.Do(func() {
		c.cancel() // whatever is starting is broken off
		c.mu.Lock()
		slots := slices.Collect(maps.Values(c.plugins))
		c.mu.Unlock()
		var wg sync.WaitGroup
		for _, sl := range slots {
			wg.Go(func() {
				sl.mu.Lock()
				defer sl.mu.Unlock()
				if sl.plugin != nil {
					sl.plugin.stop(ctx)
				}
			})
		}
		wg.Wait()
		c.closeErr = c.run.remove()
	})
	return c.closeErr
}

// State is where a plugin is in its life.
type State string

// The states. StateMissing is the host's word for a configured plugin that never started.
const (
	StateStarting    State = "starting"
	StateReady       State = "ready"
	StateBackoff     State = "backoff"
	StateQuarantined State = "quarantined"
	StateStopped     State = "stopped"
	StateMissing     State = "missing"
)

// Status is how a plugin is.
type Status struct {
	State    State
	Reason   string // why it is not ready
	Version  string
	PID      int
	Crashes  int // since it was started first
	Accounts []chat.Account
}
