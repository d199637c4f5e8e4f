package session_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aof-dev/aofd/host/internal/session"
	"github.com/aof-dev/aofd/sdk/chat"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]session.Command{
		"/help":                         {Name: "help"},
		"  /Help@my_bot  now ":          {Name: "help", Args: []string{"now"}},
		`/agent "two words" 'and more'`: {Name: "agent", Args: []string{"two words", "and more"}},
		`/say it's fine`:                {Name: "say", Args: []string{"it's", "fine"}},
		`/say "open`:                    {Name: "say", Args: []string{`"open`}},
		"/aof status":                   {Name: "status", Own: true},
		"/aof /agent x":                 {Name: "agent", Args: []string{"x"}, Own: true},
		"/aof":                          {Name: "help", Own: true},
		"/pods\nproduction":             {Name: "pods", Args: []string{"production"}},
	} {
		got, ok := session.Parse(text)
		if len(want.Args) == 0 {
			got.Args = nil
		}
		if !ok || cmp.Diff(want, got) != "" {
			t.Errorf("%q: got %+v %v, want %+v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "/", "//", "/ help", "help", "/etc/hosts", "/1", "5/7", "/aof /"} {
		if got, ok := session.Parse(text); ok {
			t.Errorf("%q is a command: %+v", text, got)
		}
	}
}

func ask(t *testing.T, q session.Question, text string) session.Answer {
	t.Helper()
	s := session.New([]session.Agent{
		{Name: "k8s-ops", Description: "The cluster", Runner: "exec"}, {Name: "echo", Runner: "http"},
	}, "1.2.3", time.Now().Add(-90*time.Minute))
	c, ok := session.Parse(text)
	if !ok {
		t.Fatalf("%q is no command", text)
	}
	q.Command = c
	if !session.Builtin(c.Name) {
		return s.Unknown(c, q.Bound)
	}
	return s.Answer(q)
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	q := session.Question{
		Current: "echo", Explicit: true, Bound: []session.Bound{{Name: "pods", Description: "Pods"}},
		Message: chat.Message{Platform: "p", User: chat.User{ID: "49151", Aliases: []string{"US.1"}}},
		Running: []session.Task{{Reference: "ABC123", Age: 70 * time.Second, Running: true}, {Reference: "DEF456", Age: time.Second}},
	}
	for text, want := range map[string][]string{
		"/help":         {"/pods – Pods", "/status", "You talk to echo, as you chose."},
		"/h":            {"/pods – Pods"},
		"/agents":       {"• echo (yours now)", "• k8s-ops – The cluster"},
		"/agent":        {"• echo"},
		"/agent K8S":    {"You talk to k8s-ops now"},
		"/agent info":   {"echo", "runs by http"},
		"/agent ech":    {"Unknown agent", "Did you mean echo?"},
		"/status":       {"aofd 1.2.3, up 1 h 30 min", "ABC123 runs since 1 min", "DEF456 waits since 1 s"},
		"/whoami":       {"user: 49151", "also: US.1"},
		"/info":         {"2 agents"},
		"/cancel":       {"Cancelled: ABC123."},
		"/stop def456":  {"Cancelled: DEF456."},
		"/cancel all":   {"Cancelled: ABC123, DEF456."},
		"/abort xyz":    {"Nothing of yours has the reference \"xyz\"."},
		"/reset":        {"not available in this version"},
		"/helo":         {"I do not know /helo. Did you mean /help?"},
		"/pod":          {"Did you mean /pods?"},
		"/xyzxyzxyzxyz": {"I do not know /xyzxyzxyzxyz. /help"},
	} {
		got := ask(t, q, text).Response
		for _, w := range want {
			if !strings.Contains(got.Text, w) {
				t.Errorf("%s: no %q in %q", text, w, got.Text)
			}
		}
		if got.Status != chat.StatusInfo && got.Status != chat.StatusWarning {
			t.Errorf("%s: status %q", text, got.Status)
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	running := []session.Task{{ID: "a", Reference: "A"}, {ID: "b", Reference: "B", Running: true}, {ID: "c", Reference: "C"}}
	for _, c := range []struct {
		text  string
		tasks []session.Task
		want  []string
	}{
		{"/cancel", running, []string{"b"}},
		{"/cancel", running[2:], []string{"c"}},
		{"/cancel task c", running, []string{"c"}},
		{"/cancel all", running, []string{"a", "b", "c"}},
		{"/cancel x", running, nil},
		{"/stop", nil, nil},
	} {
		if got := ask(t, session.Question{Running: c.tasks}, c.text).Cancel; cmp.Diff(c.want, got) != "" {
			t.Errorf("%s cancels %v, want %v", c.text, got, c.want)
		}
	}
}

func TestChoice(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"/agent ECHO": "echo", "/agent auto": ""} {
		if got := ask(t, session.Question{}, text).SetAgent; got == nil || *got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
	for _, text := range []string{"/agent nobody", "/agents", "/help", "/agent info echo"} {
		if got := ask(t, session.Question{}, text).SetAgent; got != nil {
			t.Errorf("%s chose %q", text, *got)
		}
	}
	s := session.New([]session.Agent{{Name: "echo"}}, "1", time.Now())
	tap := func(id string) session.Question {
		return session.Question{Message: chat.Message{Content: chat.Content{Interaction: &chat.Interaction{ID: id}}}}
	}
	if a, ok := s.Tapped(tap("ag:echo")); !ok || a.SetAgent == nil || *a.SetAgent != "echo" {
		t.Errorf("got %+v %v", a, ok)
	}
	if a, ok := s.Tapped(tap("ag:gone")); !ok || a.SetAgent != nil {
		t.Errorf("an agent that is gone: %+v %v", a, ok)
	}
	if _, ok := s.Tapped(tap("echo")); ok {
		t.Error("an agent's action was taken for the daemon's own")
	}
	if _, ok := s.Tapped(session.Question{Message: chat.Message{Text: "button:ag:echo"}}); ok {
		t.Error("typed words were taken for a tap")
	}
}
