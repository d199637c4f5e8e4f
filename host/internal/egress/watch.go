package egress

import (
	"context"
	"slices"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
)

// watchEvery is how often deliveries are looked for that nobody knows the end of.
const watchEvery = 30 * time.Second

// watch tells the operator of deliveries that are unknown for too long, each once while this process runs.
func (s *Stage) watch() {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	from := time.Time{} // the first round tells of what earlier processes left
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		until := time.Now().Add(-s.Policy.UnknownAfter)
		if err := s.tellUnknown(from, until); err != nil {
			if s.work.Err() == nil {
				s.Logger.Warn("deliveries of unknown end could not be looked for; tried again", "err", err)
			}
			continue
		}
		from = until
	}
}

// tellUnknown tells of the deliveries that became unknown in a span of time, of accounts that this host sends
// for or nobody does.
func (s *Stage) tellUnknown(from, until time.Time) error {
	ctx, cancel := context.WithTimeout(s.work, claimTimeout)
	defer cancel()
	var found []store.Delivery
	for page := store.Cursor(0); ; {
		ds, next, err := s.Outbox.Deliveries(ctx, store.Filter{
			States: []store.DeliveryState{store.StateUnknown}, Limit: 1000, Before: page,
		})
		if err != nil {
			return err
		}
		for _, d := range ds {
			if d.SettledAt.After(from) && !d.SettledAt.After(until) {
				found = append(found, d)
			}
		}
		if page = next; next == 0 {
			break
		}
	}
	if len(found) == 0 {
		return nil
	}
	var accounts []store.Account
	for _, d := range found {
		if a := accountOf(d); !slices.Contains(accounts, a) {
			accounts = append(accounts, a)
		}
	}
	held, err := s.Outbox.HoldSenders(ctx, s.Owner, accounts, holdLease)
	if err != nil {
		return err
	}
	var events []store.TraceEvent
	for _, d := range found {
		if !slices.Contains(held, accountOf(d)) {
			continue // its sender tells
		}
		s.Logger.Error("nobody knows whether an answer arrived: look at the chat, then resend or drop it",
			"delivery", d.ID, "cause", d.Cause, "ref", store.Reference(d.Cause), "since", d.SettledAt.Format(time.RFC3339))
		events = append(events, store.TraceEvent{
			At: time.Now(), Hop: store.HopUnsettled, Cause: d.Cause, DeliveryID: d.ID,
			Detail: "no receipt has come: the operator may resend or drop it", Duration: time.Since(d.SettledAt),
		})
	}
	return s.Outbox.AppendTrace(ctx, events)
}
