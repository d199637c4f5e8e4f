package session

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/agext/levenshtein"

	"github.com/aof-dev/aofd/sdk/chat"
)

// Agent is an agent as users see it. Runner is a word such as exec or http.
type Agent struct {
	Name, Description, Runner string
}

// Bound is a command that a trigger binds.
type Bound struct {
	Name, Description string
}

// Session answers the built-in commands. It is read-only and may be used by many goroutines.
type Session struct {
	agents    []Agent // by name
	version   string
	startedAt time.Time
}

// New returns a session over the loaded agents. startedAt is when the daemon started.
func New(agents []Agent, version string, startedAt time.Time) *Session {
	agents = slices.Clone(agents)
	slices.SortFunc(agents, func(a, b Agent) int {
		return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return &Session{agents: agents, version: version, startedAt: startedAt}
}

// Question is a built-in command with what is known around it.
type Question struct {
	Command  Command
	Message  chat.Message
	Current  string // the agent that would answer now; empty: none
	Explicit bool   // Current is the user's own choice
	Bound    []Bound
	Running  []Task // the user's messages that wait or run, oldest first
}

// Task is a message of the user that waits or runs.
type Task struct {
	ID        string        // for Answer.Cancel
	Reference string        // what stands for it in log and trace
	Age       time.Duration // since it was received
	Running   bool          // false: it waits
}

// Answer is what the user gets. SetAgent, when not nil, is the agent from now on; empty takes a choice back. Cancel
// are the tasks to be ended.
type Answer struct {
	Response chat.Response
	SetAgent *string
	Cancel   []string
}

// Answer answers a built-in command, by any of its names. One that is only kept for later gets a warning.
func (s *Session) Answer(q Question) Answer {
	if h := handlers[long(q.Command.Name)]; h != nil {
		return h(s, q)
	}
	return warn(fmt.Sprintf("/%s is not available in this version. /help says what is.", q.Command.Name))
}

// Unknown answers a command that nobody knows.
func (s *Session) Unknown(c Command, bound []Bound) Answer {
	var names []string
	for name := range handlers {
		names = append(names, name)
	}
	for _, b := range bound {
		names = append(names, b.Name)
	}
	text := fmt.Sprintf("I do not know /%s.", c.Name)
	if near := nearest(c.Name, names); near != "" {
		text += fmt.Sprintf(" Did you mean /%s?", near)
	}
	return warn(text + " /help says what I can do.")
}

// Switch begins the ids of actions that choose an agent.
const Switch = "ag:"

// Tapped answers the tap on an action of the daemon's own; ok is false when the message is no such tap.
func (s *Session) Tapped(q Question) (a Answer, ok bool) {
	i := q.Message.Content.Interaction
	if i == nil || !strings.HasPrefix(i.ID, Switch) {
		return Answer{}, false
	}
	return s.choose(strings.TrimPrefix(i.ID, Switch)), true
}

func (s *Session) help(q Question) Answer {
	var b strings.Builder
	b.WriteString("I pass your messages to an agent and send its answers back.\n")
	b.WriteString(s.currently(q) + "\n\n")
	b.WriteString("/agents – the agents there are\n/agent NAME – talk to another agent\n" +
		"/agent auto – let the rules decide again\n/status – what is being worked on\n/cancel – stop it\n" +
		"/whoami – your id here\n/help – this text")
	for _, c := range q.Bound {
		b.WriteString("\n/" + c.Name)
		if c.Description != "" {
			b.WriteString(" – " + c.Description)
		}
	}
	a := Answer{Response: say(b.String())}
	a.Response.Actions = s.actions()
	return a
}

func (s *Session) currently(q Question) string {
	switch {
	case q.Current == "":
		return "No agent is chosen."
	case q.Explicit:
		return "You talk to " + q.Current + ", as you chose."
	}
	return "You talk to " + q.Current + "."
}

// mostActions is how many agents are offered to tap, since ten rows are what lists of platforms usually take.
const mostActions = 10

func (s *Session) actions() (out []chat.Action) {
	for _, a := range s.agents[:min(len(s.agents), mostActions)] {
		out = append(out, chat.Action{ID: Switch + a.Name, Label: a.Name, Description: a.Description})
	}
	return out
}

func (s *Session) list(q Question) Answer {
	if len(s.agents) == 0 {
		return warn("No agent is set up here.")
	}
	var b strings.Builder
	b.WriteString("The agents here:")
	for _, a := range s.agents {
		b.WriteString("\n• " + a.Name)
		if a.Description != "" {
			b.WriteString(" – " + a.Description)
		}
		if strings.EqualFold(a.Name, q.Current) {
			b.WriteString(" (yours now)")
		}
	}
	b.WriteString("\n\nChoose one below, or write /agent NAME.")
	return Answer{Response: chat.Response{
		Text: b.String(), Format: chat.FormatText, Status: chat.StatusInfo, Actions: s.actions(), ListLabel: "Agents",
	}}
}

func (s *Session) agent(q Question) Answer {
	args := q.Command.Args
	switch {
	case len(args) == 0:
		return s.list(q)
	case strings.EqualFold(args[0], "auto"):
		none := ""
		return Answer{Response: say("The rules decide again which agent answers."), SetAgent: &none}
	case strings.EqualFold(args[0], "info"):
		name := q.Current
		if len(args) > 1 {
			name = args[1]
		}
		return s.describe(name)
	}
	return s.choose(args[0])
}

func (s *Session) describe(name string) Answer {
	a, ok := s.find(name)
	if !ok {
		return s.unknownAgent(name)
	}
	text := a.Name
	if a.Description != "" {
		text += "\n" + a.Description
	}
	return Answer{Response: say(text + "\nruns by " + a.Runner)}
}

func (s *Session) choose(name string) Answer {
	a, ok := s.find(name)
	if !ok {
		return s.unknownAgent(name)
	}
	text := "You talk to " + a.Name + " now."
	if a.Description != "" {
		text += "\n" + a.Description
	}
	return Answer{Response: say(text + "\n/agent auto lets the rules decide again."), SetAgent: &a.Name}
}

// nicknames are names that agents often have, by what people type instead.
var nicknames = map[string]string{"k8s": "k8s-ops", "aws": "aws-agent", "docker": "docker-ops"}

// find finds an agent by its name in any case, or by a nickname.
func (s *Session) find(name string) (Agent, bool) {
	for _, want := range []string{name, nicknames[strings.ToLower(name)]} {
		for _, a := range s.agents {
			if want != "" && strings.EqualFold(a.Name, want) {
				return a, true
			}
		}
	}
	return Agent{}, false
}

func (s *Session) unknownAgent(name string) Answer {
	var names []string
	for _, a := range s.agents {
		names = append(names, a.Name)
	}
	text := fmt.Sprintf("Unknown agent %.60q.", name)
	if near := nearest(name, names); near != "" {
		text += " Did you mean " + near + "?"
	}
	a := warn(text + " /agents lists them.")
	a.Response.Actions = s.actions()
	return a
}

func (s *Session) status(q Question) Answer {
	var b strings.Builder
	fmt.Fprintf(&b, "aofd %s, up %s\n%s", s.version, spoken(time.Since(s.startedAt)), s.currently(q))
	if len(q.Running) == 0 {
		b.WriteString("\nNothing of yours is being worked on.")
	}
	for _, t := range q.Running {
		state := "waits"
		if t.Running {
			state = "runs"
		}
		fmt.Fprintf(&b, "\n• %s %s since %s", t.Reference, state, spoken(t.Age))
	}
	return Answer{Response: say(b.String())}
}

// cancel ends the task that runs, or else the newest one that waits; the one that is named; or all.
func (s *Session) cancel(q Question) Answer {
	tasks, args := q.Running, q.Command.Args
	if len(tasks) == 0 {
		return Answer{Response: say("Nothing of yours is being worked on.")}
	}
	if len(args) > 0 && strings.EqualFold(args[0], "task") {
		args = args[1:]
	}
	switch {
	case len(args) == 0:
		newest := tasks[len(tasks)-1]
		for _, t := range tasks {
			if t.Running {
				newest = t
			}
		}
		tasks = []Task{newest}
	case !strings.EqualFold(args[0], "all"):
		i := slices.IndexFunc(tasks, func(t Task) bool { return strings.EqualFold(t.Reference, args[0]) })
		if i < 0 {
			return warn(fmt.Sprintf("Nothing of yours has the reference %.20q. /status shows what there is.", args[0]))
		}
		tasks = tasks[i : i+1]
	}
	var a Answer
	var refs []string
	for _, t := range tasks {
		a.Cancel, refs = append(a.Cancel, t.ID), append(refs, t.Reference)
	}
	a.Response = say("Cancelled: " + strings.Join(refs, ", ") + ".")
	return a
}

func (s *Session) info(Question) Answer {
	return Answer{Response: say(fmt.Sprintf("aofd %s, %d agents", s.version, len(s.agents)))}
}

func (s *Session) whoami(q Question) Answer {
	u := q.Message.User
	lines := []string{"platform: " + q.Message.Platform, "user: " + u.ID}
	for _, a := range u.Aliases {
		lines = append(lines, "also: "+a)
	}
	return Answer{Response: say(strings.Join(lines, "\n"))}
}

func say(text string) chat.Response {
	return chat.Response{Text: text, Format: chat.FormatText, Status: chat.StatusInfo}
}

func warn(text string) Answer {
	return Answer{Response: chat.Response{Text: text, Format: chat.FormatText, Status: chat.StatusWarning}}
}

// spoken is a duration as people say it.
func spoken(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}

// nearest is the candidate that word was probably meant to be, or nothing.
func nearest(word string, candidates []string) string {
	best, least := "", max(1, len(word)/3)+1
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if d := levenshtein.Distance(strings.ToLower(word), strings.ToLower(c), nil); d < least {
			best, least = c, d
		}
	}
	return best
}
