package config

import (
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Load reads the DaemonConfig and all that it leads to, and returns everything that is wrong with it, in the
// order of files and lines. The configuration is not nil even when there are errors, as long as a
// DaemonConfig was found or none was named: then it holds what could be read, good for finding more errors
// and for nothing else.
func Load(s Settings) (*Config, Diagnostics) {
	l := newLoader(s)
	found := l.daemonFile()
	l.agentsAndTriggers()
	if !found {
		l.giveUp()
		return nil, l.diags.Sorted()
	}
	l.finish()
	return &l.cfg, l.diags.Sorted()
}

// loader is one call of Load.
type loader struct {
	settings Settings
	cfg      Config
	diags    Diagnostics

	daemon   place           // the spec of the DaemonConfig
	beside   []document      // other documents of its file
	read     map[string]bool // files
	blocks   []*block        // enabled platforms
	disabled map[string]bool
	triggers []*triggerDraft
	agents   []*agentDraft
	// unreadable are findings in agent files that could not even be parsed. They stop the daemon only when
	// an agent is missing.
	unreadable Diagnostics
}

func newLoader(s Settings) *loader {
	s = s.withDefaults()
	return &loader{settings: s, read: map[string]bool{}, disabled: map[string]bool{}}
}

// errorf reports an error that has no place in a file, such as one of a flag.
func (l *loader) errorf(hint, text string) {
	l.diags = append(l.diags, Diagnostic{Severity: SeverityError, Text: text, Hint: hint})
}

// daemonFile reads the DaemonConfig, applies the overrides, and reports whether there is something to go on
// with.
func (l *loader) daemonFile() bool {
	found := true
	root := place{l: l, out: &l.diags, ref: kindDaemon}
	if l.settings.Path != "" {
		root, found = l.openDaemon()
	}
	l.readDaemon(root)
	l.override()
	for _, d := range l.beside { // they may need a default of the DaemonConfig
		l.dispatch(d)
	}
	return found
}

// openDaemon finds the document of the DaemonConfig. The other documents of its file are dispatched as if
// they stood in files of their own.
func (l *loader) openDaemon() (root place, found bool) {
	path := l.settings.abs(l.settings.Path)
	name := l.settings.display(path)
	l.cfg.File = name
	root = place{l: l, out: &l.diags, ref: kindDaemon}
	src, err := readSource(name, path)
	if err != nil {
		l.diags = append(l.diags, Diagnostic{Severity: SeverityError, Pos: Pos{File: name}, Text: "the file " + err.Error()})
		return root, false
	}
	root.src = src
	l.read[realPath(path)] = true
	l.cfg.Files = append(l.cfg.Files, path)
	docs, diags := parse(src)
	l.diags = append(l.diags, diags...)
	for _, d := range docs {
		switch {
		case l.isDaemon(d) && !found:
			root.node, found = d.root, true
		case l.isDaemon(d):
			second := l.place(d, kindDaemon)
			second.hide()
			second.errorf("keep one", "a second DaemonConfig in one file")
		default:
			l.beside = append(l.beside, d)
		}
	}
	if !found && !diags.HasErrors() {
		root.errorf("begin it with kind: DaemonConfig", "the file has no DaemonConfig")
	}
	return root, found
}

// isDaemon tells a DaemonConfig; its kind may be left out.
func (l *loader) isDaemon(d document) bool {
	switch kindOf(d.root) {
	case kindDaemon:
		return true
	case "":
		_, spec := lookup(d.root, "spec")
		return spec != nil
	}
	return false
}

// place is the root of a document.
func (l *loader) place(d document, kind string) place {
	return place{l: l, out: &l.diags, src: d.src, node: d.root, at: d.root, ref: kind}
}

// agentsAndTriggers reads the files that the DaemonConfig or the command line names. Triggers come first: in
// a folder of both, a file that cannot be parsed may be a trigger, and then it stops the daemon.
func (l *loader) agentsAndTriggers() {
	o := l.settings.Overrides
	triggers := files{loader: l, broken: &l.diags, inline: true}
	if o.TriggersDir != "" {
		triggers.fromFlag("--triggers-dir", o.TriggersDir)
	} else {
		triggers.from(l.daemon.child("triggers"))
	}
	agents := files{loader: l, broken: &l.unreadable}
	if o.AgentsDir != "" {
		agents.fromFlag("--agents-dir", o.AgentsDir)
	} else {
		agents.from(l.daemon.child("agents"))
	}
}

// dispatch hands a document to the reader of its kind.
func (l *loader) dispatch(d document) {
	root := l.place(d, kindAgent)
	kind := kindOf(d.root)
	switch {
	case kind == kindAgent, kind == "" && isFlatAgent(d.root):
		l.readAgent(d)
	case kind == kindTrigger, kind == kindTrigger+kindConfig:
		l.readTrigger(d)
	case kind == kindDaemon:
		root.hide()
		root.warnf("name it with --config", "a DaemonConfig among agents and triggers is ignored")
	case kind == "":
		root.hide()
		root.warnf("add kind: Agent or kind: Trigger", "a document without kind is ignored")
	default:
		l.notRun(root, kind)
	}
}

// kindConfig ends a kind that some examples of AOF have: TriggerConfig is a Trigger.
const kindConfig = "Config"

// notRun lists a document of a kind that this daemon does not run.
func (l *loader) notRun(root place, kind string) {
	root.hide()
	k, v := lookup(root.node, "kind")
	root.node, root.at = v, k
	meant := nearest(kind, []string{kindAgent, kindTrigger, kindDaemon})
	known := slices.Contains(notRunKinds, kind)
	switch {
	case known || meant == "":
		root.warnf("", "kind %s is not run", kind)
	case l.settings.Strict:
		root.errorf("did you mean "+meant+"?", "kind %s is not run", kind)
	default:
		root.warnf("did you mean "+meant+"?", "kind %s is not run", kind)
	}
}

// notRunKinds are near to names of ours and meant as they are.
var notRunKinds = []string{"AgentFleet", "AgentFlow", "AgentWorkflow", "Fleet", "Flow"}

func kindOf(root *yaml.Node) string { return textOf(root, "kind") }

// textOf returns the text of a key, or nothing.
func textOf(mapping *yaml.Node, key string) string {
	if _, v := lookup(mapping, key); v != nil && v.Kind == yaml.ScalarNode && !isNull(v) {
		return strings.TrimSpace(v.Value)
	}
	return ""
}

var apiVersions = []string{
	"aof.dev/v1", "aof.dev/v1alpha1", "aof.sh/v1", "aof.sh/v1alpha1",
	"aof.agenticops.org/v1", "aof.agenticops.org/v1alpha1",
}

// envelope checks the keys that every kind has and returns metadata.name.
func (p place) envelope() string {
	if v := p.child("apiVersion"); v.given() && !slices.Contains(apiVersions, v.str()) {
		v.warnf(didYouMean(v.node.Value, apiVersions), "apiVersion is not one that this daemon knows")
	}
	p.child("kind")
	meta := p.child("metadata")
	meta.isMapping()
	meta.knownKeys()
	return meta.child("name").str()
}

// misplacedName reports a name at the top of a document that has metadata for it.
func (p place) misplacedName() {
	name := p.child("name")
	severity := SeverityWarning
	if p.l.settings.Strict {
		severity = SeverityError
	}
	if name.named {
		p.report(severity, p.src.pos(name.at), "write metadata: {name: …}", "the document has no key name")
	}
}

// dirOf is the folder against which relative paths of a file are tried first.
func (s *source) dirOf() string { return filepath.Dir(s.path) }
