package emulator

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/template"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

// createTemplate is POST /{account id}/message_templates.
func (e *Emulator) createTemplate(c *graphCall) (any, error) {
	if err := e.ofAccount(c); err != nil {
		return nil, err
	}
	if err := needsJSON(c.Request); err != nil {
		return nil, err
	}
	d, err := template.Parse(c.raw)
	if err != nil {
		return nil, err
	}
	t, err := e.world.AddTemplate(*d)
	if err != nil {
		return nil, err
	}
	e.reviewLater(t.ID)
	return map[string]string{"id": t.ID, "status": t.Status, "category": t.Category}, nil
}

// editTemplate is POST /{template id}.
func (e *Emulator) editTemplate(c *graphCall) (any, error) {
	if err := e.authorize(c, world.Management); err != nil {
		return nil, err
	}
	old, _ := e.world.Template(c.PathValue("id"))
	var change struct {
		Category   string          `json:"category"`
		Components json.RawMessage `json:"components"`
	}
	if err := json.Unmarshal(c.raw, &change); err != nil {
		return nil, refusal.Parameter("the body is not valid JSON: %v", err)
	}
	whole := map[string]any{"name": old.Name, "language": old.Language, "category": old.Category, "parameter_format": old.Format, "components": old.Components}
	if change.Category != "" {
		whole["category"] = change.Category
	}
	if change.Components != nil {
		whole["components"] = change.Components
	}
	raw, err := json.Marshal(whole)
	if err != nil {
		return nil, refusal.Parameter("the components cannot be read")
	}
	d, err := template.Parse(raw)
	if err != nil {
		return nil, err
	}
	if _, err := e.world.EditTemplate(old.ID, d.Components, d.Category); err != nil {
		return nil, err
	}
	e.reviewLater(old.ID)
	return success, nil
}

// reviewLater decides about a template as the settings say, as soon as the call is answered.
func (e *Emulator) reviewLater(id string) {
	status := map[string]string{world.Approve: template.Approved, world.Reject: template.Rejected}[e.world.Settings().TemplateReview]
	if status == "" {
		return
	}
	e.ladders.add(1)
	e.clock.After(0, func() {
		defer e.ladders.add(-1)
		_, _ = e.review(id, status, "") // it may be deleted by now
	})
}

// review decides about a template and tells the business.
func (e *Emulator) review(id, status, reason string) (template.Definition, error) {
	t, err := e.world.Review(id, status, reason)
	if err != nil {
		return t, err
	}
	e.account("message_template_status_update", templateEvent(t, status), "template "+t.Name+" is "+status)
	return t, nil
}

func templateEvent(t template.Definition, event string) map[string]any {
	n, _ := strconv.ParseUint(t.ID, 10, 64) // the emulator made it of digits
	reason := "NONE"
	if t.Reason != "" {
		reason = t.Reason
	}
	return map[string]any{
		"event": event, "message_template_id": n, "message_template_name": t.Name, "message_template_language": t.Language,
		"message_template_category": t.Category, "reason": reason,
	}
}

// deleteTemplates is DELETE /{account id}/message_templates.
func (e *Emulator) deleteTemplates(c *graphCall) (any, error) {
	if err := e.ofAccount(c); err != nil {
		return nil, err
	}
	q := c.URL.Query()
	name := q.Get("name")
	if name == "" {
		return nil, refusal.Parameter("The parameter name is required.")
	}
	gone := e.world.DeleteTemplates(name, q.Get("hsm_id"))
	if len(gone) == 0 {
		return nil, refusal.Parameter("there is no template %.80q, or it has another hsm_id", name)
	}
	for _, t := range gone {
		e.account("message_template_status_update", templateEvent(t, "DELETED"), "template "+t.Name+" is DELETED")
	}
	return success, nil
}

const (
	pageSize    = 25
	maxPageSize = 1000
)

// listTemplates is GET /{account id}/message_templates.
func (e *Emulator) listTemplates(c *graphCall) (any, error) {
	if err := e.ofAccount(c); err != nil {
		return nil, err
	}
	q := c.URL.Query()
	all := slices.DeleteFunc(e.world.Templates(), func(t template.Definition) bool {
		return q.Get("name") != "" && !strings.Contains(t.Name, q.Get("name")) || q.Get("status") != "" && t.Status != q.Get("status") ||
			q.Get("language") != "" && t.Language != q.Get("language") || q.Get("category") != "" && t.Category != q.Get("category")
	})
	return e.paged(c, len(all), func(i int) (any, error) { return fields(all[i], q.Get("fields")) })
}

type paging struct {
	Cursors struct {
		Before string `json:"before"`
		After  string `json:"after"`
	} `json:"cursors"`
	Next string `json:"next,omitempty"`
}

// paged answers with a part of a list, and a cursor that leads on.
func (e *Emulator) paged(c *graphCall, n int, at func(int) (any, error)) (any, error) {
	q := c.URL.Query()
	limit := pageSize
	if s := q.Get("limit"); s != "" {
		var err error
		if limit, err = strconv.Atoi(s); err != nil || limit < 1 || limit > maxPageSize {
			return nil, refusal.Parameter("Param limit must be from 1 to %d", maxPageSize)
		}
	}
	from := 0
	if s := q.Get("after"); s != "" {
		raw, err := base64.RawURLEncoding.DecodeString(s)
		if from, _ = strconv.Atoi(string(raw)); err != nil || from <= 0 || from > n {
			return nil, refusal.New(131059, "the cursor is none that the emulator gave")
		}
	}
	to := min(from+limit, n)
	out := struct {
		Data    []any          `json:"data"`
		Paging  *paging        `json:"paging,omitempty"`
		Summary map[string]any `json:"summary,omitempty"`
	}{Data: []any{}}
	if q.Get("summary") != "" {
		out.Summary = map[string]any{
			"total_count": n, "message_template_count": n, "message_template_limit": world.MaxTemplates, "are_translations_complete": true,
		}
	}
	for i := from; i < to; i++ {
		v, err := at(i)
		if err != nil {
			return nil, err
		}
		out.Data = append(out.Data, v)
	}
	if len(out.Data) == 0 {
		return out, nil
	}
	cursor := func(i int) string { return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(i))) }
	out.Paging = &paging{}
	out.Paging.Cursors.Before, out.Paging.Cursors.After = cursor(from), cursor(to)
	if to < n {
		base, _ := e.base.Load().(string)
		q.Set("after", cursor(to))
		q.Del("access_token")
		out.Paging.Next = base + "/" + c.version + c.URL.Path + "?" + q.Encode()
	}
	return out, nil
}

// fields returns an object with the members that a call asks for, and always its id. Without a list it has
// all.
func fields(v any, list string) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil || list == "" {
		return v, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, err
	}
	out := map[string]json.RawMessage{"id": all["id"]}
	for f := range strings.SplitSeq(list, ",") {
		f, _, _ = strings.Cut(strings.TrimSpace(f), "{")
		if value, ok := all[f]; ok {
			out[f] = value
		}
	}
	return out, nil
}
