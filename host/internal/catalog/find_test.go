package catalog_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/host/internal/catalog"
	"github.com/aof-dev/aofd/sdk/chat"
)

func TestFind(t *testing.T) {
	t.Parallel()
	f := &fixture{logs: &logs{}}
	one, two, loose, outside := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	for _, path := range []string{
		one + "/aof-platform-first", one + "/aof-agent-runner", one + "/aof-platform-open", one + "/aof-platform-plain",
		one + "/aof-platform-old_v1.2.3", one + "/aof-platform-pre_v2.0.0-rc1", one + "/aof-platform-bad_v1.2.3~x",
		two + "/aof-platform-first", two + "/aof-platform-old_v1.10.0", two + "/aof-platform-pre_v2.0.0",
		two + "/aof-platform-inside", loose + "/aof-platform-loose", outside + "/aof-platform-away",
		// Names that are not a plugin's.
		one + "/aof-platform-Upper", one + "/aof-platform-", one + "/aof-platform-x_v1", one + "/README.md", one + "/aof-else-x",
		one + "/.aof-platform-x", one + "/aof-platform-x.bak", one + "/aof-platform-x~", one + "/aof-platform-1x",
		one + "/aof-platform-" + strings.Repeat("x", 64), one + "/aof-platform-x\ny",
	} {
		install(t, path, "#!/bin/sh\n")
	}
	if err := errors.Join(
		os.Chmod(one+"/aof-platform-open", 0o757), os.Chmod(one+"/aof-platform-plain", 0o644), os.Chmod(loose, 0o777),
		os.Symlink(outside+"/aof-platform-away", one+"/aof-platform-away"), os.Symlink("nowhere", one+"/aof-platform-broken"),
		os.Symlink("aof-platform-inside", two+"/aof-platform-link"), os.Mkdir(one+"/aof-platform-folder", 0o700),
	); err != nil {
		t.Fatal(err)
	}
	f.open(t, quick, one, filepath.Join(one, "missing"), two, loose)
	want := map[string]string{ // path: part of the reason to refuse it
		one + "/aof-platform-first": "", two + "/aof-platform-first": "another file of this id is used: " + one,
		one + "/aof-agent-runner": "", one + "/aof-platform-open": "chmod go-w", one + "/aof-platform-plain": "chmod +x",
		one + "/aof-platform-old_v1.2.3": "another file", two + "/aof-platform-old_v1.10.0": "",
		one + "/aof-platform-pre_v2.0.0-rc1": "another file", two + "/aof-platform-pre_v2.0.0": "",
		one + "/aof-platform-bad_v1.2.3~x": "no valid version", one + "/aof-platform-away": "leaves the folder",
		one + "/aof-platform-broken": "cannot be read", one + "/aof-platform-folder": "not a file",
		two + "/aof-platform-inside": "", two + "/aof-platform-link": "", loose + "/aof-platform-loose": "chmod go-w " + loose,
	}
	for _, found := range f.Found() {
		part, ok := want[found.Path]
		if !ok || (part == "") != (found.Refused == "") || !strings.Contains(found.Refused, part) {
			t.Errorf("%s: refused for %q, want %q", found.Path, found.Refused, part)
		}
		delete(want, found.Path)
		kind := chat.PluginPlatform
		if found.ID == "runner" {
			kind = chat.PluginAgent
		}
		if found.Kind != kind {
			t.Errorf("%s is a %s", found.Path, found.Kind)
		}
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
	for _, id := range []string{"open", "away", "loose", "runner", "folder", "../x", ""} {
		if _, err := f.Start(t.Context(), id); !errors.Is(err, catalog.ErrNotFound) {
			t.Errorf("start of %q: %v", id, err)
		}
	}
}

func TestFolderThatCannotBeRead(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.Open(catalog.Settings{Dirs: []string{file}}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("%v", err)
	}
}

// A file that is swapped between discovery and start is checked again.
func TestSwappedBeforeStart(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "good")
	path, other := filepath.Join(f.dir, "aof-platform-good"), filepath.Join(t.TempDir(), "evil")
	install(t, other, "#!/bin/sh\n")
	if err := errors.Join(os.Remove(path), os.Symlink(other, path)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Start(t.Context(), "good"); err == nil || !strings.Contains(err.Error(), "leaves the folder") {
		t.Errorf("%v", err)
	}
}

// A real binary, not a script: what runs is the copy.
func TestBinary(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "aof-platform-binary")
	in, err := os.Open(testBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755) //nolint:gosec // a program
	if err == nil {
		_, err = io.Copy(out, in)
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{dir: dir, logs: &logs{}}
	f.open(t, quick, dir)
	p := f.start(t, "binary")
	killed(t, p)
	run := runDir(t, p)
	copies, err := filepath.Glob(run + "/store/*/aof-platform-binary")
	if err != nil || len(copies) != 1 {
		t.Fatalf("copies %v, %v", copies, err)
	}
	if exe, err := os.Readlink("/proc/self/exe"); err == nil && exe != "" {
		if exe, err := os.Readlink("/proc/" + strconv.Itoa(p.Status().PID) + "/exe"); err != nil || exe != copies[0] {
			t.Errorf("%s runs, %v", exe, err)
		}
	}
	info, err := os.Stat(run)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the private folder is %v, %v", info.Mode(), err)
	}
}
