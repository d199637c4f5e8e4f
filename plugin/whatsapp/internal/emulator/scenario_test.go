package emulator_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/scenario"
)

// bot answers each text with itself, "menu" with buttons, and a tap with its id.
type bot struct {
	graph string
	*httptest.Server
}

// newBot starts an emulator and a bot that speak to each other.
func newBot(t *testing.T) (*scenario.Client, rig) {
	t.Helper()
	b := &bot{}
	b.Server = httptest.NewServer(b)
	r := newRig(t, b.URL)
	b.graph = r.address
	t.Cleanup(b.Close)
	return &scenario.Client{Address: r.address}, r
}

func (b *bot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		_, _ = io.WriteString(w, r.URL.Query().Get("hub.challenge"))
		return
	}
	raw, _ := io.ReadAll(r.Body)
	var hook posted
	_ = json.Unmarshal(raw, &hook)
	for _, e := range hook.Entry {
		for _, c := range e.Changes {
			for _, m := range c.Value.Messages {
				b.answer(m)
			}
		}
	}
}

func (b *bot) answer(raw json.RawMessage) {
	var m struct {
		ID, From, Type string
		Text           struct{ Body string }
		Interactive    struct {
			Reply struct{ ID string } `json:"button_reply"`
		}
	}
	_ = json.Unmarshal(raw, &m)
	body := object{
		"messaging_product": "whatsapp", "to": "+" + m.From, "type": "text", "text": object{"body": m.Text.Body + m.Interactive.Reply.ID},
		"context": object{"message_id": m.ID},
	}
	if m.Text.Body == "menu" {
		delete(body, "text")
		body["type"] = "interactive"
		body["interactive"] = object{
			"type": "button", "body": object{"text": "choose"},
			"action": object{"buttons": []any{reply("a", "A"), reply("b", "B")}},
		}
	}
	req, err := http.NewRequest(http.MethodPost, b.graph+path, strings.NewReader(text(body)))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer demo-access-token")
	if res, err := http.DefaultClient.Do(req); err == nil {
		_ = res.Body.Close()
	}
}

// write puts a scenario into a file and loads it.
func load(t *testing.T, text string) ([]*scenario.Scenario, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "s.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return scenario.Load(file)
}

func TestScenariosThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for want, text := range map[string]string{
		"no such file": "", "has no steps": "name: x", "s.yaml:3: a step needs do or expect": "name: x\nsteps:\n  - {from: ana}",
		"s.yaml:4: do \"sing\" is none of clear-faults,": "name: x\nsteps:\n  - {do: settle}\n  - {do: sing}",
		"s.yaml:2: a step has do or expect, not both":    "steps:\n  - {do: settle, expect: none}",
		"within: \"soon\" is no duration":                "within: soon\nsteps: [{do: settle}]",
		"field nam not found":                            "nam: x\nsteps: [{do: settle}]",
		"a step is a mapping":                            "steps: [settle]",
	} {
		_, err := load(t, text)
		if text == "" {
			_, err = scenario.Load(filepath.Join(t.TempDir(), "none.yaml"))
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

const steps = `name: All of it
within: 20s
people: {ana: {phone: "4915112345678"}}
steps:
  - {do: send, from: ana, text: "~ tilde", as: question}
  - {expect: message, to: ana, text: "~^~ til", quotes: question, where: {text.body: ~ tilde, context: {message_id: "~^wamid"}}, as: answer}
  - {expect: state, to: ana, of: answer, is: read, posts: 0}
  - {do: send, from: ana, text: menu}
  - {expect: message, to: ana, type: button, buttons: [A, ~B], where: {interactive.action.buttons.1.reply.id: b}}
  - {do: tap, from: ana, title: B}
  - {expect: message, to: ana, text: b, any: true}
  - {expect: none, to: ana}
  - {expect: count, to: ana, is: 3}
  - {do: clock, advance: 1d}
  - {expect: window, to: ana, is: false}
  - {do: graph, path: /v25.0/106540352242922/messages, body: {messaging_product: whatsapp, to: "+4915112345678", text: {body: late}}, as: late}
  - {expect: state, to: ana, of: late, is: failed, code: 131047}
  - {do: graph, path: /v25.0/1/messages, code: 100, answer: {error.error_subcode: 33}}
  - {do: fault, rule: {on: call, do: error, code: 4, next: 1, match: {user: ana}}}
  - {do: graph, path: /v25.0/106540352242922/messages, body: {messaging_product: whatsapp, to: "+4915112345678", text: {body: x}}, status: 429}
  - {do: person, who: ana, online: false}
  - {do: settings, window: "off"}
  - {do: settle}
  - {expect: counters, are: {typed: 3, failed: 1}}
`

func TestScenarioPasses(t *testing.T) {
	t.Parallel()
	client, _ := newBot(t)
	all, err := load(t, steps)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if res := client.Run(t.Context(), all[0]); res.Failure != nil || res.Steps != 20 {
		t.Errorf("%+v %+v", res, res.Failure)
	}
}

func TestScenarioFails(t *testing.T) {
	t.Parallel()
	client, _ := newBot(t)
	const head = "within: 300ms\npeople: {ana: {phone: \"4915112345678\"}}\nsteps:\n  - {do: send, from: ana, text: menu}\n" +
		"  - {expect: count, to: ana, is: 1, within: 20s}\n  - "
	for step, want := range map[string]string{
		`{expect: message, to: ana, text: hello}`:                            `text is "choose", not "hello"`,
		`{expect: message, to: ana, text: "~^x"}`:                            `text is "choose", which does not match`,
		`{expect: message, to: ana, type: list}`:                             `it is of type button, not list`,
		`{expect: message, to: ana, buttons: [A]}`:                           `buttons is ["A","B"], not ["A"]`,
		`{expect: message, to: ana, where: {interactive.header: x}}`:         `body has no interactive.header`,
		`{expect: message, to: ana, colour: red}`:                            `members that mean nothing here: colour`,
		`{expect: message}`:                                                  `to is missing`,
		`{expect: count, to: ana, is: 2}`:                                    `there are 1 messages, not 2 (waited 300ms)`,
		`{expect: counters, are: {typed: 9}}`:                                `counters.typed is 1, not 9`,
		`{expect: typing, to: ana}`:                                          `the business shows that it writes: false`,
		`{do: tap, from: ana, title: C}`:                                     `no message of the chat has a button or row`,
		`{do: send, from: ana, txt: x}`:                                      `unknown field "txt"`,
		`{do: fault, rule: {on: call}}`:                                      `do "" is none of`,
		`{do: graph, path: /v25.0/1/messages, body: {messaging_product: x}}`: `the answer is 400`,
	} {
		t.Run(step, func(t *testing.T) {
			all, err := load(t, head+step)
			if err != nil {
				t.Fatal(err)
			}
			res := client.Run(t.Context(), all[0])
			if res.Failure == nil || !strings.Contains(res.Failure.Error, want) || res.Failure.Line != 6 {
				t.Errorf("%+v, want %s", res.Failure, want)
			}
		})
	}
}

func TestReports(t *testing.T) {
	t.Parallel()
	r := &scenario.Report{}
	r.Add(scenario.Result{Name: "good", File: "a.yaml", Steps: 2, Took: 0.5})
	r.Add(scenario.Result{Name: "bad <&>", File: "a.yaml", Failure: &scenario.Failure{Line: 7, Step: "expect message, to ana", Error: "no message came"}})
	var junit, asJSON, words bytes.Buffer
	if err := r.JUnit(&junit); err != nil {
		t.Fatal(err)
	}
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Cases    []struct {
			Name    string `xml:"name,attr"`
			Failure *struct {
				Text string `xml:",chardata"`
			} `xml:"failure"`
		} `xml:"testcase"`
	}
	if err := xml.Unmarshal(junit.Bytes(), &suite); err != nil || suite.Tests != 2 || suite.Failures != 1 || suite.Cases[0].Failure != nil ||
		suite.Cases[1].Name != "bad <&>" || suite.Cases[1].Failure.Text != "a.yaml:7: expect message, to ana: no message came" {
		t.Errorf("%v: %s", err, junit.String())
	}
	if err := r.JSON(&asJSON); err != nil || !strings.Contains(asJSON.String(), `"line": 7`) || r.Failed != 1 {
		t.Errorf("%v: %s", err, asJSON.String())
	}
	for _, s := range r.Scenarios {
		s.Print(&words)
	}
	if !strings.Contains(words.String(), "FAIL  bad <&>\n      a.yaml:7: expect message") {
		t.Errorf("%s", words.String())
	}
}

// TestChatBecomesScenario copies a chat as a test, and the test passes.
func TestChatBecomesScenario(t *testing.T) {
	t.Parallel()
	client, r := newBot(t)
	for _, a := range []object{
		{"type": "text", "text": "~ hello: {x}"},
		{"type": "text", "text": "menu"},
		{"type": "tap", "title": "A"},
		{"type": "location", "latitude": 1.5, "longitude": 2, "place": "P"},
		{"type": "reaction", "emoji": "👍"},
		{"type": "unsupported"},
	} {
		if a["from"] = user; a["type"] == "reaction" {
			a["context"] = r.Chat(user).Messages[1].ID
		}
		a["name"] = "Ana Müller"
		r.control(t, "POST", "send", a)
		eventually(t, func() bool {
			ms := r.Chat(user).Messages
			return ms[len(ms)-1].Direction == "to_user" || a["type"] != "text"
		})
		r.settled(t)
	}
	status, copied, h := r.call(t, "GET", "/_emulator/scenario?user="+user, "")
	if status != 200 || !strings.HasPrefix(h.Get("Content-Type"), "application/yaml") {
		t.Fatalf("%d %s", status, copied)
	}
	all, err := load(t, string(copied))
	if err != nil {
		t.Fatalf("%v\n%s", err, copied)
	}
	for _, want := range []string{"ana:", "do: tap", "title: A", "expect: message", "as: message 1"} {
		if !strings.Contains(string(copied), want) {
			t.Errorf("no %s in\n%s", want, copied)
		}
	}
	if res := client.Run(t.Context(), all[0]); res.Failure != nil {
		t.Errorf("%+v\n%s", res.Failure, copied)
	}
}
