package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/Masterminds/semver/v3"

	"github.com/aof-dev/aofd/sdk/chat"
)

// Found is a file that looks like a plugin.
type Found struct {
	ID      string
	Kind    chat.PluginKind
	Path    string
	Version *semver.Version // from the file's name; nil when it has none
	Refused string          // why it is not used, and what to do; empty when it is used
}

var fileName = regexp.MustCompile(`^aof-(platform|agent)-([a-z][a-z0-9-]{0,62}?)(?:_v(\d+\.\d+\.\d+[^_]*))?$`)

// find lists the plugins of all folders. Of several with one id the one with the highest version is used,
// and of those the one in the first folder.
func find(dirs []string) (out []Found, err error) {
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look for plugins in %s: %w", dir, err)
		}
		for _, e := range entries {
			if f, ok := inspect(dir, e.Name()); ok {
				out = append(out, f)
			}
		}
	}
	choose(out)
	return out, nil
}

// inspect says what the file is; ok is false for a file that does not look like a plugin.
func inspect(dir, name string) (f Found, ok bool) {
	m := fileName.FindStringSubmatch(name)
	if m == nil {
		return f, false
	}
	f = Found{ID: m[2], Kind: chat.PluginKind(m[1]), Path: filepath.Join(dir, name)}
	if m[3] != "" {
		v, err := semver.NewVersion(m[3])
		if err != nil {
			f.Refused = "its name has no valid version: rename it to aof-" + m[1] + "-" + m[2]
			return f, true
		}
		f.Version = v
	}
	f.Refused = unsafe(dir, f.Path)
	return f, true
}

// unsafe says why a file must not be run; empty when it may.
func unsafe(dir, path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "it cannot be read: " + err.Error()
	}
	home, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "its folder cannot be read: " + err.Error()
	}
	if rel, err := filepath.Rel(home, real); err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return "it is a link that leaves the folder: copy the file itself into " + dir
	}
	info, err := os.Stat(real)
	if err != nil {
		return "it cannot be read: " + err.Error()
	}
	folder, err := os.Stat(home)
	if err != nil {
		return "its folder cannot be read: " + err.Error()
	}
	if othersMayWrite(folder) {
		return "others may write to its folder: chmod go-w " + dir
	}
	return unsafeMode(info, path)
}

// unsafeMode says why a file of this kind must not be run.
func unsafeMode(info fs.FileInfo, path string) string {
	switch {
	case !info.Mode().IsRegular():
		return "it is not a file"
	case info.Mode().Perm()&0o111 == 0:
		return "it is not executable: chmod +x " + path
	case othersMayWrite(info):
		return "others may write to it: chmod go-w " + path
	}
	return ""
}

// othersMayWrite reports whether somebody else than the owner and root may change a file. The group that a
// user has for himself alone, as many systems make it, is the owner.
func othersMayWrite(info fs.FileInfo) bool {
	mode := info.Mode().Perm()
	if mode&0o020 == 0 || mode&0o002 != 0 {
		return mode&0o002 != 0
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	owner, err := user.LookupId(strconv.FormatUint(uint64(st.Uid), 10))
	if err != nil {
		return true
	}
	group, err := user.LookupGroupId(strconv.FormatUint(uint64(st.Gid), 10))
	return err != nil || group.Name != owner.Username
}

// choose refuses all but one file of each id.
func choose(found []Found) {
	best := map[string]int{}
	for i, f := range found {
		key := string(f.Kind) + f.ID
		if f.Refused != "" {
			continue
		}
		j, ok := best[key]
		if !ok {
			best[key] = i
			continue
		}
		if newer(f.Version, found[j].Version) {
			best[key] = i
		}
	}
	for i := range found {
		if f := &found[i]; f.Refused == "" {
			if used := best[string(f.Kind)+f.ID]; used != i {
				f.Refused = "another file of this id is used: " + found[used].Path
			}
		}
	}
}

func newer(a, b *semver.Version) bool {
	switch {
	case a == nil:
		return false
	case b == nil:
		return true
	}
	return a.GreaterThan(b)
}

// take copies a plugin into the private store under the hash of its bytes and returns the copy's path. What
// was checked is what runs, whatever happens to the file meanwhile.
func take(path, store string) (string, error) {
	if why := unsafe(filepath.Dir(path), path); why != "" {
		return "", fmt.Errorf("%s is not used: %s", path, why)
	}
	in, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the plugin: %w", err)
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return "", fmt.Errorf("read the plugin: %w", err)
	}
	if why := unsafeMode(info, path); why != "" {
		return "", fmt.Errorf("%s is not used: %s", path, why)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, in); err != nil {
		return "", fmt.Errorf("read the plugin: %w", err)
	}
	if target := stored(store, sum, path); isFile(target) {
		return target, nil // the same bytes ran before
	}
	target, err := keep(in, path, store)
	if err != nil {
		return "", fmt.Errorf("make a private copy of the plugin: %w", err)
	}
	return target, nil
}

// keep makes the copy. While it is written nothing may be forked: the child would hold the file open for
// writing for a moment, and the kernel does not run such a file.
func keep(in *os.File, path, store string) (string, error) {
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if err := os.MkdirAll(store, 0o700); err != nil { // cleaners of temporary files may have been here
		return "", err
	}
	syscall.ForkLock.RLock()
	tmp, err := os.CreateTemp(store, "new-*")
	if err != nil {
		syscall.ForkLock.RUnlock()
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(tmp, sum), in)
	err = errors.Join(err, tmp.Chmod(0o500), tmp.Close())
	syscall.ForkLock.RUnlock()
	defer func() { _ = os.Remove(tmp.Name()) }()
	if err != nil {
		return "", err
	}
	target := stored(store, sum, path)
	return target, errors.Join(os.MkdirAll(filepath.Dir(target), 0o700), os.Rename(tmp.Name(), target))
}

// stored is where the copy of a file with that hash is.
func stored(store string, sum hash.Hash, path string) string {
	return filepath.Join(store, hex.EncodeToString(sum.Sum(nil)[:16]), filepath.Base(path))
}

func isFile(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular()
}

func (f Found) usable() bool { return f.Refused == "" }

// lookup returns the file of a platform.
func lookup(found []Found, id string) (Found, bool) {
	i := slices.IndexFunc(found, func(f Found) bool {
		return f.ID == id && f.Kind == chat.PluginPlatform && f.usable()
	})
	if i < 0 {
		return Found{}, false
	}
	return found[i], true
}

// Installed reports whether one of the folders has a plugin of that kind for the id that may be used.
func Installed(kind chat.PluginKind, id string, dirs []string) bool {
	found, err := find(dirs)
	return err == nil && slices.ContainsFunc(found, func(f Found) bool {
		return f.Kind == kind && f.ID == id && f.Refused == ""
	})
}
