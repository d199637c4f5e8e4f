package session

import (
	"slices"
	"strings"
	"unicode"
)

// Command is a typed command.
type Command struct {
	Name string   // lower case, without the slash
	Args []string // as typed, without quotes
	// Own is true when the user asked for the daemon's own command with the prefix /aof.
	Own bool
}

// prefix is the command whose first argument names a built-in one, also when a trigger has bound that name.
const prefix = "aof"

// Parse reads a command: a text that begins with a slash and a name; ok is false for any other. A suffix
// @name, which some platforms add, is dropped. Quotes group words.
func Parse(text string) (c Command, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "/")
	if !ok || !startsWithName(rest) { // nearly all messages
		return Command{}, false
	}
	words := split(rest)
	if len(words) == 0 {
		return Command{}, false
	}
	c.Name, c.Args = name(words[0]), words[1:]
	if c.Name == prefix {
		c.Own = true
		c.Name = "help"
		if len(c.Args) > 0 {
			c.Name, c.Args = name(strings.TrimPrefix(c.Args[0], "/")), c.Args[1:]
		}
	}
	return c, c.Name != ""
}

// startsWithName tells a command from a path such as /etc/hosts and from a lone slash.
func startsWithName(s string) bool {
	first, _, _ := strings.Cut(s, " ")
	for i, r := range first {
		if i == 0 && !unicode.IsLetter(r) {
			return false
		}
		if r == '/' {
			return false
		}
		if unicode.IsSpace(r) {
			break
		}
	}
	return first != ""
}

func name(word string) string {
	n, _, _ := strings.Cut(strings.ToLower(word), "@")
	return n
}

// split cuts at white space; quotes group words, and one that is never closed is a plain character.
func split(s string) (words []string) {
	for {
		s = strings.TrimLeftFunc(s, unicode.IsSpace)
		if s == "" {
			return words
		}
		if q := s[0]; q == '"' || q == '\'' {
			if end := strings.IndexByte(s[1:], q); end >= 0 {
				words = append(words, s[1:1+end])
				s = s[end+2:]
				continue
			}
		}
		end := strings.IndexFunc(s, unicode.IsSpace)
		if end < 0 {
			end = len(s)
		}
		words, s = append(words, s[:end]), s[end:]
	}
}

// handlers are the built-in commands by their long names.
var handlers = map[string]func(*Session, Question) Answer{
	"help":   (*Session).help,
	"agents": (*Session).list,
	"agent":  (*Session).agent,
	"status": (*Session).status,
	"info":   (*Session).info,
	"whoami": (*Session).whoami,
	"cancel": (*Session).cancel,
}

// short are other names of built-in commands.
var short = map[string]string{
	"h": "help", "start": "help", "context": "agent", "ctx": "agent", "check": "status",
	"stop": "cancel", "abort": "cancel",
}

// later are names that are kept for the daemon and do nothing yet, so that nobody gets used to them as words
// for an agent.
var later = []string{
	"run", "execute", "list", "ls", "show", "clear", "forget", "reset", "new",
	"approve", "deny", "fleet", "fleets", "team", "flows",
}

// Builtin reports whether the daemon answers a command of this lower-case name itself, if only to say that it
// is not available yet.
func Builtin(name string) bool {
	return handlers[long(name)] != nil || slices.Contains(later, name)
}

// long returns the main name of a command.
func long(name string) string {
	if l, ok := short[name]; ok {
		return l
	}
	return name
}
