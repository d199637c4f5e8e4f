// Package scenario runs conversations that are written down: what people do, what the business must do, and
// what goes wrong meanwhile. It speaks the control API of an emulator and to nothing else.
package scenario

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/span"
)

// Scenario is one conversation, or several at a time.
type Scenario struct {
	Name     string                    `yaml:"name"`
	About    string                    `yaml:"about,omitempty"`
	Within   string                    `yaml:"within,omitempty"`   // how long an expectation waits; 10s
	Settings map[string]any            `yaml:"settings,omitempty"` // of the emulator, while it runs
	People   map[string]map[string]any `yaml:"people,omitempty"`
	Groups   map[string]map[string]any `yaml:"groups,omitempty"`
	Files    map[string]File           `yaml:"files,omitempty"`
	Steps    []yaml.Node               `yaml:"steps"`

	path   string
	within time.Duration
	steps  []step
}

// File is media that people send: a file beside the scenario, or its bytes.
type File struct {
	Type     string `yaml:"type"`
	Path     string `yaml:"path,omitempty"`
	Base64   string `yaml:"base64,omitempty"`
	Filename string `yaml:"filename,omitempty"`
}

// step is one thing to do or to expect.
type step struct {
	line   int
	verb   string // do or expect
	kind   string
	fields map[string]any
}

// String is the step in a few words.
func (s step) String() string {
	for _, k := range []string{"from", "to", "of", "who"} {
		if v, ok := s.fields[k]; ok {
			return fmt.Sprintf("%s %s, %s %v", s.verb, s.kind, k, v)
		}
	}
	return s.verb + " " + s.kind
}

const usualWithin = 10 * time.Second

// Load reads the scenarios of a file; one file may have several, as YAML documents. An error names the file
// and the line.
func Load(path string) ([]*Scenario, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	loader, err := yaml.NewLoader(strings.NewReader(string(raw)), yaml.WithKnownFields())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var all []*Scenario
	for {
		s := &Scenario{path: path}
		if err := loader.Load(s); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if err := s.prepare(); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: there is no scenario in it", path)
	}
	return all, nil
}

func (s *Scenario) prepare() error {
	if s.Name == "" {
		s.Name = strings.TrimSuffix(filepath.Base(s.path), filepath.Ext(s.path))
	}
	if s.within = usualWithin; s.Within != "" {
		var err error
		if s.within, err = span.Parse(s.Within); err != nil {
			return fmt.Errorf("%s: within: %w", s.path, err)
		}
	}
	if len(s.Steps) == 0 {
		return fmt.Errorf("%s: %q has no steps", s.path, s.Name)
	}
	for i := range s.Steps {
		st, err := readStep(&s.Steps[i])
		if err != nil {
			return fmt.Errorf("%s:%d: %w", s.path, s.Steps[i].Line, err)
		}
		s.steps = append(s.steps, st)
	}
	return nil
}

func readStep(n *yaml.Node) (st step, err error) {
	st.line = n.Line
	if n.Kind != yaml.MappingNode {
		return st, errors.New("a step is a mapping with do or expect")
	}
	if err := n.Decode(&st.fields); err != nil {
		return st, fmt.Errorf("the step cannot be read: %w", err)
	}
	for _, verb := range []string{"do", "expect"} {
		if kind, ok := st.fields[verb].(string); ok {
			if st.verb != "" {
				return st, errors.New("a step has do or expect, not both")
			}
			st.verb, st.kind = verb, kind
			delete(st.fields, verb)
		}
	}
	if st.verb == "" {
		return st, errors.New("a step needs do or expect")
	}
	known, names := verbs[st.verb][st.kind], verbNames(st.verb)
	if known == nil {
		return st, fmt.Errorf("%s %q is none of %s", st.verb, st.kind, names)
	}
	return st, nil
}
