package world

import (
	"fmt"
	"slices"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/template"
)

// Templates returns all definitions.
func (w *World) Templates() []template.Definition {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]template.Definition, len(w.state.Templates))
	for i, t := range w.state.Templates {
		out[i] = *t
	}
	return out
}

// AddTemplate keeps a definition, which waits for its review.
func (w *World) AddTemplate(t template.Definition) (template.Definition, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.ContainsFunc(w.state.Templates, func(o *template.Definition) bool {
		return o.Name == t.Name && o.Language == t.Language
	}) {
		no := refusal.Parameter("there is a template %s in %s already", t.Name, t.Language)
		no.Subcode = 2388024
		return t, no
	}
	if len(w.state.Templates) >= MaxTemplates {
		return t, refusal.New(80007, "the account has %d templates already", MaxTemplates)
	}
	t.ID, t.Status = w.number(16), template.Pending
	w.state.Templates = append(w.state.Templates, &t)
	w.tell("template", t)
	return t, nil
}

// Template returns one by id.
func (w *World) Template(id string) (template.Definition, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.templateByID(id); t != nil {
		return *t, true
	}
	return template.Definition{}, false
}

func (w *World) templateByID(id string) *template.Definition {
	i := slices.IndexFunc(w.state.Templates, func(t *template.Definition) bool { return t.ID == id })
	if i < 0 {
		return nil
	}
	return w.state.Templates[i]
}

// Review decides about a template.
func (w *World) Review(id, status, reason string) (template.Definition, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.templateByID(id)
	switch {
	case t == nil:
		return template.Definition{}, fmt.Errorf("%w: no template has the id %.40q", ErrUnknown, id)
	case !slices.Contains([]string{template.Approved, template.Rejected, template.Paused, template.Disabled, template.Pending}, status):
		return template.Definition{}, fmt.Errorf("status %.20q is none of APPROVED, REJECTED, PAUSED, DISABLED, PENDING", status)
	}
	t.Status, t.Reason = status, ""
	if status == template.Rejected {
		t.Reason = pick(true, reason)
		if reason == "" {
			t.Reason = "NONE"
		}
	}
	w.tell("template", *t)
	return *t, nil
}

const (
	editsPerDay   = 1
	editsPerMonth = 10
)

// EditTemplate replaces the components of one, which waits for its review again.
func (w *World) EditTemplate(id string, components []template.Component, category string) (template.Definition, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.templateByID(id)
	if t == nil {
		return template.Definition{}, fmt.Errorf("%w: no template has the id %.40q", ErrUnknown, id)
	}
	day, month := 0, 0
	for _, at := range t.Edited {
		if since := w.now().Sub(at); since < 30*24*time.Hour {
			month++
			if since < 24*time.Hour {
				day++
			}
		}
	}
	if t.Status == template.Approved && (day >= editsPerDay || month >= editsPerMonth) {
		return *t, refusal.Parameter("an approved template can be edited once in 24 hours and 10 times in 30 days")
	}
	if components != nil {
		t.Components = components
	}
	if category != "" {
		t.Category = category
	}
	t.Edited, t.Status = append(t.Edited, w.now()), template.Pending
	w.tell("template", *t)
	return *t, nil
}

// DeleteTemplates forgets those of a name, or the one that has the id too, and returns them.
func (w *World) DeleteTemplates(name, id string) (gone []template.Definition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state.Templates = slices.DeleteFunc(w.state.Templates, func(t *template.Definition) bool {
		match := t.Name == name && (id == "" || t.ID == id)
		if match {
			gone = append(gone, *t)
			w.tell("template", map[string]any{"id": t.ID, "deleted": true})
		}
		return match
	})
	return gone
}
