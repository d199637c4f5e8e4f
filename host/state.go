package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/host/internal/egress"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/store/postgres"
	"github.com/aof-dev/aofd/host/internal/store/sqlite"
	"github.com/aof-dev/aofd/host/internal/store/sqlstore"
	"github.com/aof-dev/aofd/host/internal/telemetry"
)

// storeFile is the store in a data directory.
func storeFile(cfg *config.Config) string { return filepath.Join(cfg.DataDir, "aofd.db") }

// policy says how long deliveries are tried.
func policy(cfg *config.Config) egress.Policy {
	d := cfg.Delivery
	return egress.Policy{Attempts: d.MaxAttempts, Age: d.MaxAge, UnknownAfter: d.UnknownAfter}
}

// openStore opens the store that the configuration names.
func openStore(ctx context.Context, cfg *config.Config, log *slog.Logger, metrics *telemetry.Metrics) (store.Store, error) {
	c := cfg.Store
	retry := policy(cfg).Retry
	limits := sqlstore.Limits{
		Inbox:  sqlstore.Limit{Entries: c.MaxPendingMessages, Bytes: c.MaxPendingBytes},
		Outbox: sqlstore.Limit{Entries: c.MaxPendingDeliveries, Bytes: c.MaxPendingDeliveryBytes},
	}
	if c.URL == "" {
		if _, err := os.Stat(storeFile(cfg) + moved); err == nil {
			return nil, fmt.Errorf("the messages of %s were moved to PostgreSQL: set spec.store.url, or rename %s to go back to what was there then",
				cfg.DataDir, storeFile(cfg)+moved)
		}
		if _, err := os.Stat(storeFile(cfg)); errors.Is(err, os.ErrNotExist) {
			log.Info("a new store begins, without any messages", "file", storeFile(cfg))
		}
		s, err := sqlite.Open(ctx, storeFile(cfg), sqlite.Options{
			Logger: log, Interval: c.Interval, Limits: limits, Retry: retry, Committed: metrics.Commit,
		})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := postgres.Open(ctx, c.URL, postgres.Options{
		Logger: log, Schema: c.Schema, Interval: c.Interval, Limits: limits, Retry: retry, Committed: metrics.Commit,
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// occupy makes the data directory and keeps it for this process: it holds the admin socket and what agents run,
// also when messages are in a database. Two hosts of one deployment have a data directory each.
func occupy(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "aofd.lock"))
	ok, err := lock.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("lock the data directory: %w", err)
	case !ok:
		return nil, fmt.Errorf("the data directory %s is used by another aofd: stop it, or choose another one", dir)
	}
	return lock, nil
}

// heed wakes the stages when other hosts have stored something, until ctx ends.
func (d *daemon) heed(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.store.Changed():
			d.turn.Wake()
			d.egress.Wake()
		}
	}
}

// leaveTimeout bounds how long a host that stops tries to hand its work to others at once; after it they wait for
// its leases to end.
const leaveTimeout = 3 * time.Second

// leave gives up what this host held, and the store.
func (d *daemon) leave() {
	if d.store != nil {
		ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
		defer cancel()
		if err := d.store.Leave(ctx, d.owner); err != nil {
			d.log.Warn("other hosts have to wait for this one's leases to end", "err", err)
		}
		if err := d.store.Close(); err != nil {
			d.log.Error("the store did not close cleanly", "err", err)
		}
	}
	if d.lock != nil {
		if err := d.lock.Unlock(); err != nil && !errors.Is(err, os.ErrNotExist) {
			d.log.Warn("the data directory's lock was not released cleanly", "err", err)
		}
	}
}
