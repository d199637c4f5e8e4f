package scenario

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/span"
)

// Result of a scenario.
type Result struct {
	Name  string  `json:"name"`
	File  string  `json:"file"`
	Steps int     `json:"steps"`
	Took  float64 `json:"seconds"`
	// Failure is why it failed, nil when it passed.
	Failure *Failure `json:"failure,omitempty"`
}

// Failure is the step that did not go as it should.
type Failure struct {
	Line  int    `json:"line,omitempty"` // 0: before the first step
	Step  string `json:"step,omitempty"`
	Error string `json:"error"`
}

// run is a scenario under way.
type run struct {
	*Scenario
	client *Client
	ids    map[string]string // of people, groups, files, faults, by their names in the scenario
	named  map[string]string // ids of messages, by the names that steps gave
	seen   map[string]int    // by chat: the number of the last message that was expected
}

// Run runs a scenario from a clean state.
func (c *Client) Run(ctx context.Context, s *Scenario) Result {
	began := time.Now()
	r := &run{Scenario: s, client: c, ids: map[string]string{}, named: map[string]string{}, seen: map[string]int{}}
	res := Result{Name: s.Name, File: s.path, Steps: len(s.steps)}
	res.Failure = r.all(ctx)
	res.Took = time.Since(began).Seconds()
	return res
}

func (r *run) all(ctx context.Context) *Failure {
	if err := r.setUp(ctx); err != nil {
		return &Failure{Error: err.Error()}
	}
	for _, st := range r.steps {
		err := verbs[st.verb][st.kind](r, ctx, fields(maps.Clone(st.fields)))
		if err != nil {
			return &Failure{Line: st.line, Step: st.String(), Error: err.Error()}
		}
	}
	return nil
}

// setUp makes the people, groups and files.
func (r *run) setUp(ctx context.Context) error {
	// What is under way from before shall not come into this one.
	if err := r.client.call(ctx, http.MethodPost, "settle", map[string]string{"timeout": "2s"}, nil); err != nil {
		return err
	}
	if err := r.client.call(ctx, http.MethodPost, "reset", map[string]bool{"settings": true}, nil); err != nil {
		return err
	}
	settings := map[string]any{"status_delay": "0s", "seed": 1}
	maps.Copy(settings, r.Settings)
	if err := r.client.call(ctx, http.MethodPatch, "settings", settings, nil); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(r.People)) {
		p := r.People[name]
		if p == nil {
			p = map[string]any{}
		}
		if _, named := p["name"]; !named {
			p = maps.Clone(p)
			p["name"] = strings.ToUpper(name[:1]) + name[1:]
		}
		if err := r.create(ctx, "people", name, p); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Groups)) {
		g := maps.Clone(r.Groups[name])
		if people, ok := g["people"].([]any); ok {
			ids := make([]any, len(people))
			for i, p := range people {
				ids[i] = r.id(fmt.Sprint(p))
			}
			g["people"] = ids
		}
		if err := r.create(ctx, "groups", name, g); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Files)) {
		if err := r.putUp(ctx, name, r.Files[name]); err != nil {
			return fmt.Errorf("file %s: %w", name, err)
		}
	}
	return nil
}

func (r *run) create(ctx context.Context, kind, name string, what map[string]any) error {
	var made struct{ ID string }
	err := r.client.call(ctx, http.MethodPost, kind, what, &made)
	if phone, ok := what["phone"].(string); err != nil && ok && kind == "people" {
		// A late answer of the business may have made a stranger of that number.
		if r.client.call(ctx, http.MethodDelete, "people/"+url.PathEscape(phone), nil, nil) == nil {
			err = r.client.call(ctx, http.MethodPost, kind, what, &made)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", kind, name, err)
	}
	r.ids[name] = made.ID
	return nil
}

func (r *run) putUp(ctx context.Context, name string, f File) error {
	data, err := base64.StdEncoding.DecodeString(f.Base64)
	if err != nil {
		return fmt.Errorf("base64: %w", err)
	}
	if f.Path != "" {
		if data, err = os.ReadFile(filepath.Join(filepath.Dir(r.path), f.Path)); err != nil {
			return err
		}
	}
	if f.Filename == "" && f.Path != "" {
		f.Filename = filepath.Base(f.Path)
	}
	var made struct{ ID string }
	err = r.client.send(ctx, http.MethodPost, "/_emulator/media?filename="+url.QueryEscape(f.Filename), f.Type, bytes.NewReader(data), &made)
	r.ids[name] = made.ID
	return err
}

// id returns what a name of the scenario stands for, or the name itself.
func (r *run) id(name string) string {
	if id, ok := r.ids[name]; ok {
		return id
	}
	return name
}

// message returns the id of a message that a step named, or the name itself.
func (r *run) message(name string) string {
	if id, ok := r.named[name]; ok {
		return id
	}
	return name
}

// fields are those of a step. Each step takes out what it knows, and what is left is a mistake.
type fields map[string]any

func (f fields) text(name string) string {
	v, ok := f[name]
	delete(f, name)
	if !ok || v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func (f fields) take(name string) (any, bool) {
	v, ok := f[name]
	delete(f, name)
	return v, ok
}

func (f fields) span(name string, usual time.Duration) (time.Duration, error) {
	s := f.text(name)
	if s == "" {
		return usual, nil
	}
	d, err := span.Parse(s)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

// done says that there are members that have no meaning.
func (f fields) done() error {
	if len(f) == 0 {
		return nil
	}
	return fmt.Errorf("the step has members that mean nothing here: %s", strings.Join(slices.Sorted(maps.Keys(f)), ", "))
}

// need says that a member is missing.
func need(name, value string) error {
	if value == "" {
		return errors.New(name + " is missing")
	}
	return nil
}

// eventually asks until check is content or the time is over, and returns its last complaint.
func eventually(ctx context.Context, within time.Duration, check func(context.Context) (final bool, err error)) error {
	limit, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var last error
	for {
		final, err := check(limit)
		if err == nil || final || ctx.Err() != nil {
			return err
		}
		if limit.Err() != nil && last != nil {
			err = last // the time was over in the middle of asking
		}
		last = err
		select {
		case <-limit.Done():
			return fmt.Errorf("%w (waited %v)", err, within)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
