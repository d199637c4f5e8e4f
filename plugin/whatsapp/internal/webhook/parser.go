package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aof-dev/aofd/sdk/chat"
)

// Platform is the platform's id in all events.
const Platform = "whatsapp"

// The reasons of issues.
const (
	ParseFailed      = "PARSE_FAILED"      // the body as a whole
	InvalidUTF8      = "INVALID_UTF8"      // somewhere in the body
	MalformedEntry   = "MALFORMED_ENTRY"   // nothing of the entry can be used
	MalformedChange  = "MALFORMED_CHANGE"  // nothing of the change can be used
	MalformedValue   = "MALFORMED_VALUE"   // nothing of the value, or of a member of it, can be used
	MalformedMessage = "MALFORMED_MESSAGE" // nothing of the message can be used
	MalformedStatus  = "MALFORMED_STATUS"  // nothing of the status can be used
	MalformedMember  = "MALFORMED_MEMBER"  // all but this part of a message, status or contact was used
	AccountMissing   = "ACCOUNT_MISSING"   // nobody can tell which number it is for
	UnknownAccount   = "UNKNOWN_ACCOUNT"   // it is for a number that is not configured
	TooManyIssues    = "TOO_MANY_ISSUES"   // further parts cannot be used, which are not named
)

const (
	maxIssues   = 1000 // as many as a webhook has updates; a body of rubbish is no reason for millions
	maxIssueRaw = 4 << 10
)

// Parser reads webhooks for the phone numbers of an app. It may be used by many goroutines.
type Parser struct {
	// Accounts are the phone number ids.
	Accounts map[string]bool
	// Allow says who may write; nil lets everybody.
	Allow *AllowList
}

// Parse reads a body whose signature has been checked. It leaves the verification of the batch to the
// caller.
func (p *Parser) Parse(body []byte, receivedAt time.Time) chat.Batch {
	r := &reading{Parser: p, receivedAt: receivedAt}
	body = bytes.TrimSpace(body)
	text := raw(body) // the only copy of the whole body
	if !utf8.Valid(body) {
		r.issue("", InvalidUTF8, "the body is not UTF-8; messages and statuses with wrong bytes are dropped", text)
	}
	if !json.Valid(body) { // the only place that asks: its parts are JSON, then
		r.issue("", ParseFailed, "the body is not JSON: "+json.Unmarshal(body, new(any)).Error(), text)
		return r.out
	}
	r.envelope(text)
	if r.unnamed > 0 {
		r.out.Issues = append(r.out.Issues, chat.Issue{
			Reason: TooManyIssues, Detail: fmt.Sprintf("%d further parts cannot be used and are not named", r.unnamed),
		})
	}
	return r.out
}

// reading is one run of the parser.
type reading struct {
	*Parser
	receivedAt time.Time
	out        chat.Batch
	unnamed    int // issues beyond maxIssues
}

func (r *reading) issue(path, reason, detail string, part raw) {
	if len(r.out.Issues) == maxIssues {
		r.unnamed++
		return
	}
	i := chat.Issue{Path: path, Reason: reason, Detail: strings.ToValidUTF8(detail, "\uFFFD")}
	if part != "" {
		i.Raw = []byte(part[:min(len(part), maxIssueRaw)])
	}
	r.out.Issues = append(r.out.Issues, i)
}

// seconds reads Meta's times: seconds since 1970, as text or number. Anything else is the zero time.
func seconds(s string) time.Time {
	const year9999 = 253402300799 // the last second that a timestamp of the contract can hold
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(f) || f < 1 || f > year9999 {
			return time.Time{}
		}
		n = int64(f)
	}
	if n < 1 || n > year9999 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// numbers are the configured phone number ids, in order.
func (p *Parser) numbers() []string { return slices.Sorted(maps.Keys(p.Accounts)) }

// at appends a member to a JSON pointer.
func at(path, member string) string {
	if strings.ContainsAny(member, "~/") {
		member = strings.NewReplacer("~", "~0", "/", "~1").Replace(member)
	}
	return path + "/" + member
}

// nth appends an index to a JSON pointer.
func nth(path string, i int) string { return path + "/" + strconv.Itoa(i) }
