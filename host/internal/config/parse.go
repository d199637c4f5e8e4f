package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// The bounds of one file; the largest of AOF's own examples stays far below.
const (
	maxDepth     = 64
	maxDocuments = 200
	maxAliased   = 10_000 // nodes that aliases may add
)

// document is one YAML document without aliases, merge keys, repeated keys and unknown tags. Its root is a
// mapping.
type document struct {
	src  *source
	root *yaml.Node
}

// parse reads the documents of a file. One that cannot be read does not hide the others. Once something was
// wrong the file's values are never shown, because nobody knows what they are.
func parse(src *source) (docs []document, diags Diagnostics) {
	if d, bad := unreadable(src); bad {
		src.opaque = true
		return nil, Diagnostics{d}
	}
	chunks := split(src.lines)
	if len(chunks) > maxDocuments {
		return nil, Diagnostics{src.errorAt(0, 0, fmt.Sprintf("has more than %d documents", maxDocuments))}
	}
	for _, c := range chunks {
		nodes, bad := compose(src, c)
		for _, n := range nodes {
			p := &plainer{src: src, offset: c.offset, budget: maxAliased, open: map[*yaml.Node]bool{}}
			root := p.copy(n.Content[0], 0, false)
			bad = append(bad, p.diags...)
			switch {
			case len(p.diags) > 0, isNull(root):
			case root.Kind != yaml.MappingNode:
				bad = append(bad, Diagnostic{SeverityError, src.pos(root), "a document must be a mapping of keys", ""})
			default:
				docs = append(docs, document{src, root})
			}
		}
		src.opaque = src.opaque || len(bad) > 0
		diags = append(diags, bad...)
	}
	return docs, diags
}

func (s *source) errorAt(line, col int, text string) Diagnostic {
	return Diagnostic{Severity: SeverityError, Pos: Pos{File: s.name, Line: line, Col: col, src: s}, Text: text}
}

// unreadable finds bytes that no YAML file has, before the parser does: it would not say where they are.
func unreadable(src *source) (Diagnostic, bool) {
	for i, line := range src.lines {
		if !utf8.ValidString(line) {
			return src.errorAt(i+1, 1, "this is not UTF-8 text"), true
		}
		for col, r := range strings.TrimSuffix(line, "\r") {
			text := ""
			switch {
			case r == 0x85 || r == 0x2028 || r == 0x2029:
				// The parser would end the line here and count the lines otherwise than everybody else.
				text = fmt.Sprintf("the line break U+%04X is not allowed", r)
			case r < ' ' && r != '\t', r >= 0x7f && r < 0xa0, r == 0xfffe, r == 0xffff:
				text = "control characters are not allowed"
			default:
				continue
			}
			return src.errorAt(i+1, utf8.RuneCountInString(line[:col])+1, text), true
		}
	}
	return Diagnostic{}, false
}

// chunk is the text of one document; offset is how many lines stand before it.
type chunk struct {
	text   string
	offset int
}

// isMarker reports whether a line begins or ends a document.
func isMarker(line, marker string) bool {
	rest, ok := strings.CutPrefix(line, marker)
	return ok && (rest == "" || strings.ContainsRune(" \t\r", rune(rest[0])))
}

// split cuts a file at its --- and ... lines, so that each document is read even when one before it is broken. What
// stands before the first --- without being a document, such as comments and directives, stays with it.
func split(lines []string) []chunk {
	var out []chunk
	start, content := 0, false
	for i, line := range lines {
		marker := isMarker(line, "---")
		if marker && content {
			out = append(out, chunk{strings.Join(lines[start:i], "\n") + "\n", start})
			start = i
		}
		if content && isMarker(line, "...") {
			out = append(out, chunk{strings.Join(lines[start:i+1], "\n") + "\n", start})
			start, content = i+1, false
			continue
		}
		text := strings.TrimSpace(line)
		content = marker || content || text != "" && text[0] != '#' && text[0] != '%'
	}
	return append(out, chunk{strings.Join(lines[start:], "\n"), start})
}

// compose runs the parser over one chunk.
func compose(src *source, c chunk) (nodes []*yaml.Node, diags Diagnostics) {
	defer func() {
		// The parser panics on what its authors held to be impossible. A file must not stop the daemon
		// that way.
		if r := recover(); r != nil {
			diags = append(diags, src.errorAt(c.offset+1, 1, "this YAML document cannot be read"))
		}
	}()
	loader, err := yaml.NewLoader(bytes.NewReader([]byte(c.text)))
	if err != nil {
		return nil, Diagnostics{syntaxError(src, c, err)}
	}
	for {
		n := new(yaml.Node)
		err := loader.Load(n)
		if errors.Is(err, io.EOF) {
			return nodes, diags
		}
		if err != nil {
			return nodes, append(diags, syntaxError(src, c, err))
		}
		if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
			nodes = append(nodes, n)
		}
	}
}

// tabFound is in what the parser says about some tabs.
const tabFound = "tab character"

// syntaxTexts say in our words what the parser found. Its own are never passed on: some quote the file.
var syntaxTexts = []struct{ found, text, hint string }{
	{tabFound, "a tab stands where spaces must indent", "indent with spaces"},
	{"mapping values are not allowed", "a second \": \" in one line, or a key indented deeper than its neighbours", "quote values that contain \": \""},
	{"cannot start any token", "a value cannot begin with this character", "put the value into quotes"},
	{"unexpected end of stream", "a quote is opened here and never closed", ""},
	{"expected ',' or ']'", "a list in [ ] is not closed or lacks a comma", "put values with ${NAME} or one of , [ ] { } in them into quotes"},
	{"expected ',' or '}'", "a mapping in { } is not closed or lacks a comma", "put values with ${NAME} or one of , [ ] { } in them into quotes"},
	{"expected '-' indicator", "a list goes on with something that is no \"- \" entry", "indent it like its neighbours"},
	{"expected key", "this line fits to none of those above", "indent it like its neighbours"},
	{"could not find expected ':'", "a key without \":\"", ""},
	{"sequence entries are not allowed", "a \"- \" entry cannot stand here", "begin the list on a line of its own"},
	{"expected node content", "a value is missing here", ""},
	{"escape", "an unknown escape in double quotes", "use single quotes, or write \\\\ for a backslash"},
	{"unknown anchor", "an alias without an anchor of that name", "put a value that begins with * into quotes"},
	{"tag", "a tag that cannot be read", "put a value that begins with ! into quotes"},
	{"directive", "a directive that cannot be read", ""},
	{"incompatible YAML document", "a YAML version that is not supported", ""},
	{"depth", "nested too deeply", ""},
}

func syntaxError(src *source, c chunk, err error) Diagnostic {
	d := src.errorAt(c.offset+1, 1, "this is not valid YAML")
	le, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		return d
	}
	mark := le.Mark
	if strings.Contains(le.Message, "unexpected end of stream") && le.ContextMark.Line > 0 {
		mark = le.ContextMark // where the quote begins, not where the file ends
	}
	if mark.Line > 0 {
		d.Pos.Line, d.Pos.Col = mark.Line+c.offset, max(mark.Column, 1)
	}
	message := le.Message
	if text := []rune(src.lines[min(max(d.Pos.Line, 1), len(src.lines))-1]); d.Pos.Col <= len(text) && text[d.Pos.Col-1] == '\t' {
		message = tabFound
	}
	for _, s := range syntaxTexts {
		if strings.Contains(message, s.found) {
			d.Text, d.Hint = "this is not valid YAML: "+s.text, s.hint
			break
		}
	}
	return d
}
