package webhook

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
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
)

const maxIssueRaw = 4 << 10

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
	if !utf8.Valid(body) {
		r.issue("", InvalidUTF8, "the body is not UTF-8; messages and statuses with wrong bytes are dropped", body)
	}
	r.envelope(body)
	return r.out
}

// reading is one run of the parser.
type reading struct {
	*Parser
	receivedAt time.Time
	out        chat.Batch
}

func (r *reading) issue(path, reason, detail string, raw []byte) {
	if len(raw) > maxIssueRaw {
		raw = raw[:maxIssueRaw]
	}
	i := chat.Issue{Path: path, Reason: reason, Detail: strings.ToValidUTF8(detail, "\uFFFD")}
	if len(raw) > 0 {
		i.Raw = append([]byte(nil), raw...)
	}
	r.out.Issues = append(r.out.Issues, i)
}

// seconds reads Meta's times: seconds since 1970, as text or number. Anything else is the zero time.
func seconds(s graph.Scalar) time.Time {
	const year9999 = 253402300799 // the last second that a timestamp of the contract can hold
	n, err := strconv.ParseInt(string(s), 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(string(s), 64)
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

// object decodes a JSON object and leaves its members for later; ok is false for anything else.
func object(raw json.RawMessage) (members map[string]json.RawMessage, ok bool) {
	err := json.Unmarshal(raw, &members)
	return members, err == nil && members != nil
}

// list decodes a JSON array and leaves its elements for later. Absent and null are the empty list.
func list(raw json.RawMessage) (elements []json.RawMessage, ok bool) {
	if len(raw) == 0 {
		return nil, true
	}
	err := json.Unmarshal(raw, &elements)
	return elements, err == nil
}

// word decodes a scalar.
func word(raw json.RawMessage) string {
	var s graph.Scalar
	_ = s.UnmarshalJSON(raw) // never fails
	return string(s)
}
