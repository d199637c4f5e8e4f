package postgres

import (
	"context"
	"errors"
)

// Backup implements store.Store.
func (s *Store) Backup(ctx context.Context, path string) error { return errors.New("not yet") }
