package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/aof-dev/aofd/host/internal/api"
	"github.com/aof-dev/aofd/host/internal/config"
)

// reloading is the state of reloads.
type reloading struct {
	mu   sync.Mutex // held by a reload
	told sync.Mutex // guards what follows
	last api.Reload
	eyes *fsnotify.Watcher // nil while nothing is watched
}

func (r *reloading) follow(w *fsnotify.Watcher) {
	r.told.Lock()
	defer r.told.Unlock()
	r.eyes = w
}

func (r *reloading) watcher() *fsnotify.Watcher {
	r.told.Lock()
	defer r.told.Unlock()
	return r.eyes
}

// reloadTimeout bounds a reload, in which plugins are asked.
const reloadTimeout = 30 * time.Second

// Reload implements api.Daemon: it reads the configuration again and puts it in force as a whole, or leaves
// everything as it is. No message is lost or delayed: what runs goes on as it began.
func (d *daemon) Reload(ctx context.Context) api.Reload {
	d.reloading.mu.Lock()
	defer d.reloading.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	r, err := d.reload(ctx)
	if err != nil {
		r.Findings = append(r.Findings, api.Finding{Severity: string(config.SeverityError), Text: err.Error()})
	}
	d.reloading.told.Lock()
	before := d.reloading.last
	d.reloading.last = r
	d.reloading.told.Unlock()
	d.report(r, before)
	return r
}

func (d *daemon) report(r, before api.Reload) {
	for _, f := range r.Findings {
		if r.Accepted && len(r.Changes) == 0 {
			break // they were told before
		}
		level, attrs := slog.LevelWarn, []any{"at", f.Place}
		if f.Severity == string(config.SeverityError) {
			level = slog.LevelError
		}
		if f.Hint != "" {
			attrs = append(attrs, "hint", f.Hint)
		}
		d.log.Log(context.Background(), level, "reload: "+f.Text, attrs...)
	}
	switch {
	case !r.Accepted:
		d.log.Error("the configuration is not reloaded: what was in force stays")
	case !before.Accepted && len(before.Findings) > 0 && len(r.Changes) == 0:
		d.log.Warn("the configuration is right again, as it is in force") // as loud as what it takes back
	case len(r.Changes) > 0 || len(r.NeedsRestart) > 0:
		d.log.Info("the configuration is reloaded", "changes", r.Changes, "needs_restart", r.NeedsRestart)
	}
}

func (d *daemon) reload(ctx context.Context) (r api.Reload, err error) {
	cfg, diags := load(d.settings.Config)
	if cfg == nil || diags.HasErrors() {
		r.Findings = findings(diags)
		d.follow(cfg)
		return r, nil
	}
	d.follow(cfg)
	now := d.current.get()
	r.NeedsRestart = fixed(d.cfg, cfg)
	r.Changes = changes(now.cfg, cfg)
	cfg.DataDir = d.cfg.DataDir // the agents' leftovers are known by it
	next := &setup{cfg: cfg, generation: now.generation + 1, loadedAt: time.Now()}
	if next.agents, diags = newAgents(cfg, d.log, diags); diags.HasErrors() {
		next.agents.closeWhenIdle()
		r.Findings = findings(diags)
		return r, nil
	}
	next.agents.programs = now.agents.programs // runs of both count
	apply, diags, err := d.reconfigure(ctx, cfg, diags)
	r.Findings = findings(diags)
	if err != nil || diags.HasErrors() {
		next.agents.closeWhenIdle()
		return r, err
	}
	changed, err := apply(ctx)
	if err != nil {
		next.agents.closeWhenIdle()
		return r, err
	}
	r.Accepted, r.Changes = true, append(r.Changes, changed...)
	if len(r.Changes) == 0 {
		next.agents.closeWhenIdle()
		return r, nil
	}
	next.plan = d.newPlanner(cfg)
	d.current.replace(next)
	return r, nil
}

// reconfigure checks the blocks of all platforms and returns what gives them to the plugins. Nothing is applied
// before everything was found good.
func (d *daemon) reconfigure(
	ctx context.Context, cfg *config.Config, diags config.Diagnostics,
) (apply func(context.Context) ([]string, error), _ config.Diagnostics, _ error) {
	type step struct {
		p     *platform
		block config.Platform
		bound []byte
	}
	var steps []step
	for _, p := range d.platforms {
		i := slices.IndexFunc(cfg.Platforms, func(b config.Platform) bool { return b.ID == p.id })
		if i < 0 {
			continue // to be told as in need of a restart
		}
		bound, found, err := p.check(ctx, cfg.Platforms[i])
		diags = append(diags, found...)
		if err != nil {
			return nil, diags, err
		}
		steps = append(steps, step{p, cfg.Platforms[i], bound})
	}
	return func(ctx context.Context) (changed []string, err error) {
		for i, s := range steps {
			did, err := s.p.reconfigure(ctx, d.catalog, s.block, s.bound)
			if err != nil {
				for _, undo := range steps[:i] {
					err = errors.Join(err, undo.p.restore(ctx))
				}
				return nil, fmt.Errorf("platform %s: %w", s.p.id, err)
			}
			if did {
				changed = append(changed, "platform "+s.p.id+": changed")
			}
		}
		return changed, nil
	}, diags, nil
}

// configStatus is for api.Status.
func (d *daemon) configStatus() api.Config {
	now := d.current.get()
	d.reloading.told.Lock()
	last := d.reloading.last
	d.reloading.told.Unlock()
	out := api.Config{
		File: d.cfg.File, LoadedAt: now.loadedAt, Generation: now.generation, NeedsRestart: last.NeedsRestart,
	}
	if !last.Accepted {
		out.Rejected = last.Findings // none before the first reload
	}
	return out
}

// keys are how the parts of a configuration are called that only a restart changes. Those that are not here can
// be changed while the daemon runs: see hot.
var keys = map[string]string{
	"Server": "spec.server", "Admin": "spec.admin", "Delivery": "spec.delivery", "Store": "spec.store",
	"Telemetry": "spec.telemetry", "DataDir": "spec.data_dir", "PluginDirs": "spec.plugins.directory",
	"LogLevel": "spec.settings.log_level", "LogFormat": "spec.settings.log_format",

	"Runtime.MaxConcurrentTasks": "spec.runtime.max_concurrent_tasks",
	"Runtime.MaxPrograms":        "spec.runtime.max_programs",
	"Runtime.MaxTasksPerUser":    "spec.runtime.max_tasks_per_user",
	"Runtime.MaxMessageAge":      "spec.runtime.max_message_age_secs",
	"Runtime.MaxMessagesPerHour": "spec.runtime.max_messages_per_hour",
	"Runtime.ProgressAfter":      "spec.runtime.progress_after_secs",
	"Runtime.CoalesceWindow":     "spec.runtime.coalesce_window_secs",
	"Runtime.Signal":             "spec.runtime.signals",
}

// hot are the parts that a reload puts in force, and those that say nothing by themselves. Platforms may change,
// but not come and go.
var hot = []string{
	"File", "Name", "Platforms", "Agents", "Triggers", "Folders", "Files", "Runtime",
	"Runtime.TaskTimeout", "Runtime.DefaultAgent", "Runtime.DefaultModel", "Runtime.UnknownCommands",
}

// fixed are the keys that differ and that only a restart changes.
func fixed(old, cfg *config.Config) (out []string) {
	differ := func(prefix string, a, b reflect.Value) {
		for i := range a.NumField() {
			name := prefix + a.Type().Field(i).Name
			if key := keys[name]; key != "" && !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
				out = append(out, key)
			}
		}
	}
	differ("", reflect.ValueOf(*old), reflect.ValueOf(*cfg))
	differ("Runtime.", reflect.ValueOf(old.Runtime), reflect.ValueOf(cfg.Runtime))
	for _, p := range [][2]*config.Config{{old, cfg}, {cfg, old}} {
		for _, id := range platformIDs(p[0]) {
			if !slices.Contains(platformIDs(p[1]), id) {
				out = append(out, "spec.platforms."+id)
			}
		}
	}
	return out
}

func platformIDs(c *config.Config) (out []string) {
	for _, p := range c.Platforms {
		out = append(out, p.ID)
	}
	return out
}

// changes says how the agents, the triggers and what decides between them differ, one line each.
func changes(old, cfg *config.Config) (out []string) {
	out = append(out, differences("agent", agentForms(old), agentForms(cfg))...)
	out = append(out, differences("trigger", triggerForms(old), triggerForms(cfg))...)
	a, b := old.Runtime, cfg.Runtime
	if a.DefaultAgent != b.DefaultAgent || a.DefaultModel != b.DefaultModel ||
		a.TaskTimeout != b.TaskTimeout || a.UnknownCommands != b.UnknownCommands {
		out = append(out, "runtime: changed")
	}
	return out
}

// form is something of the configuration by name, as JSON.
type form struct{ name, text string }

func differences(what string, old, cfg []form) (out []string) {
	find := func(list []form, name string) (string, bool) {
		i := slices.IndexFunc(list, func(f form) bool { return f.name == name })
		if i < 0 {
			return "", false
		}
		return list[i].text, true
	}
	for _, f := range cfg {
		before, was := find(old, f.name)
		switch {
		case !was:
			out = append(out, what+" "+f.name+": added")
		case before != f.text:
			out = append(out, what+" "+f.name+": changed")
		}
	}
	for _, f := range old {
		if _, is := find(cfg, f.name); !is {
			out = append(out, what+" "+f.name+": removed")
		}
	}
	return out
}

// agentForms leave out where things stand: a comment above an agent is no change of it.
func agentForms(c *config.Config) (out []form) {
	for _, a := range c.Agents {
		a.Pos = config.Pos{}
		out = append(out, formOf(a.Name, a))
	}
	return out
}

func triggerForms(c *config.Config) (out []form) {
	for _, t := range c.Triggers {
		t.Pos, t.DefaultPos = config.Pos{}, config.Pos{}
		t.Rules, t.Commands = slices.Clone(t.Rules), slices.Clone(t.Commands)
		for i := range t.Rules {
			t.Rules[i].Pos = config.Pos{}
		}
		for i := range t.Commands {
			t.Commands[i].Pos = config.Pos{}
		}
		out = append(out, formOf(t.Name, t))
	}
	return out
}

func formOf(name string, v any) form {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain values, and regular expressions that were read from text
	}
	return form{name, string(text)}
}

func findings(diags config.Diagnostics) (out []api.Finding) {
	for _, g := range diags {
		out = append(out, api.Finding{Severity: string(g.Severity), Place: g.Pos.String(), Text: g.Text, Hint: g.Hint})
	}
	return out
}
