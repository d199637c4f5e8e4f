package process

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"sync"
)

// maxLine is what is kept of one line; the rest is counted and thrown away, so that the plugin never waits
// for us, whatever it prints.
const maxLine = 64 << 10

// readLines hands each line to fn until r ends.
func readLines(r io.Reader, fn func(string)) {
	br := bufio.NewReaderSize(r, 32<<10)
	var line []byte
	dropped := 0
	flush := func() {
		s := strings.ToValidUTF8(strings.TrimRight(string(line), "\r\n"), "\uFFFD")
		if dropped > 0 {
			s += fmt.Sprintf(" … (%d bytes left out)", dropped)
		}
		fn(s)
		line, dropped = line[:0], 0
	}
	for {
		part, err := br.ReadSlice('\n')
		keep := min(len(part), maxLine-len(line))
		line = append(line, part[:keep]...)
		dropped += len(part) - keep
		if err == nil {
			flush()
			continue
		}
		if err != bufio.ErrBufferFull { //nolint:errorlint // bufio returns it as it is
			if len(line) > 0 {
				flush()
			}
			return
		}
	}
}

// tail keeps the last of what was written, for a crash report.
type tail struct {
	mu    sync.Mutex
	lines []string
	size  int
}

const maxTail = 16 << 10

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
	t.size += len(line) + 1
	for t.size > maxTail && len(t.lines) > 1 {
		t.size -= len(t.lines[0]) + 1
		t.lines = t.lines[1:]
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}
