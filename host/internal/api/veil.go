package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

// veil masks a trace, so that it can be passed on: what people said, who they are, and secrets. It hides what it
// does not know to be harmless. What stays is how a message is built, when what happened, and the ids by which
// things are found.
type veil struct {
	keep  []string // ids of ours that look like phone numbers
	names []string // what is hidden wherever it stands
}

func newVeil(t *hostv1.GetTraceResponse, body *chat.Message) veil {
	var v veil
	for _, d := range t.GetDeliveries() {
		v.keep = append(v.keep, d.GetAccount())
	}
	v.keep = append(v.keep, t.GetMessage().GetAccount())
	if body != nil {
		v.names = append(v.names, body.User.ID, body.User.DisplayName, body.User.Username, body.ChannelID, body.Text, body.Shown())
		v.names = append(v.names, body.User.Aliases...)
	}
	for _, d := range t.GetDeliveries() {
		v.names = append(v.names, d.GetChannelId(), d.GetText())
	}
	const short = 4 // such a name may be a part of any word
	v.names = slices.DeleteFunc(v.names, func(s string) bool { return len(s) < short })
	slices.SortFunc(v.names, func(a, b string) int { return len(b) - len(a) })
	return v
}

// over masks a trace in place.
func (v veil) over(t *hostv1.GetTraceResponse) {
	for _, e := range t.GetEvents() {
		e.Detail = v.sentence(e.GetDetail())
	}
	for _, h := range t.GetHops() {
		h.Detail, h.Hint = v.sentence(h.GetDetail()), v.sentence(h.GetHint())
	}
	if m := t.GetMessage(); m != nil {
		m.Text, m.UserName, m.Reason = hidden(m.GetText()), hidden(m.GetUserName()), v.sentence(m.GetReason())
		m.UserId, m.ChannelId = partly(m.GetUserId()), partly(m.GetChannelId())
		m.Conversation = v.path(m.GetConversation())
	}
	for _, d := range t.GetDeliveries() {
		d.Text, d.ChannelId, d.Conversation = hidden(d.GetText()), partly(d.GetChannelId()), v.path(d.GetConversation())
		d.ResponseJson = v.document(d.GetResponseJson())
		v.problem(d.GetProblem())
		for _, a := range d.GetAttempts() {
			v.problem(a.GetProblem())
		}
	}
	t.NormalizedJson = v.document(t.GetNormalizedJson())
	for _, w := range t.GetWebhooks() {
		v.webhook(w)
	}
}

func (v veil) problem(p *hostv1.DeliveryProblem) {
	if p != nil {
		p.Message, p.Hint = v.sentence(p.GetMessage()), v.sentence(p.GetHint())
	}
}

// openHeaders have no secrets.
var openHeaders = []string{"content-type", "content-length", "user-agent", "accept", "accept-encoding", "host", "date"}

func (v veil) webhook(w *hostv1.Webhook) {
	if u, err := url.Parse(w.GetUri()); err == nil && u.RawQuery != "" {
		query := u.Query()
		for name := range query {
			query.Set(name, "***")
		}
		u.RawQuery = query.Encode()
		w.Uri = u.String()
	}
	for _, h := range w.GetHeaders() {
		if !slices.Contains(openHeaders, h.GetName()) {
			h.Value = hidden(h.GetValue())
		}
	}
	w.Body = []byte(v.document(string(w.GetBody())))
}

// digits are what phone numbers look like, and ids that are made of them.
var digits = regexp.MustCompile(`\+?\d[\d ().-]{5,}\d`)

// sentence masks names and numbers in prose of ours.
func (v veil) sentence(s string) string {
	for _, name := range v.names {
		s = strings.ReplaceAll(s, name, partly(name))
	}
	return digits.ReplaceAllStringFunc(s, func(n string) string {
		if slices.Contains(v.keep, n) {
			return n
		}
		return partly(n)
	})
}

// path masks a conversation's key, of which platform and account are no secret.
func (v veil) path(key string) string {
	parts := strings.Split(key, "/")
	for i := 2; i < len(parts); i++ {
		parts[i] = partly(parts[i])
	}
	return strings.Join(parts, "/")
}

// document masks the values of a JSON document and leaves its form. What is no JSON is hidden as a whole.
func (v veil) document(text string) string {
	if text == "" {
		return ""
	}
	in := json.NewDecoder(strings.NewReader(text))
	in.UseNumber()
	var doc any
	if err := in.Decode(&doc); err != nil || in.More() {
		return hidden(text)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v.value("", doc)); err != nil {
		return hidden(text)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// openKeys have values that say what something is, and nothing of people.
var openKeys = []string{
	"type", "kind", "object", "field", "event", "status", "format", "action", "code", "version", "platform", "account",
	"mime_type", "sent_at", "received_at", "at", "timestamp", "reason", "animated", "voice",
}

// formKey has what a person wrote into a form. Its keys are those of the form, whatever they are called.
const formKey = "data"

// value masks what stands under a key.
func (v veil) value(key string, x any) any {
	switch x := x.(type) {
	case map[string]any:
		for k, e := range x {
			under := k
			if key == formKey {
				under = formKey
			}
			x[k] = v.value(under, e)
		}
	case []any:
		for i, e := range x {
			x[i] = v.value(key, e)
		}
	case string:
		if slices.Contains(openKeys, key) && len(x) <= 100 || slices.Contains(v.keep, x) {
			return x
		}
		return hidden(x)
	case json.Number:
		if key == formKey {
			return hidden(x.String())
		}
		if n, err := strconv.ParseFloat(x.String(), 64); (err != nil || n > 99_999 || n < -99_999) && !slices.Contains(openKeys, key) {
			return hidden(x.String())
		}
		if strings.Contains(x.String(), ".") {
			return hidden(x.String()) // such as a place on earth
		}
	}
	return x
}

// hidden says how long something is, and no more.
func hidden(s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf("‹%d characters›", utf8.RuneCountInString(s))
}

// partly shows the ends of something long, enough to tell two of them apart at a glance.
func partly(s string) string {
	r := []rune(s)
	switch {
	case s == "":
		return ""
	case len(r) < 8:
		return "•••"
	}
	return string(r[:2]) + "•••" + string(r[len(r)-2:])
}
