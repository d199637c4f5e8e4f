package rules

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Codes that Meta answers with for what the checks find.
const (
	codeShape     = 100    // a member that must not be there, or is none of the words that may stand there
	codeMissing   = 131008 // a member that must be there
	codeValue     = 131009 // a member that breaks a limit
	codeSelf      = 131021
	codeType      = 131051 // a kind of message that cannot go there
	codeFile      = 131053
	codeUserID    = 131062 // a phone number is needed
	codeTemplate  = 132001
	codeParameter = 132018 // characters that a template's parameter must not have
	codeHydrated  = 132005 // a template that is too long with its parameters
)

// refusal says what is wrong with a message. Checks return the first that they find.
type refusal struct {
	code int
	what string
	hint string // empty takes the one of the code
}

// Failure is the error that Meta would give for a code.
func Failure(code int, what, hint string) *chat.Error {
	m := (&graph.Error{Code: code}).Meaning()
	if hint == "" {
		hint = m.Hint
	}
	return &chat.Error{
		Reason: m.Reason, Permanent: true, Text: what, Hint: hint, PlatformCode: fmt.Sprint(code),
	}
}

func (r *refusal) failure() *chat.Error { return Failure(r.code, r.what, r.hint) }

func shape(format string, args ...any) *refusal {
	return &refusal{code: codeShape, what: fmt.Sprintf(format, args...)}
}

func missing(format string, args ...any) *refusal {
	return &refusal{code: codeMissing, what: fmt.Sprintf(format, args...)}
}

func value(format string, args ...any) *refusal {
	return &refusal{code: codeValue, what: fmt.Sprintf(format, args...)}
}

func (r *refusal) because(hint string) *refusal {
	r.hint = hint
	return r
}

// first returns the first refusal.
func first(all ...*refusal) *refusal {
	for _, r := range all {
		if r != nil {
			return r
		}
	}
	return nil
}

// within checks a length in characters. With least above 0, blanks alone are nothing.
func within(what, s string, least, most int) *refusal {
	switch n := Length(s); {
	case least > 0 && strings.TrimSpace(s) == "":
		return value("%s is empty, 1 to %d characters are possible", what, most)
	case n > most:
		return value("%s has %d characters, the limit is %d", what, n, most).because("make it shorter")
	}
	return nil
}

// identifier checks an id that comes back as it is.
func identifier(what, id string, most int) *refusal {
	switch {
	case id == "":
		return value("%s is empty, 1 to %d bytes are possible", what, most)
	case len(id) > most:
		return value("%s has %d bytes, the limit is %d", what, len(id), most).because("use a shorter id")
	case strings.TrimSpace(id) != id:
		return value("%s has white space around it", what).because("leave out the white space")
	}
	return nil
}

// unique finds what occurs twice.
type unique struct {
	what string
	seen map[string]bool
}

func (u *unique) add(s string) *refusal {
	if u.seen[s] {
		return value("%s %.60q occurs twice", u.what, s).because("give each its own")
	}
	if u.seen == nil {
		u.seen = map[string]bool{}
	}
	u.seen[s] = true
	return nil
}

// onlyEmoji reports whether s is one emoji at most, going by what no emoji is.
func onlyEmoji(s string) bool {
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsSpace(r) || unicode.IsControl(r) {
			return false
		}
	}
	return true
}
