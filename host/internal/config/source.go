package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxFileSize is the largest file that is read, in bytes.
const maxFileSize = 1 << 20

// maxShown is the longest line that is shown under a finding, in characters.
const maxShown = 160

// maxRead is the longest line of which a part is shown, in bytes.
const maxRead = 4096

// source is one file: where it is, and what of it may be shown.
type source struct {
	name  string // as findings call it
	path  string // absolute
	data  []byte
	lines []string
	// starts are the lines on which a node begins, ascending, so that the end of a value is known.
	starts []int
	keys   map[int][]token // by line
	// secret lines show their keys only. When opaque is set, every line is secret.
	secret map[int]bool
	opaque bool
}

// token is a key of a mapping, as it stands in its line.
type token struct {
	col  int // from 1, in characters
	text string
}

// readSource reads a file, at most maxFileSize bytes of it. What is no regular file is refused, so that a
// pipe cannot hang the start.
func readSource(name, path string) (*source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", plainPathError(err))
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("is no regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", plainPathError(err))
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", plainPathError(err))
	}
	if len(data) > maxFileSize {
		return nil, fmt.Errorf("is larger than %d KiB", maxFileSize>>10)
	}
	return newSource(name, path, data), nil
}

// plainPathError drops the path, which the finding has already.
func plainPathError(err error) error {
	if pe, ok := err.(*os.PathError); ok { //nolint:errorlint // only the outermost is of interest
		return pe.Err
	}
	return err
}

func newSource(name, path string, data []byte) *source {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	return &source{
		name: name, path: path, data: data, lines: strings.Split(string(data), "\n"),
		keys: map[int][]token{}, secret: map[int]bool{},
	}
}

// pos returns the place of a node, or of the file as a whole. A nil source is no place.
func (s *source) pos(n *yaml.Node) Pos {
	if s == nil {
		return Pos{}
	}
	if n == nil {
		return Pos{File: s.name, src: s}
	}
	return Pos{File: s.name, Line: n.Line, Col: n.Column, src: s}
}

// note remembers where a node begins and, for a key, how it reads.
func (s *source) note(n *yaml.Node, key bool) {
	if i, found := slices.BinarySearch(s.starts, n.Line); !found {
		s.starts = slices.Insert(s.starts, i, n.Line)
	}
	if key {
		s.keys[n.Line] = append(s.keys[n.Line], token{n.Column, n.Value})
	}
}

// conceal makes the lines of nodes and all below them secret, with the comments that follow.
func (s *source) conceal(nodes ...*yaml.Node) {
	for _, n := range nodes {
		if n == nil {
			continue
		}
		i, _ := slices.BinarySearch(s.starts, n.Line+1)
		end := len(s.lines)
		if i < len(s.starts) {
			end = s.starts[i] - 1
		}
		if s.secret[end] {
			end = n.Line // another node of the line did the rest
		}
		for line := n.Line; line <= end; line++ {
			s.secret[line] = true
		}
		s.conceal(n.Content...)
	}
}

// comment returns where the first thing begins that may be a comment, or -1. Comments are not shown: what
// somebody took out of use may still be a secret.
func comment(text []rune) int {
	for i, r := range text {
		if r == '#' && (i == 0 || text[i-1] == ' ' || text[i-1] == '\t') {
			return i
		}
	}
	return -1
}

// excerpt returns the line of a place and a second line with a caret under its column.
func (s *source) excerpt(p Pos) (line, caret string, ok bool) {
	if s == nil || p.Line < 1 || p.Line > len(s.lines) || len(s.lines[p.Line-1]) > maxRead {
		return "", "", false
	}
	text, col := []rune(strings.TrimRight(s.lines[p.Line-1], " \t\r")), p.Col-1
	if s.opaque || s.secret[p.Line] {
		text, col = s.mask(text, p.Line, col)
	} else if i := comment(text); i >= 0 && i >= col {
		text = []rune(strings.TrimRight(string(text[:i]), " \t"))
	} else if i >= 0 {
		return "", "", false
	}
	if len(text) == 0 || col < 0 || col > len(text) || col >= maxShown {
		return "", "", false
	}
	if len(text) > maxShown {
		text = append(text[:maxShown:maxShown], '…')
	}
	pad := make([]rune, col)
	for i := range pad {
		pad[i] = ' '
		if text[i] == '\t' {
			pad[i] = '\t'
		}
	}
	return string(text), string(pad) + "^", true
}
