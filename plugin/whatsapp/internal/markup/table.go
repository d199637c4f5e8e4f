package markup

import (
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
)

// widest is how many columns of monospace a phone shows in one line.
const widest = 36

// table writes a table as a block of code with its columns aligned, or, when it is too wide for that, each
// row by itself.
func (w *writer) table(n *extast.Table) []line {
	var rows [][]string
	for r := n.FirstChild(); r != nil; r = r.NextSibling() {
		var row []string
		for c := r.FirstChild(); c != nil; c = c.NextSibling() {
			row = append(row, plain(w.inlines(c, 0)))
		}
		rows = append(rows, row)
	}
	widths := make([]int, len(n.Alignments))
	total := -2
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], width(c))
		}
	}
	for _, n := range widths {
		total += n + 2
	}
	if total > widest && len(rows) > 1 {
		w.lose(lostTables, 1)
		return w.records(n)
	}
	var b strings.Builder
	for i, row := range rows {
		b.WriteString(aligned(row, widths, n.Alignments) + "\n")
		if i == 0 {
			for i, n := range widths {
				if i > 0 {
					b.WriteString("  ")
				}
				b.WriteString(strings.Repeat("-", n))
			}
			b.WriteString("\n")
		}
	}
	return fenced(b.String())
}

func aligned(row []string, widths []int, how []extast.Alignment) string {
	var b strings.Builder
	for i, c := range row {
		if i > 0 {
			b.WriteString("  ")
		}
		space := widths[i] - width(c)
		left := 0
		switch how[i] {
		case extast.AlignRight:
			left = space
		case extast.AlignCenter:
			left = space / 2
		}
		b.WriteString(strings.Repeat(" ", left) + c + strings.Repeat(" ", space-left))
	}
	return strings.TrimRight(b.String(), " ")
}

// records writes each row as lines of "heading: value", the first of them bold.
func (w *writer) records(n *extast.Table) (out []line) {
	head := n.FirstChild()
	for r := head.NextSibling(); r != nil; r = r.NextSibling() {
		if len(out) > 0 {
			out = append(out, line{})
		}
		h := head.FirstChild()
		for c := r.FirstChild(); c != nil; c = c.NextSibling() {
			out = append(out, w.prose(w.field(h, c))...)
			if h != nil {
				h = h.NextSibling()
			}
		}
	}
	return out
}

func (w *writer) field(head, value ast.Node) (runs []run) {
	s := style(0)
	if value.PreviousSibling() == nil {
		s = bold
	}
	if head != nil {
		if runs = w.inlines(head, s); len(runs) > 0 {
			runs = append(runs, run{words, s, ": "})
		}
	}
	for _, r := range w.inlines(value, s) {
		if r.kind == newline {
			r = run{words, s, " "}
		}
		runs = append(runs, r)
	}
	return runs
}
