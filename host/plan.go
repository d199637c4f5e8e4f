package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/host/internal/router"
	"github.com/aof-dev/aofd/host/internal/session"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/turn"
	"github.com/aof-dev/aofd/sdk/chat"
	"github.com/aof-dev/aofd/sdk/version"
)

// planner decides what is to be done with a message: it joins the rules of the configuration with what the
// user chose.
type planner struct {
	store   store.Store
	router  *router.Router
	session *session.Session
	agents  map[string]config.Agent
	runtime config.Runtime
	limits  func(platform string) chat.Limits // zero while they are not known
	log     *slog.Logger
}

func (d *daemon) newPlanner(cfg *config.Config) *planner {
	p := &planner{
		store: d.store, router: router.New(cfg.Triggers, cfg.Runtime.DefaultAgent),
		agents: map[string]config.Agent{}, runtime: cfg.Runtime, log: d.log,
		limits: func(platform string) chat.Limits {
			_, limits := d.sender(platform, "")
			return limits
		},
	}
	var shown []session.Agent
	for _, a := range cfg.Agents {
		p.agents[a.Name] = a
		shown = append(shown, session.Agent{Name: a.Name, Description: a.Description, Runner: a.Runner()})
	}
	p.session = session.New(shown, version.String(), d.startedAt)
	return p
}

// reading is what a message is, as far as the message and the configuration tell.
type reading struct {
	trigger config.Trigger
	command *session.Command // typed; nil: none
	bound   *config.Command  // what the trigger binds the command to; nil: nothing
	own     bool             // the daemon answers by itself, or nobody does
	silent  string           // why there is no answer at all; empty: there is one
	refused bool             // with silent: by the configuration
}

// read sorts a message. It asks neither store nor plugin, so that it can decide on the lane before the
// message is stored.
func (p *planner) read(m chat.Message) (r reading) {
	trigger, ok := p.router.Match(m)
	r.trigger = trigger
	switch c := m.Content; {
	case c.System != nil:
		r.silent = "a note of the platform: " + c.System.Type
	case c.Reaction != nil:
		r.silent = "a reaction needs no answer"
	case !ok:
		r.silent, r.refused = "no trigger of the platform takes this message", true
	case c.Interaction != nil:
		r.own = strings.HasPrefix(c.Interaction.ID, session.Switch)
	case c.Kind() == chat.KindText && strings.TrimSpace(m.Text) == "":
		r.silent = "an empty message"
	case c.Unsupported != nil:
		r.own = strings.TrimSpace(m.Text) == ""
	case c.Kind() == chat.KindText:
		p.readCommand(&r, m)
	}
	r.own = r.own || r.silent != ""
	return r
}

// readCommand fills in what a typed text is as a command, if it is one.
func (p *planner) readCommand(r *reading, m chat.Message) {
	c, ok := session.Parse(m.Text)
	if !ok {
		return
	}
	r.command = &c
	for i, b := range r.trigger.Commands {
		if b.Name == c.Name && !c.Own && b.Agent != builtin {
			r.bound = &r.trigger.Commands[i]
			r.own = b.NotRun != ""
			return
		}
	}
	r.own = session.Builtin(c.Name) || c.Own || p.runtime.UnknownCommands != "agent"
}

// builtin is the agent of a command that a trigger binds to the daemon itself.
const builtin = "builtin"

// lane says where a message waits: what the daemon answers by itself does not wait for agents.
func (p *planner) lane(m chat.Message) store.LaneKind {
	if p.read(m).own {
		return store.LaneNow
	}
	return store.LaneTurn
}

// Plan implements turn.Planner.
func (p *planner) Plan(ctx context.Context, t store.Turn) (turn.Plan, error) {
	r := p.read(t.Message)
	switch {
	case r.refused:
		return turn.Plan{Outcome: store.OutcomeRefused, Why: r.silent}, nil
	case r.silent != "":
		return turn.Plan{Outcome: store.OutcomeNothing, Why: r.silent}, nil
	case r.bound != nil && r.bound.NotRun != "":
		return reply(store.OutcomeRefused, fmt.Sprintf("/%s needs %s", r.bound.Name, r.bound.NotRun), chat.Response{
			Status: chat.StatusWarning, Format: chat.FormatText,
			Text: fmt.Sprintf("/%s needs %s, which this bot does not run.", r.bound.Name, r.bound.NotRun),
		}), nil
	case r.bound != nil:
		c := &chat.Command{Name: r.bound.Name, Args: r.command.Args, Description: r.bound.Description}
		return p.run(r.bound.Agent, c, fmt.Sprintf("the command in %s", r.bound.Pos)), nil
	case r.own:
		return p.answer(ctx, t, r)
	}
	if plan, ok, err := p.numbered(ctx, t); ok || err != nil {
		return plan, err
	}
	agent, why, _, err := p.choose(ctx, t, r)
	if err != nil {
		return turn.Plan{}, err
	}
	if agent == "" {
		p.log.Warn("no agent is set up for a message: set spec.runtime.default_agent", "cause", t.Cause)
		return reply(store.OutcomeRefused, "no agent is set up for this message", chat.Response{
			Status: chat.StatusWarning, Format: chat.FormatText,
			Text: "No agent is set up to answer this. /agents lists what there is.",
		}), nil
	}
	return p.run(agent, nil, why), nil
}

// reply plans one response.
func reply(o store.Outcome, why string, r chat.Response) turn.Plan {
	return turn.Plan{Reply: &r, Outcome: o, Why: why}
}

// run plans that an agent answers.
func (p *planner) run(agent string, c *chat.Command, why string) turn.Plan {
	a := p.agents[agent]
	return turn.Plan{
		Agent: agent, Command: c, Vars: a.Vars, History: a.MaxContextMessages, Timeout: p.timeout(a),
		Why: "agent " + agent + ": " + why,
	}
}

// timeout is the agent's own limit, which can only shorten the daemon's.
func (p *planner) timeout(a config.Agent) time.Duration {
	limit := p.runtime.TaskTimeout
	var own time.Duration
	switch {
	case a.Exec != nil:
		own = a.Exec.Timeout
	case a.HTTP != nil:
		own = a.HTTP.Timeout
	case a.GRPC != nil:
		own = a.GRPC.Timeout
	}
	if own > 0 && own < limit {
		return own
	}
	return limit
}

// choose returns the agent for a message: the one that offered what was tapped, the user's choice, the first
// rule that holds, the defaults. It is empty when there is none. explicit is true for the user's choice.
func (p *planner) choose(ctx context.Context, t store.Turn, r reading) (agent, why string, explicit bool, err error) {
	m := t.Message
	if i := m.Content.Interaction; i != nil && i.SourceMessageID != "" {
		offered, err := p.store.OfferedBy(ctx, m.Platform, m.Account, i.SourceMessageID)
		if err != nil {
			return "", "", false, err
		}
		if _, loaded := p.agents[offered]; loaded {
			return offered, "it offered what was tapped", false, nil
		}
	}
	chosen, err := p.store.AgentChoice(ctx, t.Conversation, m.User.ID)
	if err != nil {
		return "", "", false, err
	}
	if _, loaded := p.agents[chosen]; loaded {
		return chosen, "the user's choice", true, nil
	}
	if agent, why := p.router.Rule(r.trigger, m); agent != "" {
		return agent, why, false, nil
	}
	agent, why = p.router.Default(r.trigger)
	return agent, why, false, nil
}

// numbered takes a number for the choice from a menu that had to be shown as numbered text, since it was too
// long for the platform: the agent that offered it gets what a tap would have brought.
func (p *planner) numbered(ctx context.Context, t store.Turn) (plan turn.Plan, ok bool, err error) {
	n, err := strconv.Atoi(strings.TrimSpace(t.Message.Text))
	if err != nil || n < 1 || t.Message.Content.Kind() != chat.KindText {
		return plan, false, nil
	}
	last, err := p.store.LastDelivery(ctx, t.Conversation)
	if errors.Is(err, store.ErrNotFound) {
		return plan, false, nil
	}
	if err != nil {
		return plan, false, err
	}
	rows, most := options(last.Response), int(p.limits(t.Message.Platform).ListRowsMax)
	if _, loaded := p.agents[last.Agent]; !loaded || most == 0 || len(rows) <= most || n > len(rows) {
		return plan, false, nil
	}
	m, row := t.Message, rows[n-1]
	m.Text = "list:" + row.ID
	m.Content.Interaction = &chat.Interaction{
		Kind: chat.InteractionList, ID: row.ID, Title: row.Label, Description: row.Description,
	}
	if len(last.MessageIDs) > 0 {
		m.Content.Interaction.SourceMessageID = last.MessageIDs[len(last.MessageIDs)-1]
	}
	plan = p.run(last.Agent, nil, fmt.Sprintf("the number %d chooses from what it offered", n))
	plan.Message = &m
	return plan, true, nil
}

// options are what can be tapped in an answer, in the order in which they are numbered.
func options(r chat.Response) (out []chat.Action) {
	rows := r.Actions
	if len(r.Sections) > 0 {
		rows = nil
		for _, s := range r.Sections {
			rows = append(rows, s.Rows...)
		}
	}
	for _, a := range rows {
		if a.URL == "" {
			out = append(out, a)
		}
	}
	return out
}

// answer plans what the daemon answers by itself.
func (p *planner) answer(ctx context.Context, t store.Turn, r reading) (turn.Plan, error) {
	if u := t.Message.Content.Unsupported; u != nil {
		return reply(store.OutcomeRefused, "unsupported content: "+u.Type, chat.Response{
			Status: chat.StatusWarning, Format: chat.FormatText,
			Text: "I cannot read this kind of message. Please write it as text.",
		}), nil
	}
	q := session.Question{Message: t.Message}
	for _, c := range r.trigger.Commands {
		q.Bound = append(q.Bound, session.Bound{Name: c.Name, Description: c.Description})
	}
	var err error
	if q.Current, _, q.Explicit, err = p.choose(ctx, withoutTap(t), r); err != nil {
		return turn.Plan{}, err
	}
	if a, ok := p.session.Tapped(q); ok {
		return answered(a, "a tap on the daemon's own action"), nil
	}
	q.Command = *r.command
	if !session.Builtin(q.Command.Name) {
		return answered(p.session.Unknown(q.Command, q.Bound), "nobody knows /"+q.Command.Name), nil
	}
	queue, err := p.store.QueueOf(ctx, t.Message.Platform, t.Message.Account, t.Message.User.ID)
	if err != nil {
		return turn.Plan{}, err
	}
	for _, e := range queue {
		if t.Seq > 0 && e.Seq > t.Seq {
			continue // written later
		}
		q.Running = append(q.Running, session.Task{
			ID: e.Cause, Reference: store.Reference(e.Cause), Age: time.Since(e.ReceivedAt), Running: e.Running,
		})
	}
	return answered(p.session.Answer(q), "the daemon's own command /"+q.Command.Name), nil
}

// withoutTap is the turn as if something had been typed: a tap would choose the agent that offered it.
func withoutTap(t store.Turn) store.Turn {
	t.Message.Content.Interaction = nil
	return t
}

// answered plans an answer of the session.
func answered(a session.Answer, why string) turn.Plan {
	p := reply(store.OutcomeAnswered, why, a.Response)
	p.SetAgent, p.Cancel = a.SetAgent, a.Cancel
	return p
}
