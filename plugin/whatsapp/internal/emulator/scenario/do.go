package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// verbs are what a step can be.
var verbs = map[string]map[string]func(*run, context.Context, fields) error{
	"do": {
		"send": (*run).send, "tap": (*run).tap, "read": (*run).read, "clock": (*run).clock, "fault": (*run).fault,
		"clear-faults": (*run).clearFaults, "person": (*run).person, "number": (*run).number, "user-id": (*run).userID,
		"settings": (*run).settings, "template": (*run).template, "webhook": (*run).webhook, "graph": (*run).graph,
		"settle": (*run).settle,
	},
	"expect": {
		"message": (*run).expectMessage, "none": (*run).expectNone, "count": (*run).expectCount,
		"state": (*run).expectState, "typing": (*run).expectTyping, "window": (*run).expectWindow,
		"counters": (*run).expectCounters,
	},
}

func verbNames(verb string) string { return strings.Join(slices.Sorted(maps.Keys(verbs[verb])), ", ") }

// send does something on a phone; its members are those of the control API.
func (r *run) send(ctx context.Context, f fields) error {
	as := f.text("as")
	if f["type"] == nil {
		f["type"] = "text"
	}
	for _, name := range []string{"from", "group", "media"} {
		if s, ok := f[name].(string); ok {
			f[name] = r.id(s)
		}
	}
	for _, name := range []string{"context", "message_id_reacted", "message_id"} {
		if s, ok := f[name].(string); ok {
			f[name] = r.message(s)
		}
	}
	var sent struct{ ID string }
	if err := r.client.call(ctx, http.MethodPost, "send", f, &sent); err != nil {
		return err
	}
	if as != "" {
		r.named[as] = sent.ID
	}
	return nil
}

func (r *run) tap(ctx context.Context, f fields) error {
	f["type"] = "tap"
	return r.send(ctx, f)
}

func (r *run) read(ctx context.Context, f fields) error {
	body := map[string]any{"from": r.id(f.text("from"))}
	if of := f.text("of"); of != "" {
		body["message_id"] = r.message(of)
	}
	if played, ok := f.take("played"); ok {
		body["played"] = played
	}
	if group := f.text("group"); group != "" {
		body["group"] = r.id(group)
	}
	if err := f.done(); err != nil {
		return err
	}
	return r.client.call(ctx, http.MethodPost, "read", body, nil)
}

func (r *run) clock(ctx context.Context, f fields) error {
	return r.client.call(ctx, http.MethodPost, "clock", f, nil)
}

// fault adds a rule, which has the members of the control API.
func (r *run) fault(ctx context.Context, f fields) error {
	as := f.text("as")
	given, _ := f.take("rule")
	rule, ok := given.(map[string]any)
	if err := f.done(); err != nil {
		return err
	}
	if !ok {
		return errors.New("rule is missing, such as {on: webhook, do: duplicate, next: 1}")
	}
	if m, ok := rule["match"].(map[string]any); ok {
		if user, ok := m["user"].(string); ok {
			rule, m = maps.Clone(rule), maps.Clone(m)
			m["user"], rule["match"] = r.id(user), m
		}
	}
	var made struct{ ID string }
	if err := r.client.call(ctx, http.MethodPost, "faults", rule, &made); err != nil {
		return err
	}
	if as != "" {
		r.ids[as] = made.ID
	}
	return nil
}

func (r *run) clearFaults(ctx context.Context, f fields) error {
	if err := f.done(); err != nil {
		return err
	}
	return r.client.call(ctx, http.MethodDelete, "faults", nil, nil)
}

func (r *run) person(ctx context.Context, f fields) error {
	who := f.text("who")
	if err := need("who", who); err != nil {
		return err
	}
	return r.client.call(ctx, http.MethodPatch, "people/"+url.PathEscape(r.id(who)), f, nil)
}

func (r *run) number(ctx context.Context, f fields) error {
	who := f.text("who")
	if err := need("who", who); err != nil {
		return err
	}
	return r.client.call(ctx, http.MethodPost, "people/"+url.PathEscape(r.id(who))+"/number", map[string]any{"phone": f.text("phone")}, nil)
}

func (r *run) userID(ctx context.Context, f fields) error {
	who := f.text("who")
	if err := need("who", who); err != nil {
		return err
	}
	return r.client.call(ctx, http.MethodPost, "people/"+url.PathEscape(r.id(who))+"/user-id", f, nil)
}

func (r *run) settings(ctx context.Context, f fields) error {
	return r.client.call(ctx, http.MethodPatch, "settings", f, nil)
}

// template decides about a template, by its name.
func (r *run) template(ctx context.Context, f fields) error {
	var all []struct{ ID, Name string }
	if err := r.client.call(ctx, http.MethodGet, "templates", nil, &all); err != nil {
		return err
	}
	name := f.text("name")
	for _, t := range all {
		if t.Name == name {
			return r.client.call(ctx, http.MethodPost, "templates/"+t.ID+"/review", f, nil)
		}
	}
	return fmt.Errorf("there is no template %q", name)
}

func (r *run) webhook(ctx context.Context, f fields) error {
	return r.client.call(ctx, http.MethodPost, "webhooks", f, nil)
}

// graph makes a call as the business would, and checks its answer.
func (r *run) graph(ctx context.Context, f fields) error {
	method, path, token := f.text("method"), f.text("path"), f.text("token")
	if method == "" {
		method = http.MethodPost
	}
	if token == "" {
		token = "demo-access-token"
	}
	body, _ := f.take("body")
	want, _ := f.take("answer")
	wantStatus, wantCode := f.text("status"), f.text("code")
	as := f.text("as")
	if err := errors.Join(need("path", path), f.done()); err != nil {
		return err
	}
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("body has no JSON form: %w", err)
		}
		content = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.client.Address+path, content)
	if err != nil {
		return fmt.Errorf("path: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := r.client.HTTP.Do(req)
	if err != nil {
		if wantStatus == "none" {
			return nil
		}
		return fmt.Errorf("the call has no answer: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, _ := io.ReadAll(res.Body)
	var got any
	_ = json.Unmarshal(raw, &got) // what is no JSON matches nothing
	code, _ := at(got, "error.code")
	switch {
	case wantStatus != "" && wantStatus != fmt.Sprint(res.StatusCode), wantStatus == "" && wantCode == "" && res.StatusCode != http.StatusOK:
		return fmt.Errorf("the answer is %d: %s", res.StatusCode, short(raw))
	case wantCode != "" && wantCode != fmt.Sprint(code):
		return fmt.Errorf("the code is %v, not %s: %s", code, wantCode, short(raw))
	}
	if id, ok := at(got, "messages.0.id"); ok && as != "" {
		r.named[as] = fmt.Sprint(id)
	}
	if want != nil {
		return differs(want, got, "answer")
	}
	return nil
}

func short(raw []byte) string { return string(raw[:min(len(raw), 500)]) }

// settle waits until nothing is under way.
func (r *run) settle(ctx context.Context, f fields) error {
	within, err := f.span("within", r.within)
	if err != nil {
		return err
	}
	if err := f.done(); err != nil {
		return err
	}
	var got struct{ Settled bool }
	if err := r.client.call(ctx, http.MethodPost, "settle", map[string]string{"timeout": within.String()}, &got); err != nil {
		return err
	}
	if !got.Settled {
		return fmt.Errorf("webhooks are still under way after %v", within.Round(time.Millisecond))
	}
	return nil
}
