package markup

import (
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
)

// inlines returns what stands in a block, as runs.
func (w *writer) inlines(n ast.Node, s style) (out []run) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		out = w.inline(out, c, s)
	}
	return out
}

func (w *writer) inline(out []run, n ast.Node, s style) []run {
	switch n := n.(type) {
	case *ast.Text:
		t := string(n.Value(w.source))
		if !n.IsRaw() {
			t = unescape(t)
		}
		if t != "" {
			out = append(out, run{words, s, t})
		}
		if n.SoftLineBreak() || n.HardLineBreak() { // people who write line by line mean it, in a chat
			out = append(out, run{kind: newline})
		}
	case *ast.String:
		out = append(out, run{words, s, string(n.Value)})
	case *ast.CodeSpan:
		out = append(out, run{code, s, w.literal(n)})
	case *ast.Emphasis:
		switch {
		case n.Level == 1 && w.inWord(n):
			out = append(out, run{words, s, "*"})
			return append(append(out, w.inlines(n, s)...), run{words, s, "*"})
		case n.Level == 1:
			return append(out, w.inlines(n, s|italic)...)
		}
		return append(out, w.inlines(n, s|bold)...)
	case *extast.Strikethrough:
		return append(out, w.inlines(n, s|strike)...)
	case *extast.TaskCheckBox:
		box := "☐ "
		if n.IsChecked {
			box = "☑ "
		}
		out = append(out, run{words, 0, box})
	case *ast.AutoLink:
		out = append(out, run{fixed, s, string(n.Label(w.source))})
	case *ast.Link:
		if len(n.Title) > 0 {
			w.lose(lostTitles, 1)
		}
		return append(out, linked(w.inlines(n, s), unescape(string(n.Destination)))...)
	case *ast.Image:
		w.lose(lostPictures, 1)
		return append(out, linked(w.inlines(n, s), unescape(string(n.Destination)))...)
	case *ast.RawHTML:
		return w.tag(out, n, s)
	default:
		return append(out, w.inlines(n, s)...)
	}
	return out
}

// inWord reports whether an emphasis stands between letters or digits, as in 2*x*4. There its asterisks are
// meant to be seen.
func (w *writer) inWord(n ast.Node) bool {
	first, isText := n.FirstChild().(*ast.Text)
	last, alsoText := n.LastChild().(*ast.Text)
	if !isText || !alsoText {
		return false
	}
	before, after := w.source[:max(first.Segment.Start-1, 0)], w.source[min(last.Segment.Stop+1, len(w.source)):]
	previous, _ := utf8.DecodeLastRune(before)
	next, _ := utf8.DecodeRune(after)
	return len(before) > 0 && len(after) > 0 && !outside(previous) && !outside(next)
}

// literal returns the text of a span of code.
func (w *writer) literal(n ast.Node) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			b.Write(c.Segment.Value(w.source))
		case *ast.String:
			b.Write(c.Value)
		}
	}
	return b.String()
}

// linked writes a link as its text with the address behind. A place in the same page says nothing in a chat.
func linked(label []run, url string) []run {
	said := plain(label)
	switch {
	case url == "" || strings.HasPrefix(url, "#"):
		return label
	case said == "":
		return []run{{fixed, 0, url}}
	case said == url || said == strings.TrimPrefix(url, "mailto:") ||
		said == strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://"):
		if strings.HasPrefix(url, "mailto:") {
			return label
		}
		return []run{{fixed, 0, url}}
	}
	return append(label, run{words, 0, " ("}, run{fixed, 0, url}, run{words, 0, ")"})
}

// plain returns the text of runs in one line.
func plain(runs []run) string {
	var b strings.Builder
	for _, r := range runs {
		if r.kind == newline {
			b.WriteByte(' ')
		}
		b.WriteString(r.text)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// tag deals with a piece of HTML in a line. What is no element of HTML is meant as it stands, such as
// <pod-name>.
func (w *writer) tag(out []run, n *ast.RawHTML, s style) []run {
	var b strings.Builder
	for i := range n.Segments.Len() {
		segment := n.Segments.At(i)
		b.Write(segment.Value(w.source))
	}
	source := b.String()
	name, comment := tagName(source)
	switch {
	case name == "br":
		return append(out, run{kind: newline})
	case comment || elements[name]:
		w.lose(lostHTML, 1)
		return out
	}
	return append(out, run{words, s, source})
}
