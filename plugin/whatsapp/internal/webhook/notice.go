package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// maxNoticeRaw is the largest JSON that a notice carries; chunks of a chat's history are larger.
const maxNoticeRaw = 256 << 10

// notice reads a change of any field but "messages". Nothing of it ever becomes a message: what looks like
// one is history, an echo of our own, or something that came after this program.
func (r *reading) notice(path string, en entry, c change) {
	if c.value.absent() {
		r.issue(path, MalformedValue, fmt.Sprintf("the change of %.40q has no value", c.field), "")
		return
	}
	m, _ := c.value.object()
	account, kind := m.in("metadata").word("phone_number_id"), snake(c.field)
	if account != "" && !r.ours(path, account, "a notice of "+kind) {
		return
	}
	r.keep(&chat.Notice{
		ID: contentID("notice-", en, c.field, c.value), Platform: Platform, Account: account, Kind: kind,
		Summary: summary(kind, m), At: seconds(en.time),
	}, c.value)
	if kind == "user_id_update" {
		r.userIDs(path, account, en, m.get("user_id_update"))
	}
}

// accountError reads an error that is about the number, not about a message.
func (r *reading) accountError(path string, en entry, part raw, account string) {
	e, ok := graph.DecodeError(part.bytes())
	if !ok {
		r.issue(path, MalformedValue, "the error has neither a code nor a message", part)
		return
	}
	report := e.Report()
	summary := fmt.Sprintf("Meta reports error %d: %s", e.Code, report.Message)
	if report.Hint != "" {
		summary += "; " + report.Hint
	}
	n := chat.Notice{
		ID: contentID("notice-", en, "errors", part), Platform: Platform, Account: account, Kind: "error", Summary: summary,
		At: seconds(en.time),
	}
	r.keep(&n, part)
}

func (r *reading) keep(n *chat.Notice, part raw) {
	switch {
	case !readable(part):
		n.Summary += " (not right UTF-8, so its JSON was not kept)"
	case len(part) > maxNoticeRaw:
		n.Summary += fmt.Sprintf(" (%d KiB of JSON were not kept)", len(part)>>10)
	default:
		n.Raw = part.bytes()
	}
	r.out.Notices = append(r.out.Notices, *n)
}

// contentID is made from the content, for what Meta gives no id: the same bytes again are the same event.
func contentID(prefix string, en entry, what string, part raw) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%q %q %q ", en.id, en.time, what) // a hash never fails
	h.Write([]byte(part))
	return prefix + hex.EncodeToString(h.Sum(nil)[:16])
}

// snake makes a word of Meta's a word of ours: lower case, digits and underscores, of bounded length.
func snake(s string) string {
	const longest = 64
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, s)
	return s[:min(len(s), longest)]
}
