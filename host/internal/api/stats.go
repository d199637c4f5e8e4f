package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aof-dev/aofd/host/internal/stats"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
)

func (s *service) GetStats(_ context.Context, r *hostv1.GetStatsRequest) (*hostv1.GetStatsResponse, error) {
	step := time.Duration(r.GetStepSeconds()) * time.Second
	if step == 0 {
		step = stats.Fine
	}
	if step != stats.Fine && step != stats.Coarse {
		return nil, badArgument("step_seconds is %d or %d", int(stats.Fine.Seconds()), int(stats.Coarse.Seconds()))
	}
	w := s.Stats.Last(step, int(r.GetSteps()), r.GetPlatform())
	out := &hostv1.GetStatsResponse{
		Start: timestamppb.New(w.Start), StepSeconds: uint32(w.Step.Seconds()), Steps: uint32(w.Steps),
	}
	for _, f := range w.Series {
		out.Series = append(out.Series, &hostv1.Series{Name: f.Name, Unit: f.Unit, Platform: f.Platform, Values: f.Values})
	}
	return out, nil
}
