package markup

import (
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
)

// style is a set of marks.
type style uint8

const (
	bold style = 1 << iota
	italic
	strike
)

// styles in the order in which they open.
var styles = []struct {
	style style
	mark  rune
}{{bold, '*'}, {italic, '_'}, {strike, '~'}}

// kind is what a run is made of.
type kind uint8

const (
	words   kind = iota
	code         // between back-ticks
	fixed        // an address or a sign of ours: no marks in it, none around it
	newline      // ends a line
)

// run is a piece of text of one style.
type run struct {
	kind  kind
	style style
	text  string
}

// glyph is a character of a line. Only words are literal: what looks like a mark there must not be one.
type glyph struct {
	r       rune
	literal bool
}

// cell is a character before marks are put around it.
type cell struct {
	r     rune
	kind  kind
	style style
}

// lines writes runs as lines with marks. lost counts the marks that had no place, as they would stand in the
// middle of a word.
func lines(runs []run) (out []string, lost int) {
	var line []run
	flush := func() {
		text, n := writeLine(line)
		out, lost, line = append(out, text), lost+n, nil
	}
	for _, r := range runs {
		if r.kind == newline {
			flush()
			continue
		}
		line = append(line, r)
	}
	flush()
	return out, lost
}

func writeLine(runs []run) (text string, lost int) {
	cells, lost := cellsOf(runs)
	if len(cells) == 0 {
		return "", lost
	}
	for _, s := range styles {
		lost += settle(cells, s.style)
	}
	return escape(marked(cells)), lost
}

// cellsOf spreads runs into characters, with the back-ticks of code, and white space trimmed at both ends.
func cellsOf(runs []run) (cells []cell, lost int) {
	size := 0
	for _, r := range runs {
		size += len(r.text) + 2
	}
	cells = make([]cell, 0, size)
	for i, r := range runs {
		s := r.style
		text := r.text
		if r.kind == code {
			text = ticked(text)
			if text == "" {
				continue
			}
			if loose(runs, i) { // in the middle of a word back-ticks would show
				r.kind, text = words, strings.Trim(text, "`")
				lost++
			}
		}
		if r.kind == fixed || r.kind == code && strings.ContainsAny(text, "*_~") {
			s = 0 // a mark could end in there
		}
		for _, c := range text {
			cells = append(cells, cell{c, r.kind, s})
		}
	}
	for len(cells) > 0 && cells[0].kind == words && unicode.IsSpace(cells[0].r) {
		cells = cells[1:]
	}
	for len(cells) > 0 && cells[len(cells)-1].kind == words && unicode.IsSpace(cells[len(cells)-1].r) {
		cells = cells[:len(cells)-1]
	}
	return cells, lost
}

// ticked puts code between back-ticks: one, or three when there is one inside.
func ticked(s string) string {
	s = strings.TrimSpace(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " "))
	switch {
	case s == "":
		return ""
	case !strings.Contains(s, "`"):
		return "`" + s + "`"
	case !strings.Contains(s, Fence) && !strings.HasPrefix(s, "`") && !strings.HasSuffix(s, "`"):
		return Fence + s + Fence
	}
	return Fence + " " + tame(s) + " " + Fence
}

// tame keeps back-ticks in code from ending it.
func tame(s string) string {
	return strings.ReplaceAll(s, "``", "`"+string(hidden)+"`")
}

// loose reports whether code run i touches a word.
func loose(runs []run, i int) bool {
	if i > 0 {
		if before := []rune(runs[i-1].text); len(before) > 0 && !outside(before[len(before)-1]) {
			return true
		}
	}
	if i+1 < len(runs) {
		if after := []rune(runs[i+1].text); len(after) > 0 && !outside(after[0]) {
			return true
		}
	}
	return false
}

// settle takes a style away from where its marks would have no meaning: from white space at its ends, and
// from all of a stretch that begins or ends inside a word. It returns the number of such stretches.
func settle(cells []cell, s style) (lost int) {
	for i := 0; i < len(cells); i++ {
		if cells[i].style&s == 0 {
			continue
		}
		end := i
		for end < len(cells) && cells[end].style&s != 0 {
			end++
		}
		first, last := i, end
		for first < last && unicode.IsSpace(cells[first].r) {
			first++
		}
		for last > first && unicode.IsSpace(cells[last-1].r) {
			last--
		}
		whole := (first == 0 || outside(cells[first-1].r)) && (last == len(cells) || outside(cells[last].r))
		if first < last && !whole {
			lost++
			last = first
		}
		for j := i; j < end; j++ {
			if j < first || j >= last {
				cells[j].style &^= s
			}
		}
		i = end
	}
	return lost
}

// marked puts the marks of the styles around their stretches.
func marked(cells []cell) []glyph {
	out := make([]glyph, 0, len(cells)+8)
	var open []int // indexes into styles
	for i := 0; i <= len(cells); i++ {
		now := style(0)
		if i < len(cells) {
			now = cells[i].style
		}
		keep := 0
		for keep < len(open) && now&styles[open[keep]].style != 0 {
			keep++
		}
		for len(open) > keep {
			out = append(out, glyph{styles[open[len(open)-1]].mark, false})
			open = open[:len(open)-1]
		}
		if i == len(cells) {
			break
		}
		for _, n := range opening(cells[i:], now, open) {
			open = append(open, n)
			out = append(out, glyph{styles[n].mark, false})
		}
		out = append(out, glyph{cells[i].r, cells[i].kind == words})
	}
	return out
}

// opening returns the styles to open, those that last longest first, so that they can nest.
func opening(cells []cell, now style, open []int) (out []int) {
	last := func(n int) int {
		for i, c := range cells {
			if c.style&styles[n].style == 0 {
				return i
			}
		}
		return len(cells)
	}
	for n, s := range styles {
		opened := false
		for _, o := range open {
			opened = opened || o == n
		}
		if now&s.style == 0 || opened {
			continue
		}
		at := len(out)
		for at > 0 && last(out[at-1]) < last(n) {
			at--
		}
		out = append(out[:at], append([]int{n}, out[at:]...)...)
	}
	return out
}

// escape writes a line so that literal characters which look like marks are none. It judges in favour of a
// mark wherever an app might.
func escape(line []glyph) string {
	var b strings.Builder
	b.Grow(len(line) + 8)
	if startsBlock(line) {
		b.WriteRune(hidden)
	}
	last := map[rune]int{} // index of the last character that could close
	for i, g := range line {
		if isMark(g.r) && mayClose(line, i) {
			last[g.r] = i
		}
	}
	opened := map[rune]bool{}
	for i, g := range line {
		if !isMark(g.r) {
			b.WriteRune(g.r)
			continue
		}
		end, closed := last[g.r]
		asOpen := mayOpen(line, i) && closed && end > i
		asClose := mayClose(line, i) && opened[g.r]
		opened[g.r] = opened[g.r] || mayOpen(line, i)
		if g.literal && (asOpen || asClose) {
			b.WriteRune(hidden)
			b.WriteRune(g.r)
			b.WriteRune(hidden)
			continue
		}
		b.WriteRune(g.r)
	}
	return b.String()
}

func isMark(r rune) bool { return r == '*' || r == '_' || r == '~' || r == '`' }

func mayOpen(line []glyph, i int) bool {
	if i+1 == len(line) || unicode.IsSpace(line[i+1].r) {
		return false
	}
	return line[i].r == '`' || i == 0 || outside(line[i-1].r)
}

func mayClose(line []glyph, i int) bool {
	if i == 0 || unicode.IsSpace(line[i-1].r) {
		return false
	}
	return line[i].r == '`' || i+1 == len(line) || outside(line[i+1].r)
}

// startsBlock reports whether a line begins with words that look like a quote or an item of a list.
func startsBlock(line []glyph) bool {
	i := 0
	for i < len(line) && line[i].literal && line[i].r >= '0' && line[i].r <= '9' {
		i++
	}
	if i >= len(line) || !line[i].literal {
		return false
	}
	next := i+1 < len(line) && line[i+1].r == ' '
	if i > 0 {
		return line[i].r == '.' && next
	}
	return line[0].r == '>' || next && (line[0].r == '-' || line[0].r == '*')
}

// width is how many columns a text takes in monospace.
func width(s string) int { return uniseg.StringWidth(s) }
