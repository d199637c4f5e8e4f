package dev

import (
	"context"
	"errors"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/aof-dev/aofd/host/internal/api"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
)

// service answers aof.host.v1.DevService.
type service struct {
	emulators  []*emulator
	daemon     *daemon
	counts     *counts
	configFile string
	agentsDir  string
	stopping   <-chan struct{}

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each change
}

// change wakes those who watch.
func (s *service) change() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *service) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *service) dev() *hostv1.Dev {
	st := s.daemon.now()
	out := &hostv1.Dev{
		DaemonState: st.State, DaemonReason: st.Reason, DaemonRestarts: uint32(st.Restarts), DaemonPid: uint32(st.PID),
		Counters: s.counts.now(), ConfigFile: s.configFile, AgentsDir: s.agentsDir,
	}
	for _, e := range s.emulators {
		out.Emulators = append(out.Emulators, &hostv1.Emulator{
			Platform: e.platform, PageUrl: e.ready.Page, Faults: s.faults(e),
		})
	}
	return out
}

func (s *service) faults(e *emulator) (out []*hostv1.Fault) {
	for _, f := range faults {
		out = append(out, &hostv1.Fault{Id: f.id, Title: f.title, Description: f.description, On: e.isOn(f)})
	}
	return out
}

func (s *service) GetDev(context.Context, *hostv1.GetDevRequest) (*hostv1.GetDevResponse, error) {
	return &hostv1.GetDevResponse{Dev: s.dev()}, nil
}

// watchPause bounds how often a watcher hears of changes.
const watchPause = 200 * time.Millisecond

func (s *service) WatchDev(
	ctx context.Context, _ *hostv1.WatchDevRequest, stream *connect.ServerStream[hostv1.WatchDevResponse],
) error {
	for {
		changed := s.next() // before reading, so that no change is missed
		if err := stream.Send(&hostv1.WatchDevResponse{Dev: s.dev()}); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.stopping:
			return nil
		case <-changed:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.stopping:
			return nil
		case <-time.After(watchPause):
		}
	}
}

func (s *service) KillDaemon(context.Context, *hostv1.KillDaemonRequest) (*hostv1.KillDaemonResponse, error) {
	pid := s.daemon.kill()
	if pid == 0 {
		return nil, api.Refuse(connect.CodeUnavailable, "DAEMON_DOWN", "the daemon does not run now: it is being started")
	}
	return &hostv1.KillDaemonResponse{Pid: uint32(pid)}, nil
}

func (s *service) SetFault(ctx context.Context, r *hostv1.SetFaultRequest) (*hostv1.SetFaultResponse, error) {
	f, known := faultOf(r.GetId())
	for _, e := range s.emulators {
		if e.platform != r.GetPlatform() || !known {
			continue
		}
		if err := e.switchFault(ctx, f, r.GetOn()); err != nil {
			if errors.Is(err, context.Canceled) {
				return nil, connect.NewError(connect.CodeCanceled, err)
			}
			return nil, api.Refuse(connect.CodeUnavailable, "EMULATOR_DOWN", err.Error())
		}
		s.change()
		return &hostv1.SetFaultResponse{Faults: s.faults(e)}, nil
	}
	return nil, api.Refuse(connect.CodeInvalidArgument, "UNKNOWN_FAULT", "there is no such fault of this platform's emulator")
}
