package process

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
)

// maxLine is what is kept of one line; the rest is counted and thrown away, so that the plugin never waits
// for us, whatever it prints.
const maxLine = 64 << 10

// lines is a writer that hands each line to fn.
type lines struct {
	fn      func(string)
	line    []byte
	dropped int
	begun   bool
}

// Write implements io.Writer; it never fails.
func (l *lines) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		part, after, ended := bytes.Cut(rest, []byte{'\n'})
		rest, l.begun = after, true
		keep := min(len(part), maxLine-len(l.line))
		l.line = append(l.line, part[:keep]...)
		l.dropped += len(part) - keep
		if ended {
			l.flush()
		}
	}
	return len(p), nil
}

// flush ends the line that was begun, if one was.
func (l *lines) flush() {
	if !l.begun {
		return
	}
	s := strings.ToValidUTF8(strings.TrimRight(string(l.line), "\r"), "\uFFFD")
	if l.dropped > 0 {
		s += fmt.Sprintf(" … (%d bytes left out)", l.dropped)
	}
	l.line, l.dropped, l.begun = l.line[:0], 0, false
	l.fn(s)
}

// readLines hands each line to fn until r ends.
func readLines(r io.Reader, fn func(string)) {
	l := &lines{fn: fn}
	_, _ = io.Copy(l, r) // however it ends, there is no more
	l.flush()
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
	if len(line) > maxTail {
		line = "… " + strings.ToValidUTF8(line[len(line)-maxTail:], "")
	}
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
