package catalog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gofrs/flock"
)

// maxBase is how long the path of the folder around the run directory may be: a socket's path has 103 bytes at
// most, and /aofd-4294967295/p4294967295/plugin-dir4294967295/plugin4294967295 takes up to 66 of them.
const maxBase = 103 - 66

// runDir is a private folder for sockets, keys and copies of plugins. It is locked while its host lives, so
// that the next host can tell what a dead one left.
type runDir struct {
	path string
	lock *flock.Flock
}

func newRunDir() (r *runDir, err error) {
	for _, base := range []string{os.Getenv("XDG_RUNTIME_DIR"), os.TempDir(), "/tmp"} {
		if !usableBase(base) {
			continue
		}
		removeStale(base)
		// Another host may take the folder for a dead one's until it is locked.
		for range 10 {
			if r, err = tryRunDir(base); err == nil {
				return r, nil
			}
		}
	}
	if err == nil {
		err = fmt.Errorf("none of $XDG_RUNTIME_DIR, $TMPDIR and /tmp is a folder with a path of at most %d bytes", maxBase)
	}
	return nil, fmt.Errorf("make a private folder for plugins: %w", err)
}

func tryRunDir(base string) (*runDir, error) {
	path, err := os.MkdirTemp(base, "aofd-")
	if err != nil {
		return nil, err
	}
	r := &runDir{path: path, lock: flock.New(filepath.Join(path, "lock"))}
	ok, err := r.lock.TryLock()
	if err == nil && !ok {
		err = errors.New("another host locked it")
	}
	if err == nil {
		err = os.Mkdir(r.store(), 0o700)
	}
	if err != nil {
		return nil, errors.Join(err, r.remove())
	}
	return r, nil
}

func usableBase(dir string) bool {
	info, err := os.Stat(dir)
	return filepath.IsAbs(dir) && len(dir) <= maxBase && err == nil && info.IsDir()
}

func (r *runDir) store() string { return filepath.Join(r.path, "store") }

// process makes a folder for one start of a plugin.
func (r *runDir) process() (string, error) {
	if err := os.MkdirAll(r.path, 0o700); err != nil { // cleaners of temporary files may have been here
		return "", fmt.Errorf("make a private folder for the plugin: %w", err)
	}
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

// removeStale removes the folders of hosts that are dead. What other users made is not touched.
func removeStale(base string) {
	locks, _ := filepath.Glob(filepath.Join(base, "aofd-*", "lock"))
	for _, file := range locks {
		if dir := filepath.Dir(file); private(dir) && isFile(file) {
			lock := flock.New(file, flock.SetFlag(os.O_RDONLY)) // never made: its folder may be going away
			if ok, err := lock.TryLock(); err == nil && ok {
				_ = os.RemoveAll(dir)
			}
			_ = lock.Close()
		}
	}
}

// private says whether a folder is ours and nobody else can put anything into it.
func private(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}
