package emulator_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

const templates = "/v25.0/102290129340398/message_templates"

// greeting is a template with everything that is filled in.
func greeting(change ...object) object {
	d := object{
		"name": "greeting", "language": "en_US", "category": "utility", "components": []any{
			object{"type": "HEADER", "format": "IMAGE"},
			object{"type": "BODY", "text": "Hello {{1}}, your order {{2}} is here."},
			object{"type": "FOOTER", "text": "Bye"},
			object{"type": "BUTTONS", "buttons": []any{
				object{"type": "QUICK_REPLY", "text": "Thanks"}, object{"type": "URL", "text": "Track", "url": "https://example.org/{{1}}"},
			}},
		},
	}
	for _, c := range change {
		for k, v := range c {
			d[k] = v
		}
	}
	return d
}

func (r rig) create(t *testing.T, d object) (id string, code int) {
	t.Helper()
	_, answer, _ := r.call(t, "POST", templates, text(d))
	code = into[metaError](t, answer).Error.Code
	if code == 0 {
		id, _ = into[map[string]any](t, answer)["id"].(string)
	}
	return id, code
}

func use(components ...any) string {
	return message("template", object{"name": "greeting", "language": object{"code": "en_US"}, "components": components})
}

func component(kind string, ps ...any) object { return object{"type": kind, "parameters": ps} }

func words(s string) object { return object{"type": "text", "text": s} }

func pressable(sub, index string, ps ...any) object {
	return object{"type": "button", "sub_type": sub, "index": index, "parameters": ps}
}

func TestTemplateParameters(t *testing.T) {
	t.Parallel()
	r := written(t)
	r.control(t, "PATCH", "settings", object{"pair_rate": false})
	ids := r.uploaded(t)
	if _, code := r.create(t, greeting()); code != 0 {
		t.Fatalf("code %d", code)
	}
	r.settled(t)
	head := component("header", object{"type": "image", "image": object{"id": "IMAGE"}})
	body := component("body", words("Ana"), words("17"))
	track := pressable("url", "1", words("17"))
	for name, c := range map[string]struct {
		body string
		code int
	}{
		"all":               {use(head, body, track), 0},
		"a payload":         {use(head, body, track, pressable("quick_reply", "0", object{"type": "payload", "payload": "P"})), 0},
		"index as a number": {use(head, body, object{"type": "button", "sub_type": "url", "index": 1, "parameters": []any{words("x")}}), 0},
		"no header":         {use(body, track), 132012},
		"another header":    {use(component("header", words("x")), body, track), 132012},
		"one too few":       {use(head, component("body", words("Ana")), track), 132000},
		"one too many":      {use(head, component("body", words("a"), words("b"), words("c")), track), 132000},
		"new line":          {use(head, component("body", words("a\nb"), words("c")), track), 132018},
		"five blanks":       {use(head, component("body", words("a     b"), words("c")), track), 132018},
		"too long":          {use(head, component("body", words(xs(1020)), words("c")), track), 132005},
		"a file in a text":  {use(head, component("body", words("a"), object{"type": "image", "image": object{"id": "IMAGE"}}), track), 132012},
		"named":             {use(head, component("body", object{"type": "text", "text": "a", "parameter_name": "x"}, words("b")), track), 132012},
		"no suffix":         {use(head, body), 131008},
		"no such button":    {use(head, body, track, pressable("url", "7", words("x"))), 100},
		"another button":    {use(head, body, pressable("quick_reply", "1", object{"type": "payload", "payload": "P"})), 132012},
		"no such component": {use(head, body, track, component("limited_time_offer", object{"type": "limited_time_offer", "limited_time_offer": object{}})), 132018},
		"unknown component": {use(head, body, track, component("legs")), 100},
		"unknown type":      {use(head, component("body", object{"type": "sound"}, words("b")), track), 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if code := r.code(t, ids.Replace(c.body)); code != c.code {
				t.Errorf("code %d, want %d", code, c.code)
			}
		})
	}
}

func TestFilledTemplate(t *testing.T) {
	t.Parallel()
	r := written(t)
	ids := r.uploaded(t)
	r.create(t, greeting())
	r.settled(t)
	r.code(t, ids.Replace(use(component("header", object{"type": "image", "image": object{"id": "IMAGE"}}),
		component("body", words("Ana"), words("17")), pressable("url", "1", words("a/b")))))
	m := r.last(t)
	if m.Template == nil || m.Template.Body != "Hello Ana, your order 17 is here." || m.Template.Footer != "Bye" ||
		m.Template.Buttons[1].URL != "https://example.org/a/b" || m.Template.Header.Type != "image" || m.Category != "utility" {
		t.Errorf("%+v", m.Template)
	}
	r.control(t, "POST", "send", object{"from": user, "type": "tap", "title": "Thanks"})
	if m := r.last(t); !bytes.Contains(m.Body, []byte(`"button":{"payload":"Thanks","text":"Thanks"}`)) {
		t.Errorf("%s", m.Body)
	}
}

func TestNamedParameters(t *testing.T) {
	t.Parallel()
	r := written(t)
	named := greeting(object{"parameter_format": "named", "components": []any{object{"type": "body", "text": "Hello {{first_name}}"}}})
	if _, code := r.create(t, named); code != 0 {
		t.Fatal(code)
	}
	r.settled(t)
	for name, want := range map[string]int{"first_name": 0, "last_name": 100, "": 100} {
		p := words("Ana")
		if name != "" {
			p["parameter_name"] = name
		}
		if code := r.code(t, use(component("body", p))); code != want {
			t.Errorf("%q: %d", name, code)
		}
	}
}

func TestTemplateDefinitions(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	only := func(cs ...any) object { return object{"components": cs} }
	body := object{"type": "BODY", "text": "hello"}
	buttons := func(bs ...any) object { return object{"type": "BUTTONS", "buttons": bs} }
	reply, link := object{"type": "QUICK_REPLY", "text": "Yes"}, object{"type": "URL", "text": "Open", "url": "https://example.org/"}
	i := 0
	for name, c := range map[string]struct {
		change object
		code   int
	}{
		"as it is":           {nil, 0},
		"capitals":           {object{"name": "Greeting"}, 100},
		"no language":        {object{"language": ""}, 100},
		"no category":        {object{"category": "fun"}, 100},
		"unknown member":     {object{"colour": "red"}, 100},
		"no body":            {only(object{"type": "FOOTER", "text": "x"}), 100},
		"body 1024":          {only(object{"type": "BODY", "text": xs(1024)}), 0},
		"body 1025":          {only(object{"type": "BODY", "text": xs(1025)}), 100},
		"header 61":          {only(body, object{"type": "HEADER", "format": "TEXT", "text": xs(61)}), 100},
		"footer 61":          {only(body, object{"type": "FOOTER", "text": xs(61)}), 100},
		"footer variable":    {only(body, object{"type": "FOOTER", "text": "{{1}}"}), 100},
		"variables skip":     {only(object{"type": "BODY", "text": "{{2}}"}), 100},
		"variable by name":   {only(object{"type": "BODY", "text": "{{name}}"}), 100},
		"two bodies":         {only(body, body), 100},
		"two links":          {only(body, buttons(link, link)), 0},
		"three links":        {only(body, buttons(link, link, link)), 100},
		"eleven buttons":     {only(body, buttons(reply, reply, reply, reply, reply, reply, reply, reply, reply, reply, reply)), 100},
		"mixed replies":      {only(body, buttons(reply, link, reply)), 100},
		"button 26":          {only(body, buttons(object{"type": "QUICK_REPLY", "text": xs(26)})), 100},
		"variable inside":    {only(body, buttons(object{"type": "URL", "text": "x", "url": "https://example.org/{{1}}/x"})), 100},
		"one card":           {only(body, object{"type": "CAROUSEL", "cards": []any{object{"components": []any{body}}}}), 100},
		"unknown component":  {only(body, object{"type": "LEGS"}), 100},
		"unknown header":     {only(body, object{"type": "HEADER", "format": "SMELL"}), 100},
		"the name and again": {object{"name": "hello_world"}, 100},
	} {
		if i++; c.change["name"] == nil {
			c.change = merged(c.change, object{"name": fmt.Sprintf("greeting_%d", i)})
		}
		if _, code := r.create(t, greeting(c.change)); code != c.code {
			t.Errorf("%s: code %d, want %d", name, code, c.code)
		}
	}
}

func merged(a, b object) object {
	out := object{}
	for _, o := range []object{a, b} {
		for k, v := range o {
			out[k] = v
		}
	}
	return out
}

func TestTemplateReview(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, 0)
	r := newRig(t, d.URL)
	r.control(t, "PATCH", "settings", object{"template_review": "hold", "window": "off"})
	plain := greeting(object{"components": []any{object{"type": "BODY", "text": "hello"}}})
	id, _ := r.create(t, plain)
	for _, c := range []struct {
		status string
		code   int
	}{{"", 132001}, {"APPROVED", 0}, {"PAUSED", 132015}, {"DISABLED", 132016}, {"REJECTED", 132001}} {
		if c.status != "" {
			r.control(t, "POST", "templates/"+id+"/review", object{"status": c.status})
		}
		if code := r.code(t, use()); code != c.code {
			t.Errorf("%s: code %d", c.status, code)
		}
	}
	r.settled(t)
	all := string(bytes.Join(d.taken(t, 0), nil))
	for _, want := range []string{`"event":"APPROVED"`, `"event":"PAUSED"`, `"message_template_id":` + id, `"field":"message_template_status_update"`} {
		if !strings.Contains(all, want) {
			t.Errorf("no webhook has %s", want)
		}
	}
}

func TestTemplateLists(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	for i := range 3 {
		r.create(t, greeting(object{"name": fmt.Sprintf("t%d", i)}))
	}
	type page struct {
		Data   []map[string]any
		Paging struct {
			Cursors struct{ After string }
			Next    string
		}
	}
	_, answer, _ := r.call(t, "GET", templates+"?limit=3&fields=name,status", "")
	first := into[page](t, answer)
	if len(first.Data) != 3 || first.Data[1]["name"] != "t0" || first.Data[1]["components"] != nil || first.Paging.Next == "" {
		t.Fatalf("%s", answer)
	}
	_, answer, _ = r.call(t, "GET", strings.TrimPrefix(first.Paging.Next, r.address), "")
	if second := into[page](t, answer); len(second.Data) != 1 || second.Data[0]["name"] != "t2" || second.Paging.Next != "" {
		t.Errorf("%s", answer)
	}
	if _, answer, _ := r.call(t, "GET", templates+"?after=nonsense", ""); into[metaError](t, answer).Error.Code != 131059 {
		t.Errorf("%s", answer)
	}
	if status, answer, _ := r.call(t, "DELETE", templates+"?name=t1", ""); status != 200 {
		t.Errorf("%s", answer)
	}
	if status, _, _ := r.call(t, "DELETE", templates+"?name=t1", ""); status != 400 {
		t.Error("deleted twice")
	}
	if status, answer, _ := r.call(t, "GET", "/v25.0/1/message_templates", ""); status != 400 {
		t.Errorf("another account: %s", answer)
	}
	r.control(t, "POST", "tokens", object{"token": "m", "scopes": []string{world.Messaging}})
	if _, answer, _ := r.call(t, "GET", templates, "", "Authorization", "Bearer m"); into[metaError](t, answer).Error.Code != 200 {
		t.Errorf("another scope: %s", answer)
	}
}
