//go:build failpoint

package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// chosen is the place at which the process dies, and left how often it may still come there.
var (
	chosen string
	left   atomic.Int64
)

func init() {
	place, times, _ := strings.Cut(os.Getenv("AOFD_FAILPOINT"), "=")
	n, err := strconv.ParseInt(times, 10, 64)
	if err != nil {
		n = 1
	}
	chosen = place
	left.Store(n)
}

// Here kills the process if this is the place and the time.
func Here(place string) {
	if place == chosen && left.Add(-1) == 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // it is dead in a moment
	}
}
