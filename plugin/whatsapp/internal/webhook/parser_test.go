package webhook_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/webhook"
	"github.com/aof-dev/aofd/sdk/chat"
)

var update = flag.Bool("update", false, "write the golden files")

const account = "200300400500600"

var accounts = map[string]bool{account: true}

var received = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)

// outcome is a batch as the golden files have it, without the raw parts.
type outcome struct {
	Messages []chat.Message `json:"messages,omitempty"`
	Receipts []chat.Receipt `json:"receipts,omitempty"`
	Notices  []chat.Notice  `json:"notices,omitempty"`
	Issues   []chat.Issue   `json:"issues,omitempty"`
}

// TestWebhooks reads each body of testdata/webhooks and compares with the golden file beside it.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	bodies, err := filepath.Glob("testdata/webhooks/*.json")
	if err != nil || len(bodies) < 50 {
		t.Fatalf("%d bodies, %v", len(bodies), err)
	}
	for _, file := range bodies {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b := parse(body)
			check(t, body, b)
			golden := filepath.Join("testdata", "golden", filepath.Base(file))
			got := print(t, b)
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("-golden +got; run with -update if that is right\n%s", d)
			}
		})
	}
}

func parse(body []byte) chat.Batch {
	return (&webhook.Parser{Accounts: accounts}).Parse(body, received)
}

func print(t *testing.T, b chat.Batch) []byte {
	t.Helper()
	o := outcome{b.Messages, b.Receipts, b.Notices, b.Issues}
	for i := range o.Messages {
		o.Messages[i].Raw, o.Messages[i].ReceivedAt = nil, time.Time{}
	}
	for i := range o.Notices {
		o.Notices[i].Raw = nil
	}
	for i := range o.Issues {
		o.Issues[i].Raw = nil
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(o); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// check holds what is true of every batch, whatever came in.
func check(t *testing.T, body []byte, b chat.Batch) {
	t.Helper()
	texts := func(s ...string) {
		for _, s := range s {
			if !utf8.ValidString(s) {
				t.Errorf("%q is not UTF-8", s)
			}
		}
	}
	for _, m := range b.Messages {
		if m.ID == "" || m.Account != account || m.ChannelID == "" || m.User.ID == "" || m.Platform != "whatsapp" {
			t.Errorf("incomplete message %+v", m)
		}
		if !json.Valid(m.Raw) || !m.ReceivedAt.Equal(received) {
			t.Errorf("raw %q, received %v", m.Raw, m.ReceivedAt)
		}
		tap := m.Content.Interaction != nil
		if !tap && m.Content.Kind() == chat.KindInteraction {
			t.Errorf("a tap without its facts: %+v", m)
		}
		if m.SentAt.Year() > 9999 {
			t.Errorf("time %v", m.SentAt)
		}
		texts(m.ID, m.Text, m.ChannelID, m.User.ID, m.User.DisplayName, m.ReplyTo)
	}
	for _, r := range b.Receipts {
		if r.ID == "" || r.MessageID == "" || r.Account != account || r.PlatformStatus == "" ||
			(r.Error != nil) != (r.Status == chat.ReceiptFailed) {
			t.Errorf("receipt %+v", r)
		}
	}
	for _, n := range b.Notices {
		if n.ID == "" || n.Kind == "" || n.Summary == "" || strings.ToLower(n.Kind) != n.Kind {
			t.Errorf("notice %+v", n)
		}
	}
	for _, i := range b.Issues {
		if i.Reason == "" || i.Detail == "" || len(i.Raw) > 4<<10 {
			t.Errorf("issue %+v", i)
		}
		texts(i.Path, i.Detail)
	}
	if len(b.Messages)+len(b.Receipts)+len(b.Notices)+len(b.Issues) == 0 {
		t.Errorf("nothing came of %.200q", body)
	}
}

// Bytes that mean the same give the same events: as Meta escapes them, as others do, with other spaces.
func TestSpellingsOfJSON(t *testing.T) {
	t.Parallel()
	const text = `https://k.example/a?b=<1>&c=%20 ä 日本 👩‍👩‍👧 "q" \ ` + "\t\u2028"
	body := func(s string) []byte {
		return []byte(`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{` +
			`"metadata":{"phone_number_id":"200300400500600"},"messages":[{"id":"wamid.1","from":"4915155501234",` +
			`"timestamp":"1795000000","type":"text","text":{"body":` + s + `}}]}}]}]}`)
	}
	plain, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	escaped := plain
	for _, r := range []string{"ä", "日", "本", "/", "<", "&", "%"} {
		escaped = bytes.ReplaceAll(escaped, []byte(r), []byte(escape(r)))
	}
	for _, s := range [][]byte{plain, escaped} {
		for _, b := range [][]byte{body(string(s)), indent(t, body(string(s)))} {
			got := parse(b)
			if len(got.Messages) != 1 || got.Messages[0].Text != text || len(got.Issues) > 0 {
				t.Errorf("%s\ngave %+v", b, got)
			}
		}
	}
}

func escape(r string) string {
	if r == "/" {
		return `\/`
	}
	const hex = "0123456789abcdef"
	c := []rune(r)[0]
	return `\u` + string([]byte{hex[c>>12&15], hex[c>>8&15], hex[c>>4&15], hex[c&15]})
}

func indent(t *testing.T, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, body, "", "\t"); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is no JSON, or not one JSON value, is one issue and nothing else.
func TestNotJSON(t *testing.T) {
	t.Parallel()
	const good = `{"object":"whatsapp_business_account","entry":[]}`
	for name, body := range map[string]string{
		"empty": "", "space": " ", "bom": "\xef\xbb\xbf" + good, "cut": good[:30], "two": good + good,
		"garbage behind": good + " x", "null": "null", "number": "1", "word": "hello", "string": `"x"`,
		"too deep": strings.Repeat("[", 20000) + strings.Repeat("]", 20000),
	} {
		b := parse([]byte(body))
		if len(b.Issues) != 1 || b.Issues[0].Reason != webhook.ParseFailed || len(b.Messages)+len(b.Notices) > 0 {
			t.Errorf("%s: %+v", name, b)
		}
	}
}

// Wrong bytes cost the message that has them, not its neighbour.
func TestWrongUTF8(t *testing.T) {
	t.Parallel()
	m := func(id, text string) string {
		return `{"id":"` + id + `","from":"4915155501234","type":"text","text":{"body":"` + text + `"}}`
	}
	b := parse([]byte(`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{` +
		`"metadata":{"phone_number_id":"200300400500600"},"messages":[` + m("a", "bad \xff") + "," + m("b", "good") +
		`],"statuses":[{"id":"s","status":"sent","recipient_id":"` + "\xc3" + `"}]}},` +
		`{"field":"flows","value":{"x":"` + "\xfe" + `"}}]}]}`))
	if len(b.Messages) != 1 || b.Messages[0].ID != "b" || len(b.Receipts) != 0 {
		t.Errorf("%+v", b)
	}
	if len(b.Notices) != 1 || b.Notices[0].Raw != nil {
		t.Errorf("notices %+v", b.Notices)
	}
	reasons := map[string]int{}
	for _, i := range b.Issues {
		reasons[i.Reason]++
	}
	want := map[string]int{webhook.InvalidUTF8: 1, webhook.MalformedMessage: 1, webhook.MalformedStatus: 1}
	if d := cmp.Diff(want, reasons); d != "" {
		t.Error(d)
	}
}

// The raw part of a message is its own JSON and does not hold on to the whole body.
func TestRaw(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("testdata/webhooks/issue_beside_good.json")
	if err != nil {
		t.Fatal(err)
	}
	b := parse(body)
	if len(b.Messages) != 1 {
		t.Fatalf("%+v", b.Messages)
	}
	clear(body)
	var m struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(b.Messages[0].Raw, &m); err != nil || m.ID != b.Messages[0].ID {
		t.Errorf("raw %s, %v", b.Messages[0].Raw, err)
	}
}

// A long history is told of and not kept.
// A body of rubbish is told of in a bounded list, and what is good in it is still taken.
func TestRubbishIsBounded(t *testing.T) {
	t.Parallel()
	change := `{"field":"messages","value":{"metadata":{"phone_number_id":"` + account + `"},"messages":[{"from":"14155550123",` +
		`"id":"wamid.last","timestamp":"1763467200","type":"text","text":{"body":"hi"}}]}}`
	body := []byte(`{"object":"whatsapp_business_account","entry":[` + strings.Repeat("1,", 5000) +
		`{"id":"1","changes":[` + change + `]}]}`)
	b := parse(body)
	if len(b.Messages) != 1 || b.Messages[0].ID != "wamid.last" {
		t.Errorf("messages: %+v", b.Messages)
	}
	if n := len(b.Issues); n != 1001 || b.Issues[n-1].Reason != webhook.TooManyIssues ||
		!strings.HasPrefix(b.Issues[n-1].Detail, "4000 ") {
		t.Errorf("%d issues, the last %+v", n, b.Issues[n-1])
	}
}

func TestLargeNotice(t *testing.T) {
	t.Parallel()
	b := parse([]byte(`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"history","value":{"h":"` +
		strings.Repeat("x", 300<<10) + `"}}]}]}`))
	if len(b.Notices) != 1 || b.Notices[0].Raw != nil || !strings.Contains(b.Notices[0].Summary, "300 KiB") {
		t.Errorf("%+v", b.Notices)
	}
}

func TestFilename(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 200)
	for in, want := range map[string]string{
		"a.pdf":               "a.pdf",
		"../../etc/passwd":    "passwd",
		`C:\temp\x.txt`:       "x.txt",
		"/":                   "",
		"..":                  "",
		". .":                 "",
		"a\x00b\r\n.txt":      "ab.txt",
		"gpj\u202eexe.jpg":    "gpjexe.jpg",
		" spaced name.txt ":   "spaced name.txt",
		"日本.png":              "日本.png",
		long + ".pdf":         strings.Repeat("ä", 125) + ".pdf",
		strings.ToUpper(long): strings.Repeat("Ä", 127),
	} {
		if got := webhook.Filename(in); got != want || len(got) > 255 || !utf8.ValidString(got) {
			t.Errorf("Filename(%q) = %q, want %q", in, got, want)
		}
	}
}
