package markup

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

// Result is a text with WhatsApp's marks.
type Result struct {
	Text string
	// Images are the pictures that stand by themselves in the text, in order, if they were asked for; they
	// are not in Text.
	Images []Image
	// Lost says what is shown in a lesser way, and how often.
	Lost []string
}

// Image is a picture on the web.
type Image struct {
	URL string
	Alt string
}

// Options of Markdown and HTML.
type Options struct {
	// TakeImages takes pictures that are alone in their paragraph out of the text; else all are links.
	TakeImages bool
}

// What is parsed at most, as the parser takes its time for some of what goes beyond. No answer that somebody
// reads in a chat does.
const (
	longest      = 64 << 10 // bytes
	deepestBlock = 50       // quotes and items that begin in one line
	mostLinks    = 2000
)

// deepest bounds the indentation of lists.
const deepest = 5

var parser = goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser() // safe for many goroutines

// Markdown writes Markdown, as of GitHub, with WhatsApp's marks. It loses no visible character.
func Markdown(source string, o Options) Result {
	source = clean(source)
	if tooMuch(source) {
		return Result{Text: source, Lost: []string{lostAll}}
	}
	src := []byte(source)
	w := &writer{source: src, Options: o, lost: map[string]int{}}
	out := w.children(parser.Parse(text.NewReader(src)))
	return Result{Text: joined(out), Images: w.images, Lost: w.losses()}
}

func tooMuch(source string) bool {
	if len(source) > longest || strings.Count(source, "](") > mostLinks {
		return true
	}
	for line := range strings.Lines(source) {
		if blockStarts.MatchString(line) {
			return true
		}
	}
	return false
}

var blockStarts = regexp.MustCompile(fmt.Sprintf(`^(?:[ \t]*(?:>|[-+*][ \t]|[0-9]+[.)][ \t])){%d}`, deepestBlock))

// Literal returns a text in which nothing is marked: it is shown as it stands.
func Literal(s string) string {
	var b strings.Builder
	for i, l := range strings.Split(clean(s), "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		if !strings.ContainsAny(l, "*_~`>-.") { // far the most
			b.WriteString(l)
			continue
		}
		text, _ := writeLine([]run{{words, 0, l}})
		b.WriteString(text)
	}
	return b.String()
}

// line is a line of the result. Raw ones belong to a block of code, fences included.
type line struct {
	text string
	raw  bool
}

func joined(out []line) string {
	var b strings.Builder
	for i, l := range out {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(l.text)
	}
	return strings.Trim(b.String(), "\n")
}

// writer writes one document.
type writer struct {
	Options
	source []byte
	images []Image
	lost   map[string]int // what, and how often
	depth  int            // of lists
}

func (w *writer) lose(what string, n int) {
	if n > 0 {
		w.lost[what] += n
	}
}

func (w *writer) losses() (out []string) {
	for what, n := range w.lost {
		out = append(out, fmt.Sprintf("%s: %d", what, n))
	}
	slices.Sort(out)
	return out
}

// What may be lost.
const (
	lostAll      = "the text is too long or too deep, so its markup is left as it is"
	lostMarks    = "marks left out, as they would stand in the middle of words"
	lostHTML     = "HTML taken out, with its text left"
	lostPictures = "pictures shown as links"
	lostTables   = "tables too wide for a phone, shown row by row"
	lostQuotes   = "quotes within quotes, shown as plain quotes"
	lostTitles   = "titles of links, not shown"
)

// children writes the blocks in a node. Those that have an empty line between them keep it.
func (w *writer) children(n ast.Node) (out []line) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		part := w.block(c)
		if len(part) == 0 {
			continue
		}
		if len(out) > 0 && (c.HasBlankPreviousLines() || c.Kind() == extast.KindTable) {
			out = append(out, line{})
		}
		out = append(out, part...)
	}
	return out
}

func (w *writer) block(n ast.Node) []line {
	switch n := n.(type) {
	case *ast.Heading:
		return w.prose(w.inlines(n, bold))
	case *ast.Paragraph:
		if image := w.alone(n); image != nil {
			w.images = append(w.images, *image)
			return nil
		}
		return w.prose(w.inlines(n, 0))
	case *ast.TextBlock:
		return w.prose(w.inlines(n, 0))
	case *ast.FencedCodeBlock, *ast.CodeBlock:
		return fenced(w.raw(n))
	case *ast.ThematicBreak:
		return []line{{text: "——————"}}
	case *ast.Blockquote:
		return w.quote(n)
	case *ast.List:
		return w.list(n)
	case *ast.HTMLBlock:
		source := w.raw(n)
		if n.HasClosure() {
			source += string(n.ClosureLine.Value(w.source))
		}
		return w.html(source)
	case *extast.Table:
		return w.table(n)
	}
	return w.children(n)
}

// prose writes runs as lines.
func (w *writer) prose(runs []run) (out []line) {
	texts, lost := lines(runs)
	w.lose(lostMarks, lost)
	for _, t := range texts {
		out = append(out, line{text: t})
	}
	for len(out) > 0 && out[len(out)-1].text == "" {
		out = out[:len(out)-1]
	}
	for len(out) > 0 && out[0].text == "" {
		out = out[1:]
	}
	return out
}

// fenced puts code between fences.
func fenced(source string) []line {
	source = strings.Trim(tame(strings.ReplaceAll(source, "\t", "    ")), "\n")
	if strings.TrimSpace(source) == "" {
		return nil
	}
	out := []line{{Fence, true}}
	for l := range strings.SplitSeq(source, "\n") {
		out = append(out, line{strings.TrimRight(l, " "), true})
	}
	return append(out, line{Fence, true})
}

// raw returns the lines of a block as they are in the source.
func (w *writer) raw(n ast.Node) string {
	var b strings.Builder
	all := n.Lines()
	for i := range all.Len() {
		segment := all.At(i)
		b.Write(segment.Value(w.source))
	}
	return b.String()
}

// quote puts "> " before each line. Code in a quote is marked line by line, as a block of it would end the
// quote; quotes have one level.
func (w *writer) quote(n ast.Node) (out []line) {
	for _, l := range w.children(n) {
		t := l.text
		switch {
		case l.raw && t == Fence:
			continue
		case l.raw && strings.TrimSpace(t) != "":
			t = ticked(t)
		case strings.HasPrefix(t, ">"):
			w.lose(lostQuotes, 1)
			t = strings.TrimPrefix(strings.TrimPrefix(t, ">"), " ")
		}
		out = append(out, line{text: strings.TrimRight("> "+t, " ")})
	}
	return out
}

// bullets of the levels of lists. The app draws the first; deeper ones have no marks of their own.
var bullets = []string{"- ", "◦ ", "▪ "}

func (w *writer) list(n *ast.List) (out []line) {
	indent := strings.Repeat("  ", min(w.depth, deepest))
	w.depth++
	defer func() { w.depth-- }()
	number := n.Start
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		sign := bullets[min(w.depth, len(bullets))-1]
		if n.IsOrdered() {
			sign = fmt.Sprintf("%d. ", number)
			number++
		}
		body := w.children(item)
		if checked(item) {
			sign = "" // the box is sign enough
		}
		if len(body) == 0 || body[0].raw {
			body = slices.Insert(body, 0, line{})
		}
		for i, l := range body {
			switch {
			case i == 0:
				l.text = strings.TrimRight(indent+sign+l.text, " ")
			case l.raw || l.text == "" || nested(item, l) || strings.HasPrefix(l.text, ">"): // a quote begins its line
			default:
				l.text = indent + "  " + l.text
			}
			out = append(out, l)
		}
	}
	return out
}

// nested reports whether a line of an item comes from a list in it, which is indented already.
func nested(item ast.Node, l line) bool {
	for c := item.FirstChild(); c != nil; c = c.NextSibling() {
		if c.Kind() == ast.KindList && strings.HasPrefix(l.text, "  ") {
			return true
		}
	}
	return false
}

// checked reports whether an item begins with a box.
func checked(item ast.Node) bool {
	first := item.FirstChild()
	return first != nil && first.FirstChild() != nil && first.FirstChild().Kind() == extast.KindTaskCheckBox
}

// alone returns the picture that a paragraph consists of, if it is to be taken out.
func (w *writer) alone(n ast.Node) *Image {
	image, ok := n.FirstChild().(*ast.Image)
	if !ok || !w.TakeImages || n.ChildCount() != 1 {
		return nil
	}
	url := string(image.Destination)
	if address(url) == 0 {
		return nil
	}
	return &Image{URL: url, Alt: plain(w.inlines(image, 0))}
}
