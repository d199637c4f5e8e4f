package operate

import (
	"fmt"
	"io"
)

// The states of a finding.
const (
	stateOK      = "ok"
	stateWarning = "warning"
	stateFailed  = "failed"
	stateSkipped = "skipped" // it could not be looked at, since something before it failed
)

// finding is what one check found.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"`
	What  string `json:"what"`          // what was found
	Why   string `json:"why,omitempty"` // why it matters
	Fix   string `json:"fix,omitempty"` // what to do, exactly
}

// marks stand before findings.
var marks = map[string]string{stateOK: "✓", stateWarning: "!", stateFailed: "✗", stateSkipped: "-"}

func (f finding) print(w io.Writer) {
	fmt.Fprintf(w, "%s %s\n", marks[f.State], f.What)
	if f.State == stateOK {
		return
	}
	for _, line := range [][2]string{{"why", f.Why}, {"fix", f.Fix}} {
		if line[1] != "" {
			fmt.Fprintf(w, "    %s: %s\n", line[0], line[1])
		}
	}
}

// check is one thing that is looked at: its name and why it matters.
type check struct{ name, why string }

// The checks, in the order in which they are made.
var (
	checkAPI     = check{"api", "without the Graph API nothing can be sent"}
	checkVersion = check{"api_version", "Meta answers a version that has ended with another one, without a word, so behaviour changes"}
	checkClock   = check{"clock", "webhooks older than allowed and the 24 hours of a chat are counted by this machine's clock"}
	checkToken   = check{"token", "with a token that is not valid Meta refuses all calls"}
	checkEnd     = check{"token_end", "when the token ends, all calls fail"}
	checkScopes  = check{"scopes", "each right opens a part of the API"}
	checkPhone   = check{"phone_number_id", "messages are sent from this id, and only webhooks for it are taken"}
	checkNumber  = check{"number", "a number that is not connected neither sends nor receives"}
	checkRate    = check{"rate", "messages that go out faster than Meta lets them are refused with 130429"}
	checkAccount = check{"account", "the app is subscribed to the WhatsApp account, and templates belong to it"}
	checkSubs    = check{"subscription", "without the subscription Meta sends no webhooks, although all else looks right"}
	checkSecret  = check{"app_secret", "with a wrong secret each webhook is refused, as its signature seems wrong"}
	checkFields  = check{"webhook_fields", "only subscribed fields come; messages and statuses are the field messages"}
	checkAddress = check{"webhook_address", "Meta posts to this address"}
	checkShake   = check{"webhook_handshake", "Meta saves an address only when the handshake works"}
	checkSigned  = check{"webhook_signature", "a signed webhook must be taken, or no message arrives"}
	checkForged  = check{"webhook_forgery", "a webhook with a wrong signature must be refused, or anybody could write in anybody's name"}
)

// report gathers findings.
type report struct {
	prefix   string // before what was found; set when there are several numbers
	findings []finding
}

func (r *report) add(c check, state, fix, format string, args ...any) {
	r.findings = append(r.findings, finding{
		Check: c.name, State: state, What: r.prefix + fmt.Sprintf(format, args...), Why: c.why, Fix: fix,
	})
}

func (r *report) ok(c check, format string, args ...any) { r.add(c, stateOK, "", format, args...) }

func (r *report) warn(c check, fix, format string, args ...any) {
	r.add(c, stateWarning, fix, format, args...)
}

func (r *report) fail(c check, fix, format string, args ...any) {
	r.add(c, stateFailed, fix, format, args...)
}

func (r *report) skip(c check, format string, args ...any) {
	r.add(c, stateSkipped, "", format, args...)
}

// failed reports how many checks failed.
func (r *report) failed() (n int) {
	for _, f := range r.findings {
		if f.State == stateFailed {
			n++
		}
	}
	return n
}
