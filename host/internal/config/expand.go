package config

import (
	"regexp"
	"strings"
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expansion is what became of a value with variables in it.
type expansion struct {
	text  string
	unset []unset // variables that are not set and have no default
	bad   string  // why the value cannot be read; empty when it can
}

// unset is a variable that somebody must set. message is what the value says about it.
type unset struct{ name, message string }

func (e expansion) ok() bool { return len(e.unset) == 0 && e.bad == "" }

const (
	reference = "${"
	escaped   = "$${"
	template  = "${{"
)

// expand replaces ${NAME}, ${NAME:-default} and ${NAME:?message}. A bare $ and $NAME stay, $${ is a literal
// ${, and ${{ … }} is left alone. A variable that is set to nothing counts as not set.
func expand(s string, env func(string) (string, bool)) expansion {
	var out expansion
	var b strings.Builder
	for s != "" {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		s = s[i:]
		switch {
		case strings.HasPrefix(s, escaped):
			b.WriteString(reference)
			s = s[len(escaped):]
		case strings.HasPrefix(s, template):
			end := strings.Index(s, "}}") + len("}}")
			if end < len("}}") {
				end = len(s)
			}
			b.WriteString(s[:end])
			s = s[end:]
		case strings.HasPrefix(s, reference):
			inner, rest, closed := strings.Cut(s[len(reference):], "}")
			if !closed {
				out.bad = "has ${ without }"
				return out
			}
			b.WriteString(out.value(inner, env))
			s = rest
		default:
			b.WriteByte('$')
			s = s[1:]
		}
	}
	out.text = b.String()
	return out
}

// value returns what stands for the inside of one ${…}.
func (e *expansion) value(inner string, env func(string) (string, bool)) string {
	if strings.Contains(inner, reference) {
		e.bad = "has ${ inside of ${…}, which is not supported"
		return ""
	}
	name, fallback, hasDefault := strings.Cut(inner, ":-")
	message := ""
	if !hasDefault {
		name, message, _ = strings.Cut(inner, ":?")
	}
	if !variableName.MatchString(name) {
		e.bad = "has ${…} around something that is no name of a variable"
		return ""
	}
	if v, ok := env(name); ok && v != "" {
		return v
	}
	if !hasDefault {
		e.unset = append(e.unset, unset{name, message})
	}
	return fallback
}
