package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// Migrate brings a database to the newest schema among the files. name is how people know the database. One
// that a newer version wrote is refused and not changed.
func Migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, files fs.FS, name string) error {
	p, err := goose.NewProvider(dialect, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("the store %s cannot be read: %w: restore it from a backup, or move it away", name, err)
	}
	if newest := Newest(files); have > newest {
		return fmt.Errorf("the store %s was written by a newer aofd (schema %d, this one knows %d): "+
			"use that version, or restore a backup", name, have, newest)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the store %s to the current schema: %w", name, err)
	}
	return nil
}

// Newest returns the version of the newest schema among the files.
func Newest(files fs.FS) (newest int64) {
	names, _ := fs.Glob(files, "*.sql") // the pattern is a good one
	for _, name := range names {
		version, _ := goose.NumericComponent(name) // a test migrates with all of them
		newest = max(newest, version)
	}
	return newest
}
