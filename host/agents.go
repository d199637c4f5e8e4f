package host

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/host/internal/runner"
	"github.com/aof-dev/aofd/sdk/chat"
)

// agents are the runners of the loaded agents, by name.
type agents struct {
	log      *slog.Logger
	programs *semaphore.Weighted      // what exec agents may run at once
	exec     map[string]bool          // the agents that are programs
	runners  map[string]runner.Runner // read-only once made
	broken   map[string]error         // agents that have no runner, and why
	runs     sync.WaitGroup           // those that go on; see current.hold
}

// newAgents makes a runner for each agent. One that cannot run is an error when somebody is routed to it,
// else a warning: the others still work.
func newAgents(cfg *config.Config, log *slog.Logger, diags config.Diagnostics) (*agents, config.Diagnostics) {
	out := &agents{
		log: log, programs: semaphore.NewWeighted(int64(cfg.Runtime.MaxPrograms)), exec: map[string]bool{},
		runners: map[string]runner.Runner{}, broken: map[string]error{},
	}
	routed := referenced(cfg)
	for _, a := range cfg.Agents {
		out.exec[a.Name] = a.Exec != nil
		r, err := runner.New(a, runner.Settings{Logger: log.With("agent", a.Name), Mark: cfg.DataDir})
		if err == nil {
			out.runners[a.Name] = r
			err = r.Check()
		} else {
			out.broken[a.Name] = err
		}
		if err == nil || a.Runner() == "model" { // the configuration has warned of those, and they say so themselves
			continue
		}
		severity := config.SeverityWarning
		if routed[a.Name] {
			severity = config.SeverityError
		}
		diags = append(diags, config.Diagnostic{
			Severity: severity, Pos: a.Pos, Text: fmt.Sprintf("agent %s cannot run: %v", a.Name, err),
		})
	}
	return out, diags
}

// referenced are the agents that a default, a rule or a command leads to.
func referenced(cfg *config.Config) map[string]bool {
	out := map[string]bool{cfg.Runtime.DefaultAgent: true}
	for _, t := range cfg.Triggers {
		out[t.DefaultAgent] = true
		for _, r := range t.Rules {
			out[r.Agent] = true
		}
		for _, c := range t.Commands {
			out[c.Agent] = true
		}
	}
	return out
}

// Run implements turn.Agents: it runs the agent that r names.
func (a *agents) Run(ctx context.Context, r chat.Run, emit func(chat.Event)) chat.Event {
	if runs, ok := a.runners[r.Agent]; ok {
		if a.exec[r.Agent] {
			if err := a.programs.Acquire(ctx, 1); err != nil {
				return chat.Event{Error: &chat.AgentError{
					Code: "AGENT_BUSY", UserText: "Too many tasks are running right now. Please try again later.",
					Detail: "no place for a program became free in the run's time: see spec.runtime.max_programs",
				}}
			}
			defer a.programs.Release(1)
		}
		return runs.Run(ctx, r, emit)
	}
	detail := fmt.Sprintf("no agent %q is loaded", r.Agent)
	if err := a.broken[r.Agent]; err != nil {
		detail = err.Error()
	}
	return chat.Event{Error: &chat.AgentError{
		Code: "AGENT_UNAVAILABLE", UserText: "The agent " + r.Agent + " cannot run right now.", Detail: detail,
	}}
}

// trouble says why an agent cannot run now; empty: nothing is known against it.
func (a *agents) trouble(agent config.Agent) string {
	err := a.broken[agent.Name]
	if r, ok := a.runners[agent.Name]; ok {
		err = r.Check()
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

// has reports whether an agent is loaded.
func (a *agents) has(name string) bool {
	_, runs := a.runners[name]
	_, broken := a.broken[name]
	return runs || broken
}

// closeWhenIdle frees what runners hold once the last run is over. No run may begin any more.
func (a *agents) closeWhenIdle() {
	a.runs.Wait()
	for name, r := range a.runners {
		if err := r.Close(); err != nil {
			a.log.Warn("an agent's runner did not close cleanly", "agent", name, "err", err)
		}
	}
}
