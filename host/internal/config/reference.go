package config

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Field is one key that a file may have. It is what the loader knows of the key: type, default and neighbours
// are taken from here.
type Field struct {
	Kind    string // DaemonConfig, Trigger or Agent
	Key     string // path from the document's root; "[]" is a list's entry, <name> a key of one's own
	Type    string // one of the Type constants
	Default string // as one would write it; empty: none
	Meaning string // one sentence

	// Unused keys are accepted and have no effect yet.
	Unused bool
	// closed mappings take an unknown key for an error, not for a warning.
	closed bool
	// unenforced filters make their trigger inactive.
	unenforced bool
}

// The types of values. In all but text, ${NAME} is expanded.
const (
	TypeString  = "string"
	TypeText    = "text" // never expanded
	TypePath    = "path"
	TypeInteger = "integer"
	TypeBoolean = "boolean"
	TypeSeconds = "seconds" // whole seconds, or a duration such as 90s or 5m
	TypeStrings = "list of strings"
	TypeTexts   = "list of texts" // never expanded
	TypeMap     = "map of strings"
	TypeMapping = "mapping"
	TypeAny     = "any"
)

// The kinds of documents that the daemon runs.
const (
	kindDaemon  = "DaemonConfig"
	kindTrigger = "Trigger"
	kindAgent   = "Agent"
)

// envelope are the keys that every kind has.
func envelope(kind, name string) []Field {
	return []Field{
		{Kind: kind, Key: "apiVersion", Type: TypeText, Meaning: "aof.dev/v1; groups aof.dev, aof.sh and aof.agenticops.org, versions v1 and v1alpha1 mean the same"},
		{Kind: kind, Key: "kind", Type: TypeText, Meaning: kind},
		{Kind: kind, Key: "metadata.name", Type: TypeText, Meaning: name},
		{Kind: kind, Key: "metadata.namespace", Type: TypeAny, Meaning: "for your own use"},
		{Kind: kind, Key: "metadata.labels", Type: TypeAny, Meaning: "for your own use"},
		{Kind: kind, Key: "metadata.annotations", Type: TypeAny, Meaning: "for your own use"},
	}
}

var fields = slices.Concat(
	envelope(kindDaemon, "name of this configuration"), daemonFields,
	envelope(kindTrigger, "name of the trigger; required"), triggerFields,
	envelope(kindAgent, "name of the agent; required, unique, compared without case"), agentFields,
)

// rows finds a field by kind and key; children lists the keys of a mapping.
var rows, children = index(fields)

// keyNames are the names of all keys, without what is above them.
var keyNames = setOf(children)

func setOf(children map[string][]string) map[string]bool {
	out := map[string]bool{}
	for _, list := range children {
		for _, name := range list {
			out[name] = true
		}
	}
	return out
}

func index(fields []Field) (rows map[string]Field, children map[string][]string) {
	rows, children = map[string]Field{}, map[string][]string{}
	for _, f := range fields {
		parent := f.Kind
		rows[parent+"."+f.Key] = f
		for part := range strings.SplitSeq(f.Key, ".") {
			name := strings.TrimSuffix(part, "[]")
			if !slices.Contains(children[parent], name) {
				children[parent] = append(children[parent], name)
			}
			parent += "." + part
		}
	}
	return rows, children
}

// WriteReference writes the reference as Markdown: one table for each kind.
func WriteReference(w io.Writer) error {
	b := bufio.NewWriter(w)
	b.WriteString("In all values but texts, `${NAME}` stands for an environment variable, `${NAME:-default}` has a default,\n" +
		"`${NAME:?message}` says what is missing, and `$${` is a literal `${`. A variable that is set to nothing counts\n" +
		"as not set. Seconds are whole numbers or durations such as `90s` and `5m`. Relative paths are tried against\n" +
		"the folder of the file that names them, then against the working directory.\n")
	kind := ""
	for _, f := range fields {
		if f.Kind != kind {
			kind = f.Kind
			fmt.Fprintf(b, "\n### kind: %s\n\n| Key | Type | Default | Meaning |\n|---|---|---|---|\n", kind)
		}
		meaning, value := f.Meaning, ""
		if f.Unused {
			meaning = strings.TrimSuffix("Accepted, not used yet: "+meaning, ": ")
		}
		if f.Default != "" {
			value = "`" + f.Default + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.Key, f.Type, value, strings.ReplaceAll(meaning, "|", `\|`))
	}
	return b.Flush()
}
