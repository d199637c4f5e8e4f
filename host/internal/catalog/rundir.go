package catalog

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// maxBase is how long the path of the run directory may be, so that sockets below it fit into what a Unix
// takes for a socket's path.
const maxBase = 60

// runDir is a private folder for sockets, keys and copies of plugins. It is locked while its host lives, so
// that the next host can tell what a dead one left.
type runDir struct {
	path string
	lock *flock.Flock
}

func newRunDir() (*runDir, error) {
	base := os.Getenv("XDG_RUNTIME_DIR")
	if !usableBase(base) {
		if base = os.TempDir(); !usableBase(base) {
			base = "/tmp"
		}
	}
	removeStale(base)
	path, err := os.MkdirTemp(base, "aofd-")
	if err != nil {
		return nil, fmt.Errorf("make a private folder for plugins: %w", err)
	}
	r := &runDir{path: path, lock: flock.New(filepath.Join(path, "lock"))}
	if ok, err := r.lock.TryLock(); err != nil || !ok {
		return nil, fmt.Errorf("lock the private folder for plugins: %w", err)
	}
	if err := os.Mkdir(r.store(), 0o700); err != nil {
		return nil, fmt.Errorf("make a private folder for plugins: %w", err)
	}
	return r, nil
}

func usableBase(dir string) bool {
	info, err := os.Stat(dir)
	return dir != "" && len(dir) <= maxBase && err == nil && info.IsDir()
}

func (r *runDir) store() string { return filepath.Join(r.path, "store") }

// process makes a folder for one start of a plugin.
func (r *runDir) process() (string, error) {
	dir, err := os.MkdirTemp(r.path, "p")
	if err != nil {
		return "", fmt.Errorf("make a private folder for the plugin: %w", err)
	}
	return dir, nil
}

func (r *runDir) remove() error {
	err := os.RemoveAll(r.path)
	_ = r.lock.Close() // the file is gone with the folder
	return err
}

// removeStale removes the folders of hosts that are dead. Those of other users stay: they cannot be locked.
func removeStale(base string) {
	dirs, _ := filepath.Glob(filepath.Join(base, "aofd-*", "lock"))
	for _, file := range dirs {
		lock := flock.New(file)
		if ok, err := lock.TryLock(); err == nil && ok {
			_ = os.RemoveAll(filepath.Dir(file))
		}
		_ = lock.Close()
	}
}
