package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// expectation is what all that waits for a message has in common.
type expectation struct {
	to     string
	within time.Duration
	as     string
}

func (r *run) expectation(f fields) (e expectation, err error) {
	e.to, e.as = f.text("to"), f.text("as")
	if e.within, err = f.span("within", r.within); err != nil {
		return e, err
	}
	return e, need("to", e.to)
}

// expectMessage waits for the next message of the business in a chat. It must match; with any it may come
// after others that do not.
func (r *run) expectMessage(ctx context.Context, f fields) error {
	e, err := r.expectation(f)
	if err != nil {
		return err
	}
	text, hasText := f.take("text")
	kind, quotes := f.text("type"), f.text("quotes")
	buttons, hasButtons := f.take("buttons")
	rows, hasRows := f.take("rows")
	where, hasWhere := f.take("where")
	later, _ := f.take("any")
	if err := f.done(); err != nil {
		return err
	}
	match := func(m Message) error {
		is := kindOf(m)
		switch {
		case kind != "" && kind != is && kind != fmt.Sprint(m.Body["type"]):
			return fmt.Errorf("it is of type %s, not %s: %s", is, kind, show(m))
		case quotes != "" && quoted(m) != r.message(quotes):
			return fmt.Errorf("it does not answer the message %s: %s", quotes, show(m))
		}
		for _, c := range []struct {
			on   bool
			want any
			is   any
			what string
		}{
			{hasText, text, textOf(m), "text"},
			{hasButtons, buttons, titles(m, "buttons"), "buttons"},
			{hasRows, rows, titles(m, "rows"), "rows"},
			{hasWhere, where, m.Body, "body"},
		} {
			if c.on {
				if err := differs(c.want, c.is, c.what); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return eventually(ctx, e.within, func(ctx context.Context) (bool, error) {
		chat, err := r.client.chat(ctx, r.id(e.to))
		if err != nil {
			return false, err
		}
		err = errors.New("no message came")
		for _, m := range chat.Messages {
			if m.Direction != "to_user" || m.Seq <= r.seen[chat.ID] || kind != "reaction" && kindOf(m) == "reaction" {
				continue
			}
			if err = match(m); err == nil {
				r.seen[chat.ID] = m.Seq
				if e.as != "" {
					r.named[e.as] = m.ID
				}
				return true, nil
			}
			if later != true {
				return true, err
			}
		}
		return false, err
	})
}

// expectNone says that nothing comes that no step expected: once nothing is under way, and for as long as
// "for" says.
func (r *run) expectNone(ctx context.Context, f fields) error {
	e, err := r.expectation(f)
	if err != nil {
		return err
	}
	wait, err := f.span("for", 0)
	if err != nil {
		return err
	}
	if err := f.done(); err != nil {
		return err
	}
	if err := r.settle(ctx, fields{}); err != nil {
		return err
	}
	for deadline := time.Now().Add(wait); ; time.Sleep(min(wait, 10*time.Millisecond)) {
		chat, err := r.client.chat(ctx, r.id(e.to))
		if err != nil {
			return err
		}
		for _, m := range chat.Messages {
			if m.Direction == "to_user" && m.Seq > r.seen[chat.ID] {
				return fmt.Errorf("a message came that was not expected: %s", show(m))
			}
		}
		if !time.Now().Before(deadline) {
			return nil
		}
	}
}

// expectCount waits until the business has sent so many messages to somebody, and no more.
func (r *run) expectCount(ctx context.Context, f fields) error {
	e, err := r.expectation(f)
	if err != nil {
		return err
	}
	text, hasText := f.take("text")
	want, err := strconv.Atoi(f.text("is"))
	if err != nil {
		return errors.New("is must be a number")
	}
	if err := f.done(); err != nil {
		return err
	}
	return eventually(ctx, e.within, func(ctx context.Context) (bool, error) {
		chat, err := r.client.chat(ctx, r.id(e.to))
		if err != nil {
			return false, err
		}
		n := 0
		for _, m := range chat.Messages {
			if m.Direction == "to_user" && (!hasText || differs(text, textOf(m), "") == nil) {
				n++
			}
		}
		if n != want {
			return n > want, fmt.Errorf("there are %d messages, not %d", n, want)
		}
		return true, nil
	})
}

// expectState waits until a message that a step named is in a state.
func (r *run) expectState(ctx context.Context, f fields) error {
	of, to, is, code := f.text("of"), f.text("to"), f.text("is"), f.text("code")
	posts, hasPosts := f.take("posts")
	used := f.text("used")
	within, err := f.span("within", r.within)
	if err := errors.Join(err, need("of", of), need("to (whose chat)", to), f.done()); err != nil {
		return err
	}
	return eventually(ctx, within, func(ctx context.Context) (bool, error) {
		chat, err := r.client.chat(ctx, r.id(to))
		if err != nil {
			return false, err
		}
		for _, m := range chat.Messages {
			switch {
			case m.ID != r.message(of):
				continue
			case is != "" && m.State != is:
				return false, fmt.Errorf("the message is %s, not %s", m.State, is)
			case code != "" && (m.Error == nil || fmt.Sprint(m.Error.Code) != code):
				return false, fmt.Errorf("the message has not failed with %s: %+v", code, m.Error)
			case hasPosts && fmt.Sprint(posts) != strconv.Itoa(m.Posts):
				return false, fmt.Errorf("its webhook was posted %d times, not %v", m.Posts, posts)
			case used != "" && m.Used != used:
				return false, fmt.Errorf("the button tapped is %q, not %q", m.Used, used)
			}
			return true, nil
		}
		return false, fmt.Errorf("the chat has no message %s", of)
	})
}

func (r *run) expectTyping(ctx context.Context, f fields) error {
	return r.expectFlag(ctx, f, "the business shows that it writes", func(c Chat) bool { return c.Typing })
}

func (r *run) expectWindow(ctx context.Context, f fields) error {
	return r.expectFlag(ctx, f, "the window of the chat is open", func(c Chat) bool { return c.Window.Open })
}

func (r *run) expectFlag(ctx context.Context, f fields, what string, flag func(Chat) bool) error {
	e, err := r.expectation(f)
	if err != nil {
		return err
	}
	want, ok := f.take("is")
	if !ok {
		want = true
	}
	if err := f.done(); err != nil {
		return err
	}
	return eventually(ctx, e.within, func(ctx context.Context) (bool, error) {
		chat, err := r.client.chat(ctx, r.id(e.to))
		if err == nil && flag(chat) != want {
			err = fmt.Errorf("%s: %v", what, !(want == true))
		}
		return false, err
	})
}

// expectCounters waits until some of the counters have their values.
func (r *run) expectCounters(ctx context.Context, f fields) error {
	within, err := f.span("within", r.within)
	if err != nil {
		return err
	}
	want, _ := f.take("are")
	if err := f.done(); err != nil {
		return err
	}
	return eventually(ctx, within, func(ctx context.Context) (bool, error) {
		var state struct {
			Counters map[string]any `json:"counters"`
		}
		if err := r.client.call(ctx, http.MethodGet, "state", nil, &state); err != nil {
			return false, err
		}
		return false, differs(want, state.Counters, "counters")
	})
}

// kindOf is the type of a message, and of what is in it: interactive/button.
func kindOf(m Message) string {
	kind := fmt.Sprint(m.Body["type"])
	if m.Body["type"] == nil {
		kind = "text"
	}
	if inner, ok := at(m.Body, "interactive.type"); ok {
		return fmt.Sprint(inner)
	}
	return kind
}

// textOf are the words of a message, wherever its kind has them.
func textOf(m Message) string {
	for _, path := range []string{"text.body", "interactive.body.text", "image.caption", "video.caption", "document.caption", "reaction.emoji", "location.name"} {
		if s, ok := at(m.Body, path); ok {
			return fmt.Sprint(s)
		}
	}
	if s, ok := at(m.Template, "body"); ok {
		return fmt.Sprint(s)
	}
	return ""
}

func quoted(m Message) string {
	id, _ := at(m.Body, "context.message_id")
	return fmt.Sprint(id)
}

// titles are those of the buttons or rows of a message.
func titles(m Message, which string) any {
	out := []any{}
	add := func(list any, path string) {
		items, _ := list.([]any)
		for _, item := range items {
			if t, ok := at(item, path); ok {
				out = append(out, t)
			}
		}
	}
	if which == "rows" {
		sections, _ := at(m.Body, "interactive.action.sections")
		all, _ := sections.([]any)
		for _, s := range all {
			rows, _ := at(s, "rows")
			add(rows, "title")
		}
		return out
	}
	buttons, _ := at(m.Body, "interactive.action.buttons")
	add(buttons, "reply.title")
	inTemplate, _ := at(m.Template, "buttons")
	add(inTemplate, "text")
	if label, ok := at(m.Body, "interactive.action.parameters.display_text"); ok {
		out = append(out, label)
	}
	return out
}

// at returns what stands at a path such as action.buttons.0.reply.
func at(v any, path string) (any, bool) {
	for key := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			inner, ok := x[key]
			if !ok {
				return nil, false
			}
			v = inner
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(x) {
				return nil, false
			}
			v = x[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// differs compares what should be with what is. Of a mapping only the named members count, and a name may be
// a path; a text that begins with ~ is a regular expression.
func differs(want, is any, where string) error {
	switch want := want.(type) {
	case map[string]any:
		for path, w := range want {
			inner, ok := at(is, path)
			if !ok {
				return fmt.Errorf("%s has no %s: %s", where, path, jsonOf(is))
			}
			if err := differs(w, inner, where+"."+path); err != nil {
				return err
			}
		}
		return nil
	case []any:
		list, ok := is.([]any)
		if !ok || len(list) != len(want) {
			return fmt.Errorf("%s is %s, not %s", where, jsonOf(is), jsonOf(want))
		}
		for i, w := range want {
			if err := differs(w, list[i], where+"."+strconv.Itoa(i)); err != nil {
				return err
			}
		}
		return nil
	case string:
		if pattern, ok := strings.CutPrefix(want, "~"); ok {
			re, err := regexp.Compile("(?s)" + strings.TrimSpace(pattern))
			if err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
			if s, isText := is.(string); isText && re.MatchString(s) {
				return nil
			}
			return fmt.Errorf("%s is %s, which does not match %s", where, jsonOf(is), re)
		}
	}
	if plain(want) != plain(is) {
		return fmt.Errorf("%s is %s, not %s", where, jsonOf(is), jsonOf(want))
	}
	return nil
}

// plain is a value as text: YAML and JSON have different numbers, and ids look like some.
func plain(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

func jsonOf(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return short(raw)
}

// show is a message in a failure.
func show(m Message) string { return jsonOf(m.Body) }
