package host

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/host/internal/store/postgres"
	"github.com/aof-dev/aofd/host/internal/store/sqlite"
	"github.com/aof-dev/aofd/host/internal/store/sqlstore"
)

// Backup writes a copy of all messages, as they are at one moment, to a new file at path. Daemons may run. The
// copy is a file of SQLite, whatever the store is.
func Backup(ctx context.Context, s Settings, path string) error {
	cfg, diags := config.StoreOf(s.Config)
	if diags.HasErrors() {
		return &ConfigError{diags}
	}
	if cfg.Store.URL == "" {
		return sqlite.Backup(ctx, storeFile(cfg), path)
	}
	opened, err := postgres.Open(ctx, cfg.Store.URL, postgres.Options{Logger: s.Logger, Schema: cfg.Store.Schema})
	if err != nil {
		return err
	}
	return errors.Join(opened.Backup(ctx, path), opened.Close())
}

// Restored is what Restore did.
type Restored struct {
	Aside      string // where the store is that was there before; empty: none was, or it was empty
	Messages   int    // that were not answered when the copy was made, and are not now
	Deliveries int    // of which nobody knows whether they were sent
}

// notResumed is why a message of a copy fails: it may have been answered after the copy was made.
const notResumed = "RESTORED: it waited when the backup was made, and may have been answered since; replay it if it was not"

// Restore puts a copy that Backup made in the place of the store. No daemon may run. What waited in the copy may
// have been done since, so it is not done again, unless resume says that nothing was done since.
func Restore(ctx context.Context, s Settings, path string, resume bool) (r Restored, err error) {
	cfg, diags := config.StoreOf(s.Config)
	if diags.HasErrors() {
		return r, &ConfigError{diags}
	}
	if err := sqlite.Check(ctx, path); err != nil {
		return r, fmt.Errorf("the backup cannot be restored: %w", err)
	}
	lock, err := occupy(cfg.DataDir)
	if err != nil {
		return r, err
	}
	defer func() { _ = lock.Unlock() }()
	if cfg.Store.URL != "" {
		err := restoreDatabase(ctx, cfg, s.Logger, path, resume, &r)
		return r, err
	}
	file := storeFile(cfg)
	if r.Aside, err = setAside(file); err != nil {
		return r, err
	}
	if err := sqlite.Backup(ctx, path, file); err != nil {
		return r, fmt.Errorf("restore: %w", err)
	}
	opened, err := sqlite.Open(ctx, file, sqlite.Options{Logger: s.Logger})
	if err != nil {
		return r, err
	}
	return r, errors.Join(settleCopy(ctx, opened.Store, resume, &r), opened.Close())
}

// restoreDatabase fills an empty database.
func restoreDatabase(ctx context.Context, cfg *config.Config, log *slog.Logger, path string, resume bool, r *Restored) error {
	opened, err := postgres.Open(ctx, cfg.Store.URL, postgres.Options{Logger: log, Schema: cfg.Store.Schema})
	if err != nil {
		return err
	}
	// The copy is of an older schema maybe, and is not changed.
	dir, err := os.MkdirTemp(cfg.DataDir, ".restore-*")
	if err != nil {
		return errors.Join(err, opened.Close())
	}
	defer func() { _ = os.RemoveAll(dir) }()
	current := filepath.Join(dir, "store.db")
	fill := func() error {
		if err := sqlite.Backup(ctx, path, current); err != nil {
			return err
		}
		file, err := sqlite.Open(ctx, current, sqlite.Options{Logger: log})
		if err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
		if err := sqlite.Read(ctx, current, func(tx *sql.Tx) error {
			_, err := opened.Fill(ctx, tx)
			return err
		}); err != nil {
			return err
		}
		return settleCopy(ctx, opened.Store, resume, r)
	}
	return errors.Join(fill(), opened.Close())
}

// settleCopy ends what waited in a copy.
func settleCopy(ctx context.Context, s *sqlstore.Store, resume bool, r *Restored) (err error) {
	if r.Deliveries, err = s.Disown(ctx); err != nil || resume {
		return err
	}
	messages, deliveries, err := s.Abandon(ctx, notResumed)
	r.Messages, r.Deliveries = messages, r.Deliveries+deliveries
	return err
}

// setAside renames the store's files, if there are any, and returns the new name.
func setAside(file string) (string, error) {
	aside := ""
	for _, end := range []string{"", "-wal", "-shm"} {
		name := file + ".before-restore-" + time.Now().UTC().Format("20060102T150405") + end
		switch err := os.Rename(file+end, name); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return "", fmt.Errorf("set the store aside: %w", err)
		case end == "":
			aside = name
		}
	}
	return aside, nil
}

// moved is what the name of a file ends with whose messages are in a database now.
const moved = ".moved"

// Migrate moves all messages from the file in the data directory to a PostgreSQL database at url, whose schema
// must be empty. No daemon may run. The file is kept under another name, so that no daemon goes on with it. It
// returns how many rows of each table were moved, which were counted on both sides.
func Migrate(ctx context.Context, s Settings, url, schema string) (map[string]int64, error) {
	cfg, diags := config.StoreOf(s.Config)
	if diags.HasErrors() {
		return nil, &ConfigError{diags}
	}
	lock, err := occupy(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = lock.Unlock() }()
	file := storeFile(cfg)
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("there is no store to move: %w", err)
	}
	from, err := sqlite.Open(ctx, file, sqlite.Options{Logger: s.Logger}) // also puts in order what a dead daemon left
	if err != nil {
		return nil, err
	}
	if err := from.Close(); err != nil {
		return nil, err
	}
	to, err := postgres.Open(ctx, url, postgres.Options{Logger: s.Logger, Schema: schema})
	if err != nil {
		return nil, err
	}
	var copied sqlstore.Copied
	err = sqlite.Read(ctx, file, func(tx *sql.Tx) (err error) {
		copied, err = to.Fill(ctx, tx)
		return err
	})
	if err = errors.Join(err, to.Close()); err != nil {
		return nil, err
	}
	if err := os.Rename(file, file+moved); err != nil {
		return nil, fmt.Errorf("everything was moved, but the file %s could not be renamed: %w: do it by hand", file, err)
	}
	return copied, nil
}
