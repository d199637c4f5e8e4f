package host

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/aof-dev/aofd/host/internal/config"
)

// settle is how long files must be quiet before they are read: an editor writes more than once.
const settle = 200 * time.Millisecond

// watch reloads on a signal and when files change, until ctx ends. Folders are watched, not files, so that a
// file that is replaced, as editors and mounted ConfigMaps do, is still seen.
func (d *daemon) watch(ctx context.Context) {
	var events chan fsnotify.Event
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		d.log.Error("files are not watched; `aofd reload` and SIGHUP still work", "err", err)
	} else {
		defer func() { _ = watcher.Close() }() // nothing is written
		events = watcher.Events
		d.reloading.follow(watcher)
		d.follow(d.cfg)
	}
	quiet := time.NewTimer(settle)
	quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-d.settings.Reload:
			if !ok {
				d.settings.Reload = nil
				continue
			}
			d.Reload(ctx)
		case e := <-events:
			if relevant(e) {
				quiet.Reset(settle)
			}
		case err := <-errorsOf(watcher):
			d.log.Warn("some changes of files may have been missed; `aofd reload` takes them", "err", err)
			quiet.Reset(settle)
		case <-quiet.C:
			d.Reload(ctx)
		}
	}
}

// errorsOf is nil, which blocks, when there is no watcher.
func errorsOf(w *fsnotify.Watcher) chan error {
	if w == nil {
		return nil
	}
	return w.Errors
}

// relevant tells changes of YAML files, of folders, and of the links by which a mounted ConfigMap is replaced
// from what else happens in a folder.
func relevant(e fsnotify.Event) bool {
	if e.Op == fsnotify.Chmod {
		return false
	}
	name := filepath.Base(e.Name)
	switch filepath.Ext(name) {
	case ".yaml", ".yml":
		return !strings.HasPrefix(name, ".")
	}
	if strings.HasPrefix(name, "..") {
		return true
	}
	info, err := os.Stat(e.Name)
	return err == nil && info.IsDir() || filepath.Ext(name) == "" && e.Op.Has(fsnotify.Remove|fsnotify.Rename)
}

// follow watches the folders that a configuration names, be it good or not: what mends it happens there.
func (d *daemon) follow(cfg *config.Config) {
	w := d.reloading.watcher()
	if cfg == nil || w == nil {
		return
	}
	for _, f := range cfg.Folders {
		if f.Watch || d.settings.Watch {
			d.watchFolder(w, f.Path)
		}
	}
	if d.settings.Watch {
		for _, f := range cfg.Files {
			d.watchFolder(w, filepath.Dir(f))
		}
	}
}

func (d *daemon) watchFolder(w *fsnotify.Watcher, path string) {
	if err := w.Add(path); err != nil { // adding what is watched changes nothing
		d.log.Warn("a folder is not watched; `aofd reload` takes its changes", "folder", path, "err", err)
	}
}
