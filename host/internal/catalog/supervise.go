package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/aof-dev/aofd/sdk/chat"
)

// Plugin is a platform that is kept running. Its methods may be called by many goroutines.
type Plugin struct {
	settings Settings
	run      *runDir
	file     Found
	log      *slog.Logger
	calls    *semaphore.Weighted // nil: no limit

	work   context.Context // ends when the plugin is to be stopped
	cancel context.CancelFunc
	polite context.Context // ends when there is no more time for a graceful stop
	force  context.CancelFunc
	done   chan struct{} // closed when the supervisor is gone

	asked chan bool // to end the process and start another; true: by force

	configuring sync.Mutex // held by Configure, so that two do not mix

	mu         sync.Mutex
	live       *instance     // nil while none is ready
	changed    chan struct{} // closed and replaced when live or the state changes
	info       chat.PluginInfo
	config     []byte // nil before Configure
	generation uint64
	status     Status
	crashes    []time.Time
}

// startPlugin starts the first process. If that fails nothing is left.
func startPlugin(ctx context.Context, s Settings, run *runDir, f Found) (*Plugin, error) {
	in, err := launch(ctx, s, run, f)
	if err != nil {
		return nil, fmt.Errorf("platform(%s): %w", f.ID, err)
	}
	p := &Plugin{
		settings: s, run: run, file: f, log: s.Logger.With("plugin", f.ID), done: make(chan struct{}),
		changed: make(chan struct{}), info: in.info, asked: make(chan bool, 1),
	}
	if n := in.info.MaxConcurrentCalls; n > 0 {
		p.calls = semaphore.NewWeighted(int64(n))
	}
	p.work, p.cancel = context.WithCancel(context.Background())
	p.polite, p.force = context.WithCancel(context.Background())
	p.status.Version = in.info.Version
	p.publish(in)
	go p.supervise(in)
	return p, nil
}

// publish makes an instance the one that calls go to.
func (p *Plugin) publish(in *instance) {
	p.mu.Lock()
	p.live, p.info = in, in.info
	p.status.PID, p.status.Version = in.process.PID(), in.info.Version
	p.setLocked(StateReady, "")
	st := p.status
	p.mu.Unlock()
	p.settings.OnState(p.file.ID, st, false)
}

func (p *Plugin) setLocked(s State, reason string) {
	p.status.State, p.status.Reason = s, reason
	close(p.changed)
	p.changed = make(chan struct{})
}

// withdraw takes the instance out of service.
func (p *Plugin) withdraw(s State, reason string, crashed bool) {
	p.mu.Lock()
	p.live, p.status.PID = nil, 0
	p.setLocked(s, reason)
	if crashed {
		p.status.Crashes++
		p.crashes = append(p.crashes, time.Now())
	}
	st := p.status
	p.mu.Unlock()
	p.settings.OnState(p.file.ID, st, crashed)
}

// supervise keeps one process running until the plugin is to be stopped.
func (p *Plugin) supervise(in *instance) {
	defer close(p.done)
	wait := p.newBackoff()
	for {
		readyAt := time.Now()
		reason, asked := p.watch(in)
		if p.work.Err() != nil {
			p.withdraw(StateStopped, "the host stops", false)
			in.stop(p.polite, p.settings.Timing.Stop)
			return
		}
		if asked {
			p.ended(in, reason)
			wait.Reset()
		} else {
			p.crashed(in, reason)
		}
		if time.Since(readyAt) > p.settings.Timing.ResetAfter {
			wait.Reset()
		}
		if in = p.restart(wait, asked); in == nil {
			return
		}
		select { // what was asked of the former one is done
		case <-p.asked:
		default:
		}
		p.publish(in)
		p.log.Info("the plugin runs again", "pid", in.process.PID())
	}
}

// crashed cleans up after a process and leaves a report.
func (p *Plugin) crashed(in *instance, reason string) {
	p.withdraw(StateBackoff, reason, true)
	in.destroy()
	p.log.Error("the plugin died", "reason", reason, "last_words", in.process.Tail())
}

func (p *Plugin) newBackoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = p.settings.Timing.BackoffMin, p.settings.Timing.BackoffMax
	b.Multiplier, b.RandomizationFactor = 2, 0.5
	b.Reset()
	return b
}

// restart starts processes until one is configured and ready, the first one without a pause if atOnce. It
// returns nil when the plugin is to be stopped or cannot be healed.
func (p *Plugin) restart(wait *backoff.ExponentialBackOff, atOnce bool) *instance {
	for {
		pause := wait.NextBackOff()
		if atOnce {
			pause, atOnce = 0, false
		} else if p.tooManyCrashes() {
			pause = p.settings.Timing.Probe
			reason := fmt.Sprintf("it died %d times within %s; tried again every %s; its log says why",
				p.settings.Timing.CrashLimit, p.settings.Timing.CrashWindow, pause)
			p.withdraw(StateQuarantined, reason, false)
			p.log.Error("the plugin is quarantined", "reason", reason)
		}
		select {
		case <-p.work.Done():
			p.withdraw(StateStopped, "the host stops", false)
			return nil
		case <-time.After(pause):
		}
		in, err := p.again()
		if err == nil {
			return in
		}
		if _, ok := errors.AsType[permanentError](err); ok {
			p.withdraw(StateStopped, err.Error()+"; mend it and restart the daemon", false)
			p.log.Error("the plugin cannot be healed by a restart", "err", err)
			return nil
		}
		p.withdraw(StateBackoff, err.Error(), true)
		p.log.Error("the plugin did not start again", "err", err)
	}
}

// again starts a process and gives it the configuration that the former one had.
func (p *Plugin) again() (*instance, error) {
	in, err := launch(p.work, p.settings, p.run, p.file)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	config, generation := p.config, p.generation
	p.mu.Unlock()
	if config == nil {
		return in, nil
	}
	ctx, cancel := context.WithTimeout(p.work, configureTimeout)
	defer cancel()
	accounts, _, err := in.plugin.Configure(ctx, config, generation)
	if err != nil {
		in.destroy()
		return nil, fmt.Errorf("it does not take its configuration any more: %w", err)
	}
	p.mu.Lock()
	p.status.Accounts = accounts
	p.mu.Unlock()
	return in, nil
}

func (p *Plugin) tooManyCrashes() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	since := time.Now().Add(-p.settings.Timing.CrashWindow)
	p.crashes = slices.DeleteFunc(p.crashes, func(t time.Time) bool { return t.Before(since) })
	return len(p.crashes) >= p.settings.Timing.CrashLimit
}

// Restart ends the process and has another one started, which counts as no crash: with kill at once and
// whatever it does, else when the calls in flight are over. It returns the id of the process, and an error when
// none runs.
func (p *Plugin) Restart(kill bool) (pid int, err error) {
	in := p.ready()
	if in == nil {
		return 0, fmt.Errorf("%w: platform(%s)", ErrNotRunning, p.file.ID)
	}
	select {
	case p.asked <- kill:
	default: // it is about to end already
	}
	return in.process.PID(), nil
}

// ended cleans up after a process that the operator had ended.
func (p *Plugin) ended(in *instance, reason string) {
	p.withdraw(StateBackoff, reason, false)
	if reason == reasonRestart {
		in.stop(p.polite, p.settings.Timing.Stop)
	} else {
		in.destroy()
	}
	p.log.Info("the plugin is started again", "reason", reason)
}

// Why a process ends that the operator had ended.
const (
	reasonRestart = "restarted by the operator"
	reasonKill    = "killed by the operator"
)

// watch returns when the process is gone, hangs, or is to be stopped, and says why. asked is true when the
// operator wanted it to be ended.
func (p *Plugin) watch(in *instance) (reason string, asked bool) {
	t := p.settings.Timing
	tick := time.NewTicker(t.HealthEvery)
	defer tick.Stop()
	for misses := 0; ; {
		select {
		case <-p.work.Done():
			return "stopped", false
		case <-in.process.Exited():
			return "the process ended: " + in.process.ExitReason(), false
		case kill := <-p.asked:
			if !kill {
				return reasonRestart, true
			}
			_ = in.process.Signal(syscall.SIGKILL) // it may be gone already
			in.gone(p.work, time.Second)
			return reasonKill, true
		case <-tick.C:
		}
		if p.alive(in) {
			misses = 0
			continue
		}
		if misses++; misses >= t.HealthMisses {
			_ = in.process.Signal(syscall.SIGQUIT) // a Go plugin writes all its stacks
			in.gone(p.work, time.Second)
			return fmt.Sprintf("it hung: %d health checks without an answer", misses), false
		}
	}
}

func (p *Plugin) alive(in *instance) bool {
	ctx, cancel := context.WithTimeout(p.work, p.settings.Timing.HealthWait)
	defer cancel()
	r, err := in.health.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "plugin"})
	return err == nil && r.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING
}

// stop ends the plugin; it returns when nothing is left of it.
func (p *Plugin) stop(ctx context.Context) {
	p.cancel()
	select {
	case <-p.done:
	case <-ctx.Done():
	}
	p.force()
	<-p.done
}
