package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/mattn/go-isatty"
	"github.com/rivo/uniseg"
	"golang.org/x/term"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// colour is a style of text on a terminal.
type colour string

// The colours. They are only used where they can be seen: see paint.
const (
	bold   colour = "1"
	dim    colour = "2"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
	blue   colour = "94"
)

// paint colours s when w is a terminal and the user did not forbid it.
func paint(w io.Writer, c colour, s string) string {
	if s == "" || !isTerminal(w) || os.Getenv("NO_COLOR") != "" {
		return s
	}
	return "\x1b[" + string(c) + "m" + s + "\x1b[0m"
}

// levels are the colours of how a hop went.
var levels = map[string]colour{"error": red, "warning": yellow, "note": dim, "ok": green}

// tick is the state of a delivery as people know it from their phones.
func tick(w io.Writer, state string) string {
	switch state {
	case "queued":
		return paint(w, dim, "…")
	case "sending":
		return paint(w, dim, "↑")
	case "sent":
		return "✓"
	case "delivered":
		return "✓✓"
	case "read":
		return paint(w, blue, "✓✓ read")
	case "failed", "unknown", "expired":
		return paint(w, red, "✗ "+state)
	}
	return paint(w, yellow, state)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// size returns the columns and rows of a terminal; ok is false for anything else.
func size(w io.Writer) (columns, rows int, ok bool) {
	f, is := w.(*os.File)
	if !is || !isTerminal(w) {
		return 0, 0, false
	}
	columns, rows, err := term.GetSize(int(f.Fd()))
	return columns, rows, err == nil
}

func table(w io.Writer, header string, rows func(row func(...any))) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, header)
	rows(func(cells ...any) {
		for i, c := range cells {
			if i > 0 {
				fmt.Fprint(t, "\t")
			}
			fmt.Fprint(t, printable(fmt.Sprint(c)))
		}
		fmt.Fprintln(t)
	})
	_ = t.Flush() // stdout is gone if this fails
}

// printable takes the power over the terminal from what came from elsewhere.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\u200d' { // the joiner of emoji
			return r
		}
		return '·'
	}, s)
}

// oneLine is a text as one line of at most n columns.
func oneLine(s string, n int) string {
	s = printable(strings.Join(strings.Fields(s), " "))
	if uniseg.StringWidth(s) <= n {
		return s
	}
	var out strings.Builder
	width, state := 0, -1
	for rest := s; rest != ""; {
		var cluster string
		var columns int
		cluster, rest, columns, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if width += columns; width >= n {
			break
		}
		out.WriteString(cluster)
	}
	return out.String() + "…"
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func ago(t *timestamppb.Timestamp) string {
	if t == nil {
		return "never"
	}
	return time.Since(t.AsTime()).Round(time.Second).String() + " ago"
}

// clock is a time of today as people read it.
func clock(t *timestamppb.Timestamp) string {
	if t == nil {
		return "-"
	}
	local := t.AsTime().Local()
	if time.Since(local) > 20*time.Hour {
		return local.Format("2006-01-02 15:04:05")
	}
	return local.Format("15:04:05")
}

// micros is a length of time with as many digits as say something.
func micros(us uint64) string {
	d := time.Duration(us) * time.Microsecond
	switch {
	case d < time.Millisecond:
		return d.String()
	case d < time.Second:
		return fmt.Sprintf("%.1fms", float64(us)/1000)
	case d < time.Minute:
		return fmt.Sprintf("%.2fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}
