package scenario

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v4"
)

// Spoken is a message of a chat that is to be kept as a test.
type Spoken struct {
	ID       string
	FromUser bool
	Who      string // the name of the person in the scenario
	Body     json.RawMessage
	Template any
}

// Person of such a chat.
type Person struct{ Name, Phone, UserID string }

// Copy writes a chat as a scenario: what the people did is done, and what the business answered is
// expected. Files become placeholders, as only the emulator has their bytes.
func Copy(name string, people map[string]Person, group []string, chat []Spoken) ([]byte, error) {
	doc := mapping{{"name", name}}
	var who mapping
	for _, n := range sortedNames(people) {
		p := people[n]
		m := mapping{}
		for _, f := range []entry{{"phone", p.Phone}, {"user_id", p.UserID}, {"name", p.Name}} {
			if f.value != "" {
				m = append(m, f)
			}
		}
		who = append(who, entry{n, m})
	}
	doc = append(doc, entry{"people", who})
	if group != nil {
		doc = append(doc, entry{"groups", mapping{{"group", mapping{{"subject", name}, {"people", group}}}}})
	}
	c := copier{to: "group", files: mapping{}, named: map[string]string{}}
	if group == nil && len(chat) > 0 {
		c.to = sortedNames(people)[0]
	}
	c.name(chat)
	for _, m := range chat {
		c.add(m, group != nil)
	}
	if len(c.files) > 0 {
		doc = append(doc, entry{"files", c.files})
	}
	node, err := append(doc, entry{"steps", c.steps}).node()
	if err != nil {
		return nil, err
	}
	return yaml.Dump(node)
}

func sortedNames(people map[string]Person) (names []string) {
	for n := range people {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

type copier struct {
	to    string
	steps []mapping
	files mapping
	named map[string]string // message ids by which other messages call them
}

// name gives names to the messages that others refer to.
func (c *copier) name(chat []Spoken) {
	for _, m := range chat {
		var body map[string]any
		_ = json.Unmarshal(m.Body, &body) // it has that shape
		for _, path := range []string{"context.id", "context.message_id", "reaction.message_id", "edit.original_message_id", "revoke.original_message_id"} {
			if id, ok := at(body, path); ok && c.named[fmt.Sprint(id)] == "" {
				c.named[fmt.Sprint(id)] = fmt.Sprintf("message %d", len(c.named)+1)
			}
		}
	}
}

func (c *copier) add(m Spoken, group bool) {
	var body map[string]any
	if json.Unmarshal(m.Body, &body) != nil {
		return
	}
	var step mapping
	if m.FromUser {
		step = c.did(m, body)
		if group {
			step = append(step, entry{"group", "group"})
		}
	} else {
		step = c.expected(m, body)
	}
	if as := c.named[m.ID]; as != "" {
		step = append(step, entry{"as", as})
	}
	c.steps = append(c.steps, step)
}

// did is a step of a person.
func (c *copier) did(m Spoken, body map[string]any) mapping {
	text := func(path string) string {
		v, ok := at(body, path)
		if !ok {
			return ""
		}
		return fmt.Sprint(v)
	}
	step := mapping{{"do", "send"}, {"from", m.Who}}
	add := func(name string, value any) {
		if value != "" && value != nil {
			step = append(step, entry{name, value})
		}
	}
	kind := text("type")
	switch kind {
	case "", "text":
		add("text", text("text.body"))
	case "interactive":
		which := text("interactive.type")
		if which != "button_reply" && which != "list_reply" {
			add("type", "raw")
			add("message", mapping{{"type", kind}, {"interactive", body["interactive"]}})
			break
		}
		step[0].value = "tap"
		add("title", text("interactive."+which+".title"))
	case "button":
		step[0].value = "tap"
		add("title", text("button.text"))
	case "image", "video", "audio", "document", "sticker":
		add("type", kind)
		name := fmt.Sprintf("%s %d", kind, len(c.files)+1)
		c.files = append(c.files, entry{name, mapping{{"type", text(kind + ".mime_type")}, {"path", "put the file here"}}})
		add("media", name)
		add("caption", text(kind+".caption"))
	case "location":
		add("type", kind)
		for _, f := range []string{"latitude", "longitude"} {
			v, _ := at(body, "location."+f)
			add(f, v)
		}
		add("place", text("location.name"))
		add("address", text("location.address"))
	case "reaction":
		add("type", kind)
		step = append(step, entry{"emoji", text("reaction.emoji")})
		add("context", c.named[text("reaction.message_id")])
	case "edit":
		add("type", kind)
		add("text", text("edit.message.text.body"))
		add("context", c.named[text("edit.original_message_id")])
	case "revoke":
		add("type", kind)
		add("context", c.named[text("revoke.original_message_id")])
	default:
		add("type", "raw")
		message := mapping{{"type", kind}}
		if body[kind] != nil {
			message = append(message, entry{kind, body[kind]})
		}
		add("message", message)
	}
	if kind != "reaction" && kind != "edit" && kind != "revoke" {
		add("context", c.named[text("context.id")])
	}
	return step
}

// expected is a step of the business.
func (c *copier) expected(m Spoken, body map[string]any) mapping {
	raw, _ := json.Marshal(m.Template)
	var template map[string]any
	_ = json.Unmarshal(raw, &template) // nil when there is none
	msg := Message{Body: body, Template: template}
	step := mapping{{"expect", "message"}, {"to", c.to}, {"type", kindOf(msg)}}
	if t := textOf(msg); t != "" {
		step = append(step, entry{"text", literal(t)})
	}
	for _, which := range []string{"buttons", "rows"} {
		if all, ok := titles(msg, which).([]any); ok && len(all) > 0 {
			step = append(step, entry{which, all})
		}
	}
	if id, ok := at(body, "context.message_id"); ok && c.named[fmt.Sprint(id)] != "" {
		step = append(step, entry{"quotes", c.named[fmt.Sprint(id)]})
	}
	return step
}

// literal is a text that is compared as it is, also when it begins like an expression.
func literal(s string) string {
	if s[0] == '~' {
		return "~^" + regexp.QuoteMeta(s) + "$"
	}
	return s
}

// entry and mapping are YAML whose members keep their order.
type entry struct {
	name  string
	value any
}

type mapping []entry

func (m mapping) node() (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, e := range m {
		var key yaml.Node
		if err := key.Encode(e.name); err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
		value, err := nodeOf(e.value)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, &key, value)
	}
	return n, nil
}

func nodeOf(v any) (*yaml.Node, error) {
	switch v := v.(type) {
	case mapping:
		return v.node()
	case []mapping:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, m := range v {
			inner, err := m.node()
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, inner)
		}
		return n, nil
	}
	var n yaml.Node
	if err := n.Encode(v); err != nil {
		return nil, fmt.Errorf("the chat has no YAML form: %w", err)
	}
	return &n, nil
}
