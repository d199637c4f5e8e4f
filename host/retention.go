package host

import (
	"context"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
)

// retention is how long what is settled is kept. Platforms repeat webhooks for seven days.
var retention = store.Retention{
	IDs: 30 * day, Ledger: 30 * day, Bodies: 7 * day, Trace: 7 * day, History: 30 * day,
}

const day = 24 * time.Hour

// forget drops what is older than the retention, at start and every hour, until ctx ends.
func (d *daemon) forget(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := d.store.Prune(ctx, retention); err != nil && ctx.Err() == nil {
			d.log.Error("what is past its retention could not be dropped; tried again in an hour", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
