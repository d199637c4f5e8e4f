package config

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/aof-dev/aofd/sdk/chat"
)

// Severity says whether a finding stops the daemon.
type Severity = chat.Severity

// The severities.
const (
	SeverityError   = chat.SeverityError
	SeverityWarning = chat.SeverityWarning
)

// Pos is a place in a file. The zero value is no place; Line 0 means the file as a whole.
type Pos struct {
	File      string
	Line, Col int // from 1; columns are characters

	src *source // what to show under a finding; nil shows nothing
}

// String returns file:line:col, or what of it is known.
func (p Pos) String() string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Diagnostic is one finding. Text and Hint never hold a secret.
type Diagnostic struct {
	Severity Severity
	Pos      Pos
	Text     string // what is wrong
	Hint     string // what to do about it; may be empty
}

// Diagnostics are findings. Print and Sorted order them by place.
type Diagnostics []Diagnostic

// HasErrors reports whether one of them stops the daemon.
func (ds Diagnostics) HasErrors() bool { return ds.Errors() > 0 }

// Errors returns how many of them stop the daemon.
func (ds Diagnostics) Errors() int {
	n := 0
	for _, d := range ds {
		if d.Severity == SeverityError {
			n++
		}
	}
	return n
}

// Sorted returns a copy in the order of files, lines and columns, without repetitions. Findings without a
// place come first.
func (ds Diagnostics) Sorted() Diagnostics {
	out := slices.Clone(ds)
	slices.SortStableFunc(out, func(a, b Diagnostic) int {
		return cmp.Or(comparePos(a.Pos, b.Pos), cmp.Compare(a.Severity, b.Severity))
	})
	return slices.CompactFunc(out, func(a, b Diagnostic) bool {
		return a.Severity == b.Severity && comparePos(a.Pos, b.Pos) == 0 && a.Text == b.Text && a.Hint == b.Hint
	})
}

func comparePos(a, b Pos) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
}

// Print writes each finding as `file:line:col: error: text`, the line of the file with a caret, and a hint.
// In lines that may hold secrets only the keys are shown. Errors of w are ignored.
func (ds Diagnostics) Print(w io.Writer, color bool) {
	for _, d := range ds.Sorted() {
		var b strings.Builder
		d.print(&b, painter(color))
		_, _ = io.WriteString(w, b.String()) // nobody is left to tell when stderr is gone
	}
}

// painter wraps text into the escape codes of a terminal, or leaves it.
type painter bool

func (p painter) paint(code, s string) string {
	if !p {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

const (
	bold   = "1"
	dim    = "2"
	red    = "1;31"
	yellow = "1;33"
	cyan   = "36"
)

func (d Diagnostic) print(b *strings.Builder, p painter) {
	if at := d.Pos.String(); at != "" {
		b.WriteString(p.paint(bold, printable(at)+":") + " ")
	}
	tone := red
	if d.Severity == SeverityWarning {
		tone = yellow
	}
	fmt.Fprintf(b, "%s %s\n", p.paint(tone, string(d.Severity)+":"), printable(d.Text))
	if line, caret, ok := d.Pos.src.excerpt(d.Pos); ok {
		fmt.Fprintf(b, "    %s\n    %s\n", p.paint(dim, printable(line)), p.paint(tone, caret))
	}
	if d.Hint != "" {
		fmt.Fprintf(b, "  %s %s\n", p.paint(cyan, "hint:"), printable(d.Hint))
	}
}

// printable replaces what could move the cursor or colour the terminal; a tab stays.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}
