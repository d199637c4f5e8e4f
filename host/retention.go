package host

import (
	"context"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
)

// forget drops what is older than the retention, at start and every hour, until ctx ends.
func (d *daemon) forget(ctx context.Context) {
	s := d.cfg.Store
	kept := store.Retention{IDs: s.IDs, Ledger: s.Ledger, Bodies: s.Bodies, Trace: s.Trace, History: s.History}
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := d.store.Prune(ctx, kept); err != nil && ctx.Err() == nil {
			d.log.Error("what is past its retention could not be dropped; tried again in an hour", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
