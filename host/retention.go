package host

import (
	"context"
	"time"
)

// retention is how long what was settled is remembered: messages, deliveries, traces and, with them, the ids
// that duplicates are known by. Platforms repeat webhooks for seven days.
const retention = 30 * 24 * time.Hour

// forget drops what is older than the retention, at start and every hour, until ctx ends.
func (d *daemon) forget(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := d.store.Prune(ctx, time.Now().Add(-retention)); err != nil && ctx.Err() == nil {
			d.log.Error("what is past its retention could not be dropped; tried again in an hour", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
