package render_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/markup"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/render"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/rules"
	"github.com/aof-dev/aofd/sdk/chat"
)

var (
	phone = address.Recipient{Kind: address.KindPhone, ID: "+4915112345678"}
	user  = address.Recipient{Kind: address.KindUser, ID: "DE.90210"}
	group = address.Recipient{Kind: address.KindGroup, ID: "Y2Fw"}
)

// answer renders for a phone number and requires that it works.
func answer(t *testing.T, r chat.Response) render.Plan {
	t.Helper()
	return answerTo(t, phone, r)
}

func answerTo(t *testing.T, to address.Recipient, r chat.Response) render.Plan {
	t.Helper()
	plan, err := render.Answer(r, to, "")
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// refused requires that an answer cannot be sent, for a reason and with a word in the text.
func refused(t *testing.T, err *chat.Error, reason chat.Reason, word string) {
	t.Helper()
	if err == nil {
		t.Fatalf("accepted, want %s", reason)
	}
	if err.Reason != reason || !err.Permanent || !strings.Contains(err.Text, word) {
		t.Errorf("%v (permanent %v), want %s with %q", err, err.Permanent, reason, word)
	}
	var u *render.Unsupported
	if errors.As(err, &u) != (reason == chat.ReasonUnsupportedContent) {
		t.Errorf("the cause is %v", err.Err)
	}
}

// wants compares the messages of a plan, as JSON without what all have in common, and what was degraded.
func wants(t *testing.T, plan render.Plan, degraded []string, messages ...string) {
	t.Helper()
	var got, want []any
	for _, m := range plan.Messages {
		got = append(got, decode(t, m))
	}
	for _, m := range messages {
		w := map[string]any{"messaging_product": "whatsapp", "recipient_type": "individual", "to": "+4915112345678"}
		if err := json.Unmarshal([]byte(m), &w); err != nil {
			t.Fatal(err)
		}
		want = append(want, w)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("messages (- wanted, + rendered):\n%s", d)
	}
	if d := cmp.Diff(degraded, what(plan)); d != "" {
		t.Errorf("degradations: %s\n%v", d, plan.Degradations)
	}
}

func decode(t *testing.T, m graph.Message) (out map[string]any) {
	t.Helper()
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func what(plan render.Plan) (names []string) {
	for _, d := range plan.Degradations {
		names = append(names, d.What)
	}
	return names
}

// actions makes n actions with ids a1, a2, …
func actions(n int) (out []chat.Action) {
	for i := range n {
		out = append(out, chat.Action{ID: fmt.Sprintf("a%d", i+1), Label: fmt.Sprintf("Do %d", i+1)})
	}
	return out
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		to   address.Recipient
		want map[string]any
	}{
		"phone": {phone, map[string]any{"recipient_type": "individual", "to": "+4915112345678"}},
		"user":  {user, map[string]any{"recipient_type": "individual", "recipient": "DE.90210"}},
		"group": {group, map[string]any{"recipient_type": "group", "to": "Y2Fw"}},
	} {
		got := decode(t, answerTo(t, c.to, chat.Response{Text: "hi"}).Messages[0])
		for _, common := range []string{"messaging_product", "type", "text"} {
			if got[common] == nil {
				t.Errorf("%s: no %s", name, common)
			}
			delete(got, common)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	wants(t, answer(t, chat.Response{Text: "hi"}), nil, `{"type":"text","text":{"body":"hi","preview_url":false}}`)
	wants(t, answer(t, chat.Response{Header: "Pods", Text: "all run", Footer: "prod"}), nil,
		`{"type":"text","text":{"body":"Pods\n\nall run\n\nprod","preview_url":false}}`)
	wants(t, answer(t, chat.Response{Text: "<b>hi</b>", Format: chat.FormatHTML}), nil,
		`{"type":"text","text":{"body":"*hi*","preview_url":false}}`)
	wants(t, answer(t, chat.Response{Text: "a\xffb"}), nil, `{"type":"text","text":{"body":"a\ufffdb","preview_url":false}}`)
	for _, empty := range []chat.Response{{}, {Text: " \n"}, {Status: chat.StatusSuccess}, {Header: "\t"}} {
		_, err := render.Answer(empty, phone, "")
		refused(t, err, chat.ReasonContentRejected, "nothing to send")
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for status, sign := range map[chat.Status]string{
		chat.StatusSuccess: "✅ ", chat.StatusError: "❌ ", chat.StatusWarning: "⚠️ ", chat.StatusInfo: "ℹ️ ", "": "", "odd": "",
	} {
		plan := answer(t, chat.Response{Text: "done", Status: status})
		if got := plan.Messages[0].Text.Body; got != sign+"done" {
			t.Errorf("%q: %q", status, got)
		}
		plan = answer(t, chat.Response{Text: "done", Status: status, Actions: actions(1)})
		if got := plan.Messages[0].Interactive.Body.Text; got != sign+"done" {
			t.Errorf("%q with a button: %q", status, got)
		}
	}
	// A sign that is there already, with or without a variation selector, gets no second one.
	for _, text := range []string{"✅ done", "❌ no", "⚠ look", "⚠️ look", " ℹ️ so"} {
		if got := answer(t, chat.Response{Text: text, Format: chat.FormatText, Status: chat.StatusError}).Messages[0].Text.Body; got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	// What begins a list, a quote or code stays at the beginning of its line.
	for text, want := range map[string]string{
		"- a\n- b": "✅\n- a\n- b", "> a": "✅\n> a", "1. a": "✅\n1. a", "```\na\n```": "✅\n```\na\n```", "# a": "✅ *a*", "-a": "✅ -a",
	} {
		if got := answer(t, chat.Response{Text: text, Status: chat.StatusSuccess}).Messages[0].Text.Body; got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
	// The sign counts: a text that just fits without it does not fit with it.
	plan := answer(t, chat.Response{Text: strings.Repeat("a", rules.TextMax), Status: chat.StatusError})
	if len(plan.Messages) != 2 || !strings.HasPrefix(plan.Messages[0].Text.Body, "❌ ") ||
		strings.HasPrefix(plan.Messages[1].Text.Body, "❌") {
		t.Errorf("%d messages", len(plan.Messages))
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{
		0: "text", 1: "button", 2: "button", 3: "button", 4: "list", 10: "list", 11: "text", 30: "text",
	} {
		plan := answer(t, chat.Response{Text: "what now?", Actions: actions(n)})
		if len(plan.Messages) != 1 {
			t.Fatalf("%d actions: %d messages", n, len(plan.Messages))
		}
		m := plan.Messages[0]
		got := m.Type
		if m.Interactive != nil {
			got = m.Interactive.Type
		}
		if got != want {
			t.Errorf("%d actions are shown as %s, want %s", n, got, want)
		}
	}
	wants(t, answer(t, chat.Response{Text: "what now?", Header: "Pods", Footer: "prod", Actions: actions(2)}), nil,
		`{"type":"interactive","interactive":{"type":"button","header":{"type":"text","text":"Pods"},
			"body":{"text":"what now?"},"footer":{"text":"prod"},"action":{"buttons":[
				{"type":"reply","reply":{"id":"a1","title":"Do 1"}},{"type":"reply","reply":{"id":"a2","title":"Do 2"}}]}}}`)
	wants(t, answer(t, chat.Response{Text: "what now?", Actions: actions(4)}), nil,
		`{"type":"interactive","interactive":{"type":"list","body":{"text":"what now?"},"action":{"button":"Choose",
			"sections":[{"rows":[{"id":"a1","title":"Do 1"},{"id":"a2","title":"Do 2"},{"id":"a3","title":"Do 3"},
				{"id":"a4","title":"Do 4"}]}]}}}`)
	plan := answer(t, chat.Response{Text: "what now?", Actions: actions(11)})
	body := plan.Messages[0].Text.Body
	for _, line := range []string{"what now?\n\n1. Do 1\n2. Do 2\n", "\n11. Do 11\n\nReply with a number from 1 to 11."} {
		if !strings.Contains(body, line) {
			t.Errorf("%q is not in %q", line, body)
		}
	}
	if d := cmp.Diff([]string{"actions"}, what(plan)); d != "" {
		t.Error(d)
	}
}

func TestGroupsGetNumbers(t *testing.T) {
	t.Parallel()
	one := answerTo(t, group, chat.Response{Text: "Restart?", Actions: []chat.Action{{ID: "y", Label: "Yes", Description: "takes a minute"}}})
	if got, want := one.Messages[0].Text.Body, "Restart?\n\n1. Yes – takes a minute\n\nReply with 1 to choose it."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if len(one.Degradations) != 1 || !strings.Contains(one.Degradations[0].Detail, "groups") {
		t.Errorf("%v", one.Degradations)
	}
	for name, r := range map[string]chat.Response{
		"reaction": {Reaction: &chat.Reaction{MessageID: "m", Emoji: "👍"}},
		"location": {Location: &chat.Location{}},
		"card":     {Contacts: []chat.Contact{{Name: "Bob"}}},
	} {
		_, err := render.Answer(r, group, "")
		refused(t, err, chat.ReasonUnsupportedContent, name)
	}
}

func TestSections(t *testing.T) {
	t.Parallel()
	plan := answer(t, chat.Response{
		Text: "Pick", ListLabel: "View", Actions: actions(2), Sections: []chat.Section{
			{Title: "Pods", Rows: []chat.Action{{ID: "p", Label: "api", Description: "3 run"}}},
			{Rows: []chat.Action{{ID: "n", Label: "node"}}},
			{Title: "Empty"},
			{Title: "Pages", Rows: []chat.Action{{Label: "Wiki", URL: "https://wiki.example/"}, {URL: "https://b.example/"}}},
		},
	})
	wants(t, plan, []string{"actions", "links"},
		`{"type":"interactive","interactive":{"type":"list","body":{"text":"Pick\n\nWiki: https://wiki.example/\nhttps://b.example/"},
			"action":{"button":"View","sections":[
				{"title":"Pods","rows":[{"id":"p","title":"api","description":"3 run"}]},
				{"title":"Section 2","rows":[{"id":"n","title":"node"}]}]}}}`)

	// Ten rows over all sections is the most; one more becomes text.
	two := func(a, b int) chat.Response {
		all := actions(a + b)
		return chat.Response{Text: "Pick", Sections: []chat.Section{{Title: "A", Rows: all[:a]}, {Title: "B", Rows: all[a:]}}}
	}
	if m := answer(t, two(5, 5)).Messages[0]; m.Type != "interactive" {
		t.Errorf("ten rows are %s", m.Type)
	}
	if m := answer(t, two(6, 5)).Messages[0]; m.Type != "text" || !strings.Contains(m.Text.Body, "A\n1. Do 1") ||
		!strings.Contains(m.Text.Body, "\n\nB\n7. Do 7") {
		t.Errorf("eleven rows: %+v", m)
	}
	// One row in a section is a list all the same, since the answer asked for one.
	if m := answer(t, two(1, 0)).Messages[0]; m.Interactive == nil || m.Interactive.Type != "list" {
		t.Errorf("%+v", m)
	}
}

// One page by itself is a button; more of them, or one that no button can open, are lines of text.
func TestLinks(t *testing.T) {
	t.Parallel()
	wiki := chat.Action{Label: "Wiki", URL: "https://w.example"}
	wants(t, answer(t, chat.Response{Text: "Look", Actions: []chat.Action{wiki}}), nil,
		`{"type":"interactive","interactive":{"type":"cta_url","body":{"text":"Look"},"action":{"name":"cta_url",
			"parameters":{"display_text":"Wiki","url":"https://w.example"}}}}`)
	wants(t, answer(t, chat.Response{Text: "Look", Header: "H", Footer: "F", Actions: []chat.Action{{URL: "https://w.example"}}}), nil,
		`{"type":"interactive","interactive":{"type":"cta_url","header":{"type":"text","text":"H"},"body":{"text":"Look"},
			"footer":{"text":"F"},"action":{"name":"cta_url","parameters":{"display_text":"Open","url":"https://w.example"}}}}`)
	wants(t, answer(t, chat.Response{Text: "Look", Actions: []chat.Action{wiki, {URL: "https://b.example"}}}), []string{"links"},
		`{"type":"text","text":{"body":"Look\n\nWiki: https://w.example\nhttps://b.example","preview_url":false}}`)
	for _, url := range []string{"https://10.0.0.1/x", "http://[::1]/", "ftp://x.example", "tel:+49"} {
		wants(t, answer(t, chat.Response{Text: "Look", Actions: []chat.Action{{Label: "Wiki", URL: url}}}), []string{"links"},
			fmt.Sprintf(`{"type":"text","text":{"body":"Look\n\nWiki: %s","preview_url":false}}`, url))
	}
	if m := answerTo(t, group, chat.Response{Text: "Look", Actions: []chat.Action{wiki}}).Messages[0]; m.Type != "text" {
		t.Errorf("a group got %s", m.Type)
	}
	plan := answer(t, chat.Response{Text: "Look", Actions: []chat.Action{{Label: "Open the page of the wiki", URL: "https://w.example"}}})
	if got := plan.Messages[0].Interactive.Action.Parameters.DisplayText; got != "Open the page of th…" || len(plan.Degradations) != 1 {
		t.Errorf("%q %v", got, plan.Degradations)
	}
}

// A file without a caption stands above the buttons rather than in a message of its own.
func TestHeaderFile(t *testing.T) {
	t.Parallel()
	const link = "https://files.example/a"
	for kind, want := range map[chat.MediaType]string{
		chat.MediaImage:    `{"type":"image","image":{"link":"https://files.example/a"}}`,
		chat.MediaVideo:    `{"type":"video","video":{"link":"https://files.example/a"}}`,
		chat.MediaDocument: `{"type":"document","document":{"link":"https://files.example/a","filename":"a.pdf"}}`,
	} {
		wants(t, answer(t, chat.Response{
			Text: "x", Actions: actions(1), Attachments: []chat.Attachment{{Type: kind, URL: link, Filename: "a.pdf"}},
		}), nil, `{"type":"interactive","interactive":{"type":"button","header":`+want+`,"body":{"text":"x"},"action":{"buttons":[
			{"type":"reply","reply":{"id":"a1","title":"Do 1"}}]}}}`)
	}
	for name, r := range map[string]chat.Response{
		"audio":         {Actions: actions(1), Attachments: []chat.Attachment{{Type: chat.MediaAudio, URL: link}}},
		"a caption":     {Actions: actions(1), Attachments: []chat.Attachment{{Type: chat.MediaImage, URL: link, Caption: "c"}}},
		"a list":        {Actions: actions(4), Attachments: []chat.Attachment{{Type: chat.MediaImage, URL: link}}},
		"a header":      {Actions: actions(1), Header: "H", Attachments: []chat.Attachment{{Type: chat.MediaImage, URL: link}}},
		"two files":     {Actions: actions(1), Attachments: []chat.Attachment{{Type: chat.MediaImage, URL: link}, {Type: chat.MediaImage, URL: link}}},
		"several texts": {Text: strings.Repeat("a", 2000), Actions: actions(1), Attachments: []chat.Attachment{{Type: chat.MediaImage, URL: link}}},
	} {
		plan := answer(t, r)
		if last := plan.Messages[len(plan.Messages)-1]; last.Interactive == nil || last.Interactive.Header != nil && last.Interactive.Header.Type != "text" {
			t.Errorf("%s: %+v", name, last)
		}
		if len(plan.Messages) < 2 {
			t.Errorf("%s: the file is lost", name)
		}
	}
}

// Markdown is the default; other formats stay as they are.
func TestFormats(t *testing.T) {
	t.Parallel()
	for format, want := range map[chat.Format]string{
		"": "*a* _b_\n- c", chat.FormatMarkdown: "*a* _b_\n- c", chat.FormatText: "**a** *b*\n* c", chat.FormatRich: "**a** *b*\n* c",
	} {
		if got := answer(t, chat.Response{Text: "**a** *b*\n* c", Format: format}).Messages[0].Text.Body; got != want {
			t.Errorf("%q: %q", format, got)
		}
	}
	plan := answer(t, chat.Response{Text: "un**believ**able", Actions: actions(1)})
	if got := plan.Messages[0].Interactive.Body.Text; got != "unbelievable" || len(plan.Degradations) != 1 || plan.Degradations[0].What != "markup" {
		t.Errorf("%q %v", got, plan.Degradations)
	}
}

// Labels and headings are no Markdown: what looks like a mark in them is shown, in whatever text they end up.
func TestLabelsAreLiteral(t *testing.T) {
	t.Parallel()
	r := chat.Response{Header: "*.log _x_", Text: "**a**", Footer: "~y~", Actions: actions(11)}
	r.Actions[0].Label, r.Actions[0].Description = "Delete *all*", "`rm`"
	got := answer(t, r).Messages[0].Text.Body
	for _, line := range strings.Split(got, "\n") {
		if spans := markup.Spans(line); len(spans) > 0 && line != "*a*" {
			t.Errorf("%q is marked", line)
		}
	}
	if !strings.HasPrefix(got, "*.log ") {
		t.Errorf("%q", got)
	}
	r.Format = chat.FormatRich
	if got := answer(t, r).Messages[0].Text.Body; !strings.Contains(got, "*.log _x_\n\n**a**\n\n~y~\n\n1. Delete *all* – `rm`\n") {
		t.Errorf("%q", got)
	}
}

// A text that Markdown does not show at all is sent as it stands.
func TestInvisibleText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"<!-- note -->", "[a]: https://b.example"} {
		if got := answer(t, chat.Response{Text: text}).Messages[0].Text.Body; got != text {
			t.Errorf("%q", got)
		}
	}
}

func TestWishes(t *testing.T) {
	t.Parallel()
	const text = "see https://x.example\n\n![load](https://g.example/a.png)"
	wants(t, answer(t, chat.Response{Text: text, Metadata: map[string]string{"preview_url": "true", "images": "attach"}}), nil,
		`{"type":"text","text":{"body":"see https://x.example","preview_url":true}}`,
		`{"type":"image","image":{"link":"https://g.example/a.png","caption":"load"}}`)
	wants(t, answer(t, chat.Response{Text: "no page", Metadata: map[string]string{"preview_url": "true"}}), nil,
		`{"type":"text","text":{"body":"no page","preview_url":false}}`)
	wants(t, answer(t, chat.Response{Text: text, Metadata: map[string]string{"other": "x"}}), []string{"markup"},
		`{"type":"text","text":{"body":"see https://x.example\n\nload (https://g.example/a.png)","preview_url":false}}`)
}

func TestDefaultBody(t *testing.T) {
	t.Parallel()
	if got := answer(t, chat.Response{Actions: actions(1)}).Messages[0].Interactive.Body.Text; got != "Please choose an option." {
		t.Errorf("%q", got)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	with := func(n int, ids ...string) chat.Response {
		list := actions(n)
		for i, id := range ids {
			list[i].ID = id
		}
		return chat.Response{Text: "x", Actions: list}
	}
	for name, c := range map[string]struct {
		r    chat.Response
		word string
	}{
		"none":                {with(2, "ok", ""), "action 2 has no id"},
		"too long":            {with(1, strings.Repeat("i", 257)), "257 bytes"},
		"too long for a list": {with(4, strings.Repeat("i", 201)), "201 bytes"},
		"white space":         {with(1, "a "), "white space"},
		"twice":               {with(3, "x", "y", "x"), "action 3"},
		"bytes, not letters":  {with(1, strings.Repeat("ä", 129)), "258 bytes"},
	} {
		_, err := render.Answer(c.r, phone, "")
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		refused(t, err, chat.ReasonContentRejected, c.word)
	}
	// Ids come back as they went out, so those that fit are never changed.
	for n, id := range map[int]string{1: strings.Repeat("i", 256), 4: strings.Repeat("i", 200), 2: "a/b c:ä\U0001F600"} {
		m := answer(t, with(n, id)).Messages[0].Interactive
		got := ""
		if n == 4 {
			got = m.Action.Sections[0].Rows[0].ID
		} else {
			got = m.Action.Buttons[0].Reply.ID
		}
		if got != id {
			t.Errorf("%q became %q", id, got)
		}
	}
}

// checkLimits looks at every length and number that Meta bounds.
func checkLimits(t *testing.T, plan render.Plan) {
	t.Helper()
	text := func(what, s string, least, most int) {
		if n := utf16Len(s); n < least || n > most {
			t.Errorf("%s has %d characters, %d to %d are allowed: %.80q", what, n, least, most, s)
		}
	}
	for _, m := range plan.Messages {
		if m.Text != nil {
			text("body", m.Text.Body, 1, 4096)
		}
		for _, f := range []*graph.Media{m.Image, m.Video, m.Audio, m.Document, m.Sticker} {
			if f != nil {
				text("caption", f.Caption, 0, 1024)
			}
		}
		i := m.Interactive
		if i == nil {
			continue
		}
		text("body", i.Body.Text, 1, 1024)
		if i.Header != nil {
			text("header", i.Header.Text, 1, 60)
		}
		if i.Footer != nil {
			text("footer", i.Footer.Text, 1, 60)
		}
		seen, rows := map[string]bool{}, 0
		tap := func(id, title string, titleMax, idMax int) {
			text("title", title, 1, titleMax)
			if len(id) < 1 || len(id) > idMax {
				t.Errorf("id of %d bytes", len(id))
			}
			if seen[title] {
				t.Errorf("title %q stands twice", title)
			}
			seen[title] = true
			rows++
		}
		for _, b := range i.Action.Buttons {
			tap(b.Reply.ID, b.Reply.Title, 20, 256)
		}
		for _, s := range i.Action.Sections {
			least := 0
			if len(i.Action.Sections) > 1 {
				least = 1
			}
			text("section", s.Title, least, 24)
			for _, r := range s.Rows {
				tap(r.ID, r.Title, 24, 200)
				text("description", r.Description, 0, 72)
			}
		}
		switch n := len(i.Action.Sections); i.Type {
		case "button":
			if rows < 1 || rows > 3 || n > 0 || i.Action.Button != "" {
				t.Errorf("%d buttons, %d sections", rows, n)
			}
		case "list":
			text("label", i.Action.Button, 1, 20)
			if rows < 1 || rows > 10 || n < 1 || n > 10 || len(i.Action.Buttons) > 0 {
				t.Errorf("%d rows in %d sections", rows, n)
			}
		}
	}
}

// huge has more of everything than fits, and all labels alike.
func huge(rows int, unit string) chat.Response {
	long := strings.Repeat(unit, 1500/utf16Len(unit))
	list := make([]chat.Action, rows)
	for i := range list {
		list[i] = chat.Action{ID: fmt.Sprint(i), Label: long, Description: long}
	}
	return chat.Response{
		Header: long, Text: strings.Repeat(long, 4), Footer: long, ListLabel: long, Actions: list, Status: chat.StatusWarning,
		Attachments: []chat.Attachment{{Type: chat.MediaImage, URL: "https://x.example/a.png", Caption: long + long}},
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"x", "word ", "😀", "👩‍👩‍👧‍👦", "line\n", "para\n\n", "好。", "a```\n", "🇩🇪"} {
		for _, rows := range []int{0, 3, 10, 11} {
			r := huge(rows, unit)
			checkLimits(t, answer(t, r))
			checkLimits(t, answerTo(t, group, r))
			half := len(r.Actions) / 2
			r.Sections = []chat.Section{{Title: r.Header, Rows: r.Actions[:half]}, {Title: r.Header, Rows: r.Actions[half:]}}
			checkLimits(t, answer(t, r))
		}
	}
}

// Every limit: what just fits goes out unchanged and undegraded, one more does not.
func TestEachLimit(t *testing.T) {
	t.Parallel()
	a := func(n int) string { return strings.Repeat("a", n) }
	button := func(label string) []chat.Action { return []chat.Action{{ID: "x", Label: label}} }
	row := func(r chat.Response, a chat.Action, title string) chat.Response {
		r.Text, r.Sections = "Pick", []chat.Section{{Title: title, Rows: []chat.Action{a}}}
		return r
	}
	picture := func(n int) chat.Response {
		return chat.Response{Attachments: []chat.Attachment{{Type: chat.MediaImage, MediaID: "1", Caption: a(n)}}}
	}
	for name, c := range map[string]struct {
		most int
		with func(n int) chat.Response
	}{
		"text":             {4096, func(n int) chat.Response { return chat.Response{Text: a(n)} }},
		"interactive text": {1024, func(n int) chat.Response { return chat.Response{Text: a(n), Actions: actions(1)} }},
		"caption":          {1024, picture},
		"header": {60, func(n int) chat.Response {
			return chat.Response{Header: a(n), Text: "x", Actions: actions(1)}
		}},
		"footer": {60, func(n int) chat.Response {
			return chat.Response{Footer: a(n), Text: "x", Actions: actions(1)}
		}},
		"button title": {20, func(n int) chat.Response { return chat.Response{Text: "x", Actions: button(a(n))} }},
		"row title": {24, func(n int) chat.Response {
			return row(chat.Response{}, chat.Action{ID: "x", Label: a(n)}, "")
		}},
		"row description": {72, func(n int) chat.Response {
			return row(chat.Response{}, chat.Action{ID: "x", Label: "x", Description: a(n)}, "")
		}},
		"section title": {24, func(n int) chat.Response {
			return row(chat.Response{}, chat.Action{ID: "x", Label: "x"}, a(n))
		}},
		"list label": {20, func(n int) chat.Response {
			return row(chat.Response{ListLabel: a(n)}, chat.Action{ID: "x", Label: "x"}, "")
		}},
		"rows": {10, func(n int) chat.Response { return chat.Response{Text: "x", Actions: actions(n)} }},
	} {
		fits := answer(t, c.with(c.most))
		if len(fits.Messages) != 1 || len(fits.Degradations) != 0 {
			t.Errorf("%s of %d: %d messages, degraded %v", name, c.most, len(fits.Messages), fits.Degradations)
		}
		if name != "rows" && !strings.Contains(fmt.Sprint(decode(t, fits.Messages[0])), a(c.most)) {
			t.Errorf("%s of %d was changed", name, c.most)
		}
		over := answer(t, c.with(c.most+1))
		if len(over.Degradations) != 1 {
			t.Errorf("%s of %d: degraded %v", name, c.most+1, over.Degradations)
		}
		checkLimits(t, fits)
		checkLimits(t, over)
	}
}

// A text that is longer than a body with buttons goes out before, and nothing of it twice.
func TestLongTextWithButtons(t *testing.T) {
	t.Parallel()
	text := strings.TrimSpace(strings.Repeat("All work and no play. ", 300))
	plan := answer(t, chat.Response{Text: text, Actions: actions(2)})
	var all []string
	for i, m := range plan.Messages {
		if last := i == len(plan.Messages)-1; (m.Type == "interactive") != last {
			t.Errorf("message %d is %s", i, m.Type)
		}
		if m.Text != nil {
			all = append(all, m.Text.Body)
		} else {
			all = append(all, m.Interactive.Body.Text)
		}
	}
	if got := strings.Join(all, " "); got != text {
		t.Errorf("%d characters became %d", len(text), len(got))
	}
}

func TestHeaderOfTwoLines(t *testing.T) {
	t.Parallel()
	wants(t, answer(t, chat.Response{Header: "a\nb", Text: "x", Footer: "c\nd", Actions: actions(1)}), []string{"header", "footer"},
		`{"type":"interactive","interactive":{"type":"button","body":{"text":"a\nb\n\nx\n\nc\nd"},
			"action":{"buttons":[{"type":"reply","reply":{"id":"a1","title":"Do 1"}}]}}}`)
}

func TestLabels(t *testing.T) {
	t.Parallel()
	wants(t, answer(t, chat.Response{Text: "x", Actions: []chat.Action{
		{ID: "restart_everything_now_please"},
		{ID: "b", Label: "Restart the deployment A", Description: "slow"},
		{ID: "c", Label: "Restart the deployment B"},
	}}), []string{"label", "button labels", "descriptions"},
		`{"type":"interactive","interactive":{"type":"button","body":{"text":"x"},"action":{"buttons":[
			{"type":"reply","reply":{"id":"restart_everything_now_please","title":"restart_everything_…"}},
			{"type":"reply","reply":{"id":"b","title":"Restart the deploym…"}},
			{"type":"reply","reply":{"id":"c","title":"Restart the deplo… 2"}}]}}}`)
}

func TestAttachments(t *testing.T) {
	t.Parallel()
	const link = "https://files.example/a"
	for typ, want := range map[chat.MediaType]string{
		chat.MediaImage:    `{"type":"image","image":{"link":"https://files.example/a","caption":"c"}}`,
		chat.MediaVideo:    `{"type":"video","video":{"link":"https://files.example/a","caption":"c"}}`,
		chat.MediaDocument: `{"type":"document","document":{"link":"https://files.example/a","caption":"c","filename":"a.pdf"}}`,
		"file":             `{"type":"document","document":{"link":"https://files.example/a","caption":"c","filename":"a.pdf"}}`,
		"":                 `{"type":"document","document":{"link":"https://files.example/a","caption":"c","filename":"a.pdf"}}`,
	} {
		wants(t, answer(t, chat.Response{
			Attachments: []chat.Attachment{{Type: typ, URL: link, Caption: "c", Filename: "a.pdf", Voice: true}},
		}), nil, want)
	}
	// Audio and stickers have no captions.
	wants(t, answer(t, chat.Response{Attachments: []chat.Attachment{
		{Type: chat.MediaAudio, MediaID: "7", Caption: "listen", Voice: true}, {Type: chat.MediaSticker, MediaID: "8", Caption: " "},
	}}), []string{"caption"}, `{"type":"text","text":{"body":"listen","preview_url":false}}`,
		`{"type":"audio","audio":{"id":"7","voice":true}}`, `{"type":"sticker","sticker":{"id":"8"}}`)
	// A caption that is too long goes before its file, whole.
	plan := answer(t, chat.Response{Attachments: []chat.Attachment{
		{Type: chat.MediaImage, MediaID: "7", Caption: strings.Repeat("c", 1025)},
	}})
	if len(plan.Messages) != 2 || len(plan.Messages[0].Text.Body) != 1025 || plan.Messages[1].Image.Caption != "" {
		t.Errorf("%+v", plan.Messages)
	}
	for name, c := range map[string]struct {
		a      chat.Attachment
		reason chat.Reason
		word   string
	}{
		"nothing":     {chat.Attachment{Type: chat.MediaImage}, chat.ReasonContentRejected, "attachment 1"},
		"other type":  {chat.Attachment{Type: "hologram", URL: link}, chat.ReasonUnsupportedContent, "hologram"},
		"file scheme": {chat.Attachment{Type: chat.MediaImage, URL: "file:///etc/passwd"}, chat.ReasonContentRejected, "URL"},
		"relative":    {chat.Attachment{Type: chat.MediaImage, URL: "/a.png"}, chat.ReasonContentRejected, "URL"},
		"javascript":  {chat.Attachment{Type: chat.MediaImage, URL: "javascript://x/"}, chat.ReasonContentRejected, "URL"},
	} {
		_, err := render.Answer(chat.Response{Text: "x", Attachments: []chat.Attachment{c.a}}, phone, "")
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		refused(t, err, c.reason, c.word)
	}
}

const png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"

// Bytes are uploaded as what they are. What WhatsApp does not show in that way goes as a document.
func TestUploads(t *testing.T) {
	t.Parallel()
	opus := "OggS\x00\x02" + strings.Repeat("\x00", 22) + "OpusHead"
	for name, c := range map[string]struct {
		a          chat.Attachment
		kind, mime string
		degraded   []string
	}{
		"picture":                 {chat.Attachment{Type: chat.MediaImage, Data: []byte(png), MimeType: "image/png"}, "image", "image/png", nil},
		"wrong type is mended":    {chat.Attachment{Type: chat.MediaImage, Data: []byte(png), MimeType: "image/jpeg"}, "image", "image/png", nil},
		"no type":                 {chat.Attachment{Type: chat.MediaImage, Data: []byte(png)}, "image", "image/png", nil},
		"vector graphics":         {chat.Attachment{Type: chat.MediaImage, Data: []byte("<svg/>"), MimeType: "image/svg+xml"}, "document", "image/svg+xml", []string{"attachment"}},
		"a moving picture":        {chat.Attachment{Type: chat.MediaImage, Data: []byte("GIF89a")}, "document", "image/gif", []string{"attachment"}},
		"a large picture":         {chat.Attachment{Type: chat.MediaImage, Data: append([]byte(png), make([]byte, 6<<20)...)}, "document", "image/png", []string{"attachment"}},
		"log":                     {chat.Attachment{Type: "file", Data: []byte("line"), Filename: "pod.log"}, "document", "text/plain", nil},
		"text":                    {chat.Attachment{Data: []byte("line")}, "document", "text/plain; charset=utf-8", nil},
		"voice":                   {chat.Attachment{Type: chat.MediaAudio, Data: []byte(opus), Voice: true}, "audio", "audio/ogg; codecs=opus", nil},
		"no voice":                {chat.Attachment{Type: chat.MediaAudio, Data: []byte("ID3"), MimeType: "audio/mp3", Voice: true}, "audio", "audio/mpeg", []string{"voice"}},
		"sticker of another kind": {chat.Attachment{Type: chat.MediaSticker, Data: []byte(png)}, "document", "image/png", []string{"attachment"}},
	} {
		plan := answer(t, chat.Response{Attachments: []chat.Attachment{c.a}})
		m := plan.Messages[0]
		files := m.Files()
		if m.Type != c.kind || len(files) != 1 || files[0].File.MimeType != c.mime || files[0].File.Size != int64(len(c.a.Data)) {
			t.Errorf("%s: %+v", name, m)
			continue
		}
		if got, err := io.ReadAll(files[0].File.Content); err != nil || !bytes.Equal(got, c.a.Data) {
			t.Errorf("%s: %v", name, err)
		}
		if files[0].Voice != (name == "voice") {
			t.Errorf("%s: voice %v", name, files[0].Voice)
		}
		if d := cmp.Diff(c.degraded, what(plan)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestFileNames(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "a.pdf": "a.pdf", "../../etc/passwd": "passwd", `C:\x\y.txt`: "y.txt", "a\r\nb.txt": "ab.txt", "dir/": "",
		strings.Repeat("n", 300) + ".pdf": strings.Repeat("n", 58) + "….pdf",
		strings.Repeat("ä", 200) + ".tar": strings.Repeat("ä", 58) + "….tar",
		"Ein langer Name mit Leerzeichen und mehr als sechzig Zeichen darin, der passt.xlsx": "Ein langer Name mit Leerzeichen und mehr als sechzig Zeichen darin, der passt.xlsx",
	} {
		m := answer(t, chat.Response{Attachments: []chat.Attachment{{URL: "https://files.example/a", Filename: in}}}).Messages[0]
		if m.Document.Filename != want {
			t.Errorf("%.40q became %q", in, m.Document.Filename)
		}
	}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	wants(t, answer(t, chat.Response{Location: &chat.Location{Latitude: 52.5, Longitude: -0.25, Name: "n", Address: "a", URL: "u"}}),
		nil, `{"type":"location","location":{"latitude":52.5,"longitude":-0.25,"name":"n","address":"a"}}`)
	for _, l := range []chat.Location{
		{Latitude: 90.1},
		{Latitude: -90.1},
		{Longitude: 180.1},
		{Longitude: -180.1},
		{Latitude: math.NaN()},
		{Longitude: math.Inf(1)},
	} {
		_, err := render.Answer(chat.Response{Location: &l}, phone, "")
		refused(t, err, chat.ReasonContentRejected, "degrees")
	}
}

func TestCards(t *testing.T) {
	t.Parallel()
	wants(t, answer(t, chat.Response{Contacts: []chat.Contact{{
		Name: "Bob Q", Phones: []chat.LabeledValue{{Value: "+1 650", Label: "CELL", PlatformID: "1650"}},
		Emails: []chat.LabeledValue{{Value: "b@x.example"}}, URLs: []chat.LabeledValue{{Value: "https://b.example", Label: "WORK"}},
		Addresses: []chat.LabeledValue{{Value: "1 St, C"}}, Company: "X", Birthday: "1999-01-01",
	}}}), nil, `{"type":"contacts","contacts":[{"name":{"formatted_name":"Bob Q","first_name":"Bob Q"},
		"phones":[{"phone":"+1 650","wa_id":"1650","type":"CELL"}],"emails":[{"email":"b@x.example"}],
		"urls":[{"url":"https://b.example","type":"WORK"}],"addresses":[{"street":"1 St, C"}],
		"org":{"company":"X"},"birthday":"1999-01-01"}]}`)
	_, err := render.Answer(chat.Response{Contacts: []chat.Contact{{Name: "A"}, {Name: " "}}}, phone, "")
	refused(t, err, chat.ReasonContentRejected, "card 2")
	_, err = render.Answer(chat.Response{Contacts: slices.Repeat([]chat.Contact{{Name: "A"}}, 258)}, phone, "")
	refused(t, err, chat.ReasonContentRejected, "257")
}

func TestReactionAndTemplate(t *testing.T) {
	t.Parallel()
	wants(t, answer(t, chat.Response{Reaction: &chat.Reaction{MessageID: "wamid.1", Emoji: "👍"}}), nil,
		`{"type":"reaction","reaction":{"message_id":"wamid.1","emoji":"👍"}}`)
	wants(t, answer(t, chat.Response{Reaction: &chat.Reaction{MessageID: "wamid.1"}}), nil,
		`{"type":"reaction","reaction":{"message_id":"wamid.1","emoji":""}}`)
	_, err := render.Answer(chat.Response{Reaction: &chat.Reaction{Emoji: "👍"}}, phone, "")
	refused(t, err, chat.ReasonContentRejected, "reaction")

	wants(t, answer(t, chat.Response{Template: &chat.Template{
		Name: "alert", Language: "en", Components: json.RawMessage(`[{"type":"body"}]`),
	}}), nil, `{"type":"template","template":{"name":"alert","language":{"code":"en"},"components":[{"type":"body"}]}}`)
	wants(t, answer(t, chat.Response{Template: &chat.Template{Name: "alert", Language: "en", Components: json.RawMessage(`null`)}}),
		nil, `{"type":"template","template":{"name":"alert","language":{"code":"en"}}}`)
	for _, bad := range []chat.Template{
		{Name: "alert"},
		{Language: "en"},
		{Name: "alert", Language: "en", Components: json.RawMessage(`{}`)},
	} {
		_, err := render.Answer(chat.Response{Template: &bad}, phone, "")
		refused(t, err, chat.ReasonContentRejected, "template")
	}
}

// Reaction, text, files, place, cards, template, and at the end what can be tapped. The first that can quote
// does so.
func TestOrder(t *testing.T) {
	t.Parallel()
	plan, err := render.Answer(chat.Response{
		Text: strings.Repeat("a", 1025), Actions: actions(1), ReplyTo: "wamid.9",
		Attachments: []chat.Attachment{{Type: chat.MediaImage, MediaID: "1"}, {MediaID: "2"}},
		Location:    &chat.Location{}, Contacts: []chat.Contact{{Name: "B"}}, Template: &chat.Template{Name: "t", Language: "en"},
		Reaction: &chat.Reaction{MessageID: "m"},
	}, phone, "delivery-1")
	if err != nil {
		t.Fatal(err)
	}
	var types, quotes []string
	for _, m := range plan.Messages {
		types = append(types, m.Type)
		if m.Context != nil {
			quotes = append(quotes, m.Type+" "+m.Context.MessageID)
		}
		if m.CallbackData != "delivery-1" {
			t.Errorf("%s does not carry the delivery's id", m.Type)
		}
	}
	want := []string{"reaction", "text", "image", "document", "location", "contacts", "template", "interactive"}
	if d := cmp.Diff(want, types); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"text wamid.9"}, quotes); d != "" {
		t.Error(d)
	}
}

func TestCallback(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]bool{1: true, rules.CallbackMax: true, rules.CallbackMax + 1: false} {
		plan, err := render.Answer(chat.Response{Text: "x"}, phone, strings.Repeat("c", n))
		if err != nil {
			t.Fatal(err)
		}
		if got := plan.Messages[0].CallbackData != ""; got != want {
			t.Errorf("%d bytes: %v", n, got)
		}
	}
}

// Who gets a native body is not its own to say.
func TestNative(t *testing.T) {
	t.Parallel()
	wants(t, answer(t, chat.Response{Text: "left out", Native: json.RawMessage(`{"type":"future","future":{"a":[1]},"to":"+666",
		"recipient":"XX.1","recipient_type":"group","messaging_product":"other","biz_opaque_callback_data":"theirs",
		"context":{"message_id":"wamid.5"}}`)}), nil, `{"type":"future","future":{"a":[1]},"context":{"message_id":"wamid.5"}}`)
	for _, bad := range []string{`[]`, `{}`, `{"type":7}`, `{"type":""}`, `{`, `null`} {
		_, err := render.Answer(chat.Response{Native: json.RawMessage(bad)}, phone, "")
		refused(t, err, chat.ReasonContentRejected, "native")
	}
	_, err := render.Answer(chat.Response{Native: make(json.RawMessage, rules.NativeMax+1)}, phone, "")
	refused(t, err, chat.ReasonContentRejected, "native")
}

func TestButtonsAndList(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 4} {
		_, err := render.Buttons(phone, "x", actions(n))
		refused(t, err, chat.ReasonContentRejected, "buttons")
	}
	for _, n := range []int{0, 11} {
		_, err := render.List(phone, "", "x", "", []chat.Section{{Rows: actions(n)}})
		refused(t, err, chat.ReasonContentRejected, "rows")
	}
	_, err := render.List(phone, "", "x", "", append(make([]chat.Section, 10), chat.Section{Rows: actions(1)}))
	refused(t, err, chat.ReasonContentRejected, "sections")
}

// The same answer gives the same messages, so that a delivery can go on where it stopped; and the answer
// itself is left alone.
func TestSameTwice(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{0, 3, 10, 11} {
		r := huge(rows, "word ")
		first := answer(t, r)
		for range 5 {
			if d := cmp.Diff(first, answer(t, r)); d != "" {
				t.Fatal(d)
			}
		}
		if !reflect.DeepEqual(r, huge(rows, "word ")) {
			t.Error("the answer was changed")
		}
	}
}

// FuzzAnswer: no text breaks a limit, and in whatever parts it goes out, every character of it is there.
func FuzzAnswer(f *testing.F) {
	f.Add("hello", "label", uint8(3), true)
	f.Add("# a\n\n**b** `c` [d](https://e.example)\n\n|f|g|\n|-|-|\n|h|i|", "label", uint8(4), false)
	f.Add(strings.Repeat("```\ncode\n", 300), "👩‍👩‍👧‍👦", uint8(10), true)
	f.Add(strings.Repeat("*bold words* and _more of them_. ", 200), "*l*", uint8(11), false)
	f.Add("\xff", "\xff", uint8(4), true)
	f.Fuzz(func(t *testing.T, text, label string, n uint8, plain bool) {
		list := actions(int(n % 16))
		for i := range list {
			list[i].Label, list[i].Description = label, text
		}
		r := chat.Response{Text: text, Header: label, Footer: label, ListLabel: label, Actions: list}
		if plain {
			r.Format = chat.FormatText
		}
		plan, err := render.Answer(r, phone, "")
		if err != nil {
			if len(list) > 0 || plain && strings.TrimSpace(text+label) != "" {
				t.Fatal(err)
			}
			return
		}
		checkLimits(t, plan)
		if !plain {
			return
		}
		have := map[rune]int{}
		for _, m := range plan.Messages {
			body := ""
			if m.Text != nil {
				body = m.Text.Body
			} else {
				body = m.Interactive.Body.Text
			}
			for _, c := range visible(body) {
				have[c]++
			}
		}
		for _, c := range visible(strings.ToValidUTF8(text, "\uFFFD")) {
			if have[c]--; have[c] < 0 {
				t.Fatalf("%q is lost", c)
			}
		}
	})
}
