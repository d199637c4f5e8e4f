package world

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/outbound"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/template"
)

// Accepted is what became of a message that the business sent.
type Accepted struct {
	Message Message
	// Later is the refusal that the message ends with; nil when it arrives.
	Later *refusal.Refusal
	WaID  string
	User  string // user id
}

// Accept takes a message of the business into a chat. Its error is a *refusal.Refusal, and nothing has
// changed then.
func (w *World) Accept(m *outbound.Message) (Accepted, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, err := w.accept(m)
	if err != nil {
		w.count(func(c *Counters) { c.Refused++ })
	}
	return a, err
}

func (w *World) accept(m *outbound.Message) (a Accepted, err error) {
	t, filled, err := w.template(m.Template)
	if err != nil {
		return a, err
	}
	if err := w.checkMedia(m.Media); err != nil {
		return a, err
	}
	to, err := w.recipient(m, t)
	if err != nil {
		return a, err
	}
	if err := w.limits(to, t != nil); err != nil {
		return a, err
	}
	later := w.fate(m, to, t)
	if later != nil && later.Code == 131047 && w.state.Settings.Window == Sync {
		return a, later
	}
	a = w.keep(m, to, t, filled)
	a.Later = later
	return a, nil
}

// target is whom a message is for. Exactly one of person, group and lost is set.
type target struct {
	person *Person
	group  *Group
	lost   *refusal.Refusal // nobody has that number or id, and nobody gets it
	chat   *Chat
}

func (w *World) recipient(m *outbound.Message, t *template.Definition) (to target, err error) {
	switch {
	case m.Group != "":
		return w.toGroup(m.Group)
	case m.UserID != "":
		if !m.InTo && t != nil && t.NeedsPhone() {
			return to, refusal.New(131062, "a template with a one-time password needs the phone number in to")
		}
	case m.To == w.Business.DisplayNumber:
		return to, refusal.New(131021, "Sender and recipient phone number is the same")
	case w.state.Settings.AllowedRecipients != nil && !slices.Contains(w.state.Settings.AllowedRecipients, m.To):
		no := refusal.New(131030, "Recipient phone number not in allowed list: Add recipient phone number to recipient list and try again.")
		no.Subcode = 2655007
		return to, no
	}
	name := m.To + m.UserID
	p := w.person(name)
	switch {
	case p != nil:
	case w.gone[name] || w.state.Settings.Strangers == Refuse:
		to.lost = refusal.New(131026, "Message Undeliverable.")
		stranger := Person{ID: name}
		to.person, to.chat = &stranger, w.chat(name, "person")
		return to, nil
	default:
		fresh := Fresh()
		fresh.Phone, fresh.UserID = m.To, m.UserID
		if p, err = w.addPerson(fresh); err != nil {
			return to, refusal.Parameter("%v", err)
		}
	}
	to.person, to.chat = p, w.chat(p.ID, "person")
	return to, nil
}

func (w *World) toGroup(id string) (to target, err error) {
	g := w.group(id)
	switch {
	case g == nil:
		return to, refusal.New(131041, "the group %.80q is not known", id)
	case g.Suspended:
		return to, refusal.New(131041, "the group %.80q is suspended", id)
	case len(g.People) == 0:
		return to, refusal.New(131020, "nobody but the business is in the group")
	}
	to.group, to.chat = g, w.chat(id, "group")
	return to, nil
}

func (w *World) template(use *outbound.Template) (*template.Definition, *template.Filled, error) {
	if use == nil {
		return nil, nil, nil
	}
	i := slices.IndexFunc(w.state.Templates, func(t *template.Definition) bool {
		return t.Name == use.Name && t.Language == use.Language
	})
	if i < 0 {
		return nil, nil, refusal.New(132001, "template name (%s) does not exist in %s", use.Name, use.Language)
	}
	t := w.state.Templates[i]
	if err := t.Usable(); err != nil {
		return nil, nil, err
	}
	filled, err := t.Fill(use)
	return t, filled, err
}

// limits are those of the number and of the pair; what passes is counted.
func (w *World) limits(to target, isTemplate bool) error {
	now := w.now()
	w.sends = slices.DeleteFunc(w.sends, func(t time.Time) bool { return now.Sub(t) >= time.Second })
	s := w.state.Settings
	if s.Throughput > 0 && len(w.sends) >= s.Throughput {
		return refusal.New(130429, "Message failed to send because there were too many messages sent from this phone number in a short period of time")
	}
	if s.PairRate && to.group == nil && to.lost == nil {
		if p := pairOf(to.chat, now); p.Left == 0 {
			return refusal.New(131056, "Message failed to send because there were too many messages sent from this phone number "+
				"to the same phone number in a short period of time. The next one may go at %s.", p.NextAt.Format(time.RFC3339))
		}
		to.chat.PairFull = later(to.chat.PairFull, now).Add(pairPeriod)
	}
	w.sends = append(w.sends, now)
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// fate says with what a message will fail that was accepted, or nil.
func (w *World) fate(m *outbound.Message, to target, t *template.Definition) *refusal.Refusal {
	if to.group != nil {
		return w.pin(m, to.group)
	}
	p := to.person
	marketing := t != nil && t.Category == "MARKETING"
	outside := !w.open(to.chat) && w.state.Settings.Window != Off
	switch {
	case to.lost != nil:
		return to.lost
	case !p.OnWhatsApp:
		return refusal.New(131026, "Message Undeliverable.")
	case p.Blocked:
		return refusal.New(130403, "the person has blocked the business")
	case m.KeyHash != "" && p.Identity != "" && m.KeyHash != p.Identity:
		return refusal.New(137000, "the identity key of the person is another one")
	case outside && t == nil:
		return refusal.New(131047, "Message failed to send because more than 24 hours have passed since the customer last replied to this number.")
	case marketing && !p.Marketing:
		return refusal.New(131050, "the person does not want marketing messages of this business")
	case marketing && strings.HasPrefix(p.Phone, "1"):
		return refusal.New(131049, "marketing templates to numbers of the United States are paused")
	case m.Reaction != nil && !w.reactable(m.Reaction.MessageID, to.chat.ID):
		return refusal.New(131009, "reaction message_id %.80q is no message of this chat of the last 30 days that can have one", m.Reaction.MessageID)
	case outside && !w.initiate(p.ID):
		return refusal.New(131048, "the messaging limit of %s is reached: so many people were written to first in 24 hours", w.state.Settings.Tier)
	}
	return nil
}

func (w *World) reactable(id, chat string) bool {
	m := w.byID[id]
	if m == nil {
		return w.forgotten
	}
	return m.Chat == chat && !m.Revoked && w.now().Sub(m.At) <= 30*24*time.Hour && typeOf(m.Body) != "reaction"
}

func typeOf(body []byte) string {
	var b struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(body, &b) // its shape was checked
	return b.Type
}

// initiate counts the people whom the business wrote to first in 24 hours.
func (w *World) initiate(person string) bool {
	now := w.now()
	for id, at := range w.initiated {
		if now.Sub(at) >= 24*time.Hour {
			delete(w.initiated, id)
		}
	}
	_, known := w.initiated[person]
	if most := tiers[w.state.Settings.Tier]; !known && most > 0 && len(w.initiated) >= most {
		return false
	}
	w.initiated[person] = now
	return true
}

const maxPinned = 3

func (w *World) pin(m *outbound.Message, g *Group) *refusal.Refusal {
	if m.Pin == nil {
		return nil
	}
	if o := w.byID[m.Pin.MessageID]; o == nil || o.Chat != g.ID {
		return refusal.New(131009, "pin message_id %.80q is no message of this group", m.Pin.MessageID)
	}
	pinned := slices.DeleteFunc(slices.Clone(g.Pinned), func(id string) bool { return id == m.Pin.MessageID })
	if !m.Pin.Unpin {
		pinned = append(pinned, m.Pin.MessageID)
	}
	if len(pinned) > maxPinned {
		return refusal.New(131009, "a group has %d pinned messages at most", maxPinned)
	}
	g.Pinned = pinned
	w.tell("group", *g)
	return nil
}

func (w *World) keep(m *outbound.Message, to target, t *template.Definition, filled *template.Filled) Accepted {
	kept := &Message{
		ID: w.newID(), Chat: to.chat.ID, From: "business", Direction: ToUser, At: w.now(), State: Sending,
		Template: filled, Category: "service", Callback: m.Callback, Body: oneLine(m.Raw), User: to.chat.ID,
	}
	a := Accepted{}
	if to.person != nil {
		kept.User = to.person.Address()
		a.WaID = m.To
		if to.lost == nil {
			a.User = pick(w.state.Settings.UserIDs || m.To == "", to.person.UserID)
		}
	}
	if kept.User == "" {
		kept.User = m.To + m.UserID
	}
	if t != nil {
		kept.Category = strings.ToLower(t.Category)
	}
	if m.InTo {
		kept.State, kept.Problem = Dropped, "a user id belongs into recipient: in to it is accepted, and never arrives"
	}
	to.chat.TypingUntil = time.Time{}
	w.add(kept)
	w.count(func(c *Counters) {
		c.Accepted++
		if m.Callback != "" && w.callbacks[m.Callback] {
			c.Repeated++
		}
	})
	if m.Callback != "" && len(w.callbacks) < maxCallbacks {
		w.callbacks[m.Callback] = true
	}
	a.Message = *kept
	return a
}

// oneLine returns JSON without the blanks between its parts.
func oneLine(raw json.RawMessage) json.RawMessage {
	var out bytes.Buffer
	if json.Compact(&out, raw) != nil {
		return raw
	}
	return out.Bytes()
}
