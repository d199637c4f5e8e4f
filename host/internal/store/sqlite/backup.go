package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// Backup implements store.Store.
func (s *Store) Backup(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("back up the store: %s exists", path)
	}
	// SQLite makes the copy and syncs it; it gets its name once it is whole.
	dir, err := os.MkdirTemp(filepath.Dir(path), ".backup-*") // for this user only
	if err != nil {
		return fmt.Errorf("back up the store: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	whole := filepath.Join(dir, "store.db")
	if _, err := s.reads.ExecContext(ctx, `VACUUM INTO ?`, whole); err != nil {
		return fmt.Errorf("back up the store %s: %w", s.path, err)
	}
	if err := os.Chmod(whole, 0o600); err != nil {
		return fmt.Errorf("back up the store: %w", err)
	}
	if err := os.Link(whole, path); err != nil { // fails when path exists
		return fmt.Errorf("back up the store: %w", err)
	}
	return nil
}
