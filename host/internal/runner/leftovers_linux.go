package runner

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// EndLeftovers kills what programs of a daemon that was killed left running: the kernel ends a program with its
// daemon, but not what the program had started. mark is what the daemon marked its programs with. It returns
// how many processes it killed. Call it before the first run.
func EndLeftovers(mark string) (killed int) {
	want := []byte(markVariable + "=" + mark)
	entries, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return 0
	}
	for _, path := range entries {
		environ, err := os.ReadFile(path)
		if err != nil {
			continue // somebody else's, or gone
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil || pid == os.Getpid() || !hasEntry(environ, want) {
			continue
		}
		if syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed++
		}
	}
	return killed
}

// hasEntry reports whether an environment, entries that end with a zero byte, has this one.
func hasEntry(environ, want []byte) bool {
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if bytes.Equal(entry, want) {
			return true
		}
	}
	return false
}
