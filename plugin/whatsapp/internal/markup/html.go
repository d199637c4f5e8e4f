package markup

import (
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// elements are the names of HTML's elements; other names between angle brackets are text.
var elements = func() map[string]bool {
	names := map[string]bool{}
	for name := range strings.FieldsSeq(`a abbr acronym address applet area article aside audio b base basefont bdi bdo
		big blockquote body br button canvas caption center cite code col colgroup data datalist dd del details dfn dialog
		dir div dl dt em embed fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header
		hgroup hr html i iframe img input ins kbd label legend li link main map mark menu meta meter nav noframes noscript
		object ol optgroup option output p param picture pre progress q rp rt ruby s samp script search section select
		slot small source span strike strong style sub summary sup svg table tbody td template textarea tfoot th thead
		time title tr track tt u ul var video wbr`) {
		names[name] = true
	}
	return names
}()

// tagName returns the name of a tag, in small letters, and whether it is a comment, a declaration or the like.
func tagName(source string) (name string, comment bool) {
	rest := strings.TrimPrefix(strings.TrimPrefix(source, "<"), "/")
	if strings.HasPrefix(rest, "!") || strings.HasPrefix(rest, "?") {
		return "", true
	}
	end := strings.IndexAny(rest, " \t\n/>")
	if end < 0 {
		end = len(rest)
	}
	return strings.ToLower(rest[:end]), false
}

// inlineStyles are elements that WhatsApp has marks for.
var inlineStyles = map[atom.Atom]style{
	atom.B: bold, atom.Strong: bold, atom.Th: bold, atom.Summary: bold,
	atom.H1: bold, atom.H2: bold, atom.H3: bold, atom.H4: bold, atom.H5: bold, atom.H6: bold,
	atom.I: italic, atom.Em: italic, atom.Cite: italic,
	atom.S: strike, atom.Del: strike, atom.Strike: strike,
}

// ownLine are elements that begin and end a line.
var ownLine = map[atom.Atom]bool{
	atom.P: true, atom.Div: true, atom.Section: true, atom.Article: true, atom.Header: true, atom.Footer: true,
	atom.H1: true, atom.H2: true, atom.H3: true, atom.H4: true, atom.H5: true, atom.H6: true, atom.Ul: true, atom.Ol: true,
	atom.Li: true, atom.Table: true, atom.Tr: true, atom.Blockquote: true, atom.Details: true, atom.Summary: true,
	atom.Dl: true, atom.Dt: true, atom.Dd: true, atom.Figure: true, atom.Figcaption: true, atom.Hr: true, atom.Pre: true,
}

// HTML writes HTML with WhatsApp's marks: emphasis, code, links, lists and lines; of the rest the
// text.
func HTML(source string) Result {
	source = clean(source)
	if len(source) > longest {
		return Result{Text: source, Lost: []string{lostAll}}
	}
	w := &writer{lost: map[string]int{}}
	out := w.prose(w.hypertext(source))
	return Result{Text: joined(out), Lost: w.losses()}
}

// html writes a block of HTML in Markdown.
func (w *writer) html(source string) []line {
	w.lose(lostHTML, 1)
	return w.prose(w.hypertext(source))
}

// hypertext reads HTML as runs.
type hypertext struct {
	out    []run
	styles []atom.Atom // elements with a style that are open
	code   int         // elements of code that are open
	pre    int
	hrefs  []opened
	lists  []int // numbers of the lists that are open; -1 for bullets
}

// opened is a link that is not closed yet.
type opened struct {
	url  string
	from int // index of its first run
}

func (w *writer) hypertext(source string) []run {
	var h hypertext
	z := html.NewTokenizer(strings.NewReader(source))
	for {
		switch t := z.Next(); t {
		case html.ErrorToken:
			h.closeLinks(0)
			return h.out
		case html.TextToken:
			h.text(z.Token().Data)
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			raw := string(z.Raw())
			token := z.Token()
			if !elements[token.Data] {
				h.text(raw)
				continue
			}
			if token.Type == html.EndTagToken {
				h.end(token.DataAtom)
				continue
			}
			if token.DataAtom == atom.Script || token.DataAtom == atom.Style {
				z.Next() // its content is not for people
				continue
			}
			h.start(token, token.Type == html.SelfClosingTagToken, w)
		}
	}
}

func (h *hypertext) text(s string) {
	k := words
	if h.code > 0 {
		k = code
	}
	if h.pre == 0 {
		s = space.ReplaceAllString(s, " ")
		if len(h.out) == 0 || h.out[len(h.out)-1].kind == newline {
			s = strings.TrimLeft(s, " ")
		}
	}
	for i, l := range strings.Split(s, "\n") {
		if i > 0 {
			h.out = append(h.out, run{kind: newline})
		}
		if l != "" {
			h.out = append(h.out, run{k, h.style(), l})
		}
	}
}

var space = regexp.MustCompile(`\s+`)

func (h *hypertext) style() (s style) {
	for _, a := range h.styles {
		s |= inlineStyles[a]
	}
	return s
}

// breakLine ends the line, if it has something.
func (h *hypertext) breakLine() {
	for len(h.out) > 0 && h.out[len(h.out)-1].kind == words && strings.TrimSpace(h.out[len(h.out)-1].text) == "" {
		h.out = h.out[:len(h.out)-1]
	}
	if len(h.out) > 0 && h.out[len(h.out)-1].kind != newline {
		h.out = append(h.out, run{kind: newline})
	}
}

func (h *hypertext) start(t html.Token, selfClosing bool, w *writer) {
	if ownLine[t.DataAtom] {
		h.breakLine()
	}
	switch t.DataAtom {
	case atom.Br:
		h.out = append(h.out, run{kind: newline})
	case atom.Img:
		w.lose(lostPictures, 1)
		alt, src := attribute(t, "alt"), attribute(t, "src")
		h.out = append(h.out, linked([]run{{words, h.style(), alt}}, src)...)
	case atom.Hr:
		h.out = append(h.out, run{words, 0, "——————"}, run{kind: newline})
	case atom.Ul:
		h.lists = append(h.lists, -1)
	case atom.Ol:
		h.lists = append(h.lists, 0)
	case atom.Li:
		h.out = append(h.out, run{fixed, 0, h.bullet()})
	case atom.Td, atom.Th:
		if len(h.out) > 0 && h.out[len(h.out)-1].kind != newline {
			h.out = append(h.out, run{words, 0, " · "})
		}
	}
	if selfClosing {
		return
	}
	switch t.DataAtom {
	case atom.Code, atom.Kbd, atom.Samp, atom.Tt:
		h.code++
	case atom.Pre:
		h.pre++
		h.code++
	case atom.A:
		h.closeLinks(0) // links do not nest
		h.hrefs = append(h.hrefs, opened{attribute(t, "href"), len(h.out)})
	}
	if inlineStyles[t.DataAtom] != 0 {
		h.styles = append(h.styles, t.DataAtom)
	}
}

// bullet begins an item of the innermost list.
func (h *hypertext) bullet() string {
	if len(h.lists) == 0 {
		return "- "
	}
	n := &h.lists[len(h.lists)-1]
	if *n < 0 {
		return bullets[min(len(h.lists), len(bullets))-1]
	}
	*n++
	return strconv.Itoa(*n) + ". "
}

func (h *hypertext) end(a atom.Atom) {
	switch a {
	case atom.Code, atom.Kbd, atom.Samp, atom.Tt:
		h.code = max(h.code-1, 0)
	case atom.Pre:
		h.pre, h.code = max(h.pre-1, 0), max(h.code-1, 0)
	case atom.Ul, atom.Ol:
		h.lists = h.lists[:max(len(h.lists)-1, 0)]
	case atom.A:
		h.closeLinks(max(len(h.hrefs)-1, 0))
	}
	for i := len(h.styles) - 1; i >= 0; i-- {
		if h.styles[i] == a {
			h.styles = append(h.styles[:i], h.styles[i+1:]...)
			break
		}
	}
	if ownLine[a] {
		h.breakLine()
	}
}

// closeLinks puts the addresses of open links behind their texts, down to n links.
func (h *hypertext) closeLinks(n int) {
	for len(h.hrefs) > n {
		last := h.hrefs[len(h.hrefs)-1]
		h.hrefs = h.hrefs[:len(h.hrefs)-1]
		from := min(last.from, len(h.out))
		label := append([]run(nil), h.out[from:]...)
		h.out = append(h.out[:from], linked(label, last.url)...)
	}
}

func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
