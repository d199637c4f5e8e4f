package emulator

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/hook"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/phone"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

// Action is what somebody does on a phone; see API.md.
type Action = phone.Action

// ErrBusy says that too many webhooks wait to be taken.
var ErrBusy = hook.ErrBusy

// value is what a webhook of the field messages carries.
type value struct {
	Product  string            `json:"messaging_product"`
	Metadata metadata          `json:"metadata"`
	Contacts []contact         `json:"contacts,omitempty"`
	Messages []json.RawMessage `json:"messages,omitempty"`
	Statuses []status          `json:"statuses,omitempty"`
}

type metadata struct {
	DisplayNumber string `json:"display_phone_number"`
	PhoneNumberID string `json:"phone_number_id"`
}

type contact struct {
	Profile  *profile `json:"profile,omitempty"`
	WaID     string   `json:"wa_id,omitempty"`
	UserID   string   `json:"user_id,omitempty"`
	Identity string   `json:"identity_key_hash,omitempty"`
}

type profile struct {
	Name     string `json:"name,omitempty"`
	Username string `json:"username,omitempty"`
}

// value returns the value of a webhook as plain JSON.
func (e *Emulator) value(v value) json.RawMessage {
	v.Product = product
	v.Metadata = metadata{DisplayNumber: e.settings.DisplayNumber, PhoneNumberID: e.settings.PhoneNumberID}
	return phone.Plain(v)
}

// contactOf says who a message is from or for.
func (e *Emulator) contactOf(p world.Person) contact {
	c := contact{WaID: p.Shown(), UserID: e.shownUserID(p), Identity: p.Identity}
	if p.Name != "" || p.Username != "" {
		c.Profile = &profile{p.Name, p.Username}
	}
	return c
}

// shownUserID is the user id as webhooks tell it.
func (e *Emulator) shownUserID(p world.Person) string {
	if e.world.Settings().UserIDs || p.Shown() == "" {
		return p.UserID
	}
	return ""
}

// Send does what somebody does on a phone, and returns the id of the message. The webhook is posted after
// the call returns.
func (e *Emulator) Send(a Action) (id string, err error) {
	if !e.poster.Room() {
		return "", ErrBusy
	}
	if a.Name == "" && strings.TrimPrefix(a.From, "+") == e.settings.User {
		if _, err := e.world.Person(e.settings.User); err != nil {
			a.Name = e.settings.UserName // it comes to be now
		}
	}
	d, err := e.world.Act(a, e.link)
	if err != nil {
		return "", err
	}
	m := d.Message
	if m.State == world.NotDelivered && d.Person.Barred {
		return m.ID, nil
	}
	v := value{Contacts: []contact{e.contactOf(d.Person)}, Messages: []json.RawMessage{m.Body}}
	e.watchWindow(m.Chat)
	return m.ID, e.poster.Submit(e.inbound(m, v, d.Person.Names()))
}

// inbound is the webhook of a message of a phone.
func (e *Emulator) inbound(m world.Message, v value, names []string) *hook.Update {
	return &hook.Update{
		Lane: m.Chat, What: "message " + m.ID, Field: "messages", Value: e.value(v), User: names, Type: phoneType(m),
		Posted: func() { e.world.Posted(m.ID) },
		Taken: func() {
			e.world.Taken(m.ID, "")
			e.world.Count(func(c *world.Counters) { c.Taken++ })
		},
		GivenUp: func(problem string) {
			e.world.Taken(m.ID, problem)
			e.world.Count(func(c *world.Counters) { c.GivenUp++ })
		},
	}
}

// phoneType returns the type of a message as its body says it.
func phoneType(m world.Message) string {
	var b struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(m.Body, &b) // without a type it is a text
	if b.Type == "" {
		return phone.Text
	}
	return b.Type
}

// watchWindow tells of a chat when its window closes.
func (e *Emulator) watchWindow(chat string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.windows[chat] {
		return
	}
	e.windows[chat] = true
	e.clock.After(world.WindowFor, func() { e.windowEnds(chat) })
}

func (e *Emulator) windowEnds(chat string) {
	v := e.world.ChatOf(chat, 0, "")
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.windows, chat)
	if v.Window.Open { // somebody wrote since
		e.windows[chat] = true
		e.clock.After(v.Window.Until.Sub(e.clock.Now()), func() { e.windowEnds(chat) })
		return
	}
	e.world.TellChat(chat)
}

// Chat returns the conversation with a user, as far as it is kept.
func (e *Emulator) Chat(user string) world.View { return e.world.ChatOf(user, e.settings.History, "") }

// system tells the business of a change of a person, as a message without contacts.
func (e *Emulator) system(p world.Person, from string, part map[string]any) {
	m := map[string]any{
		"id": e.world.NewID(), "timestamp": unix(e.clock.Now()), "type": "system", "system": part,
	}
	if from != "" {
		m["from"] = from
	}
	e.tell(p, "messages", phone.Plain(map[string]any{
		"messaging_product": product,
		"metadata":          metadata{e.settings.DisplayNumber, e.settings.PhoneNumberID},
		"messages":          []any{m},
	}), "system message of "+p.ID)
}

// tell posts a webhook about a person, after what was said before.
func (e *Emulator) tell(p world.Person, field string, v json.RawMessage, what string) {
	e.submit(&hook.Update{Lane: p.ID, What: what, Field: field, Value: v, User: p.Names(), Type: "system"})
}

// account posts a webhook about the account.
func (e *Emulator) account(field string, v any, what string) {
	e.submit(&hook.Update{Lane: field, What: what, Field: field, Value: phone.Plain(v), Time: e.clock.Now().Unix()})
}

func (e *Emulator) submit(u *hook.Update) {
	if err := e.poster.Submit(u); err != nil {
		u.What += " (dropped: " + err.Error() + ")"
		e.journal.Add("webhook", hook.Attempt{What: u.What, Field: u.Field, Problem: err.Error(), At: e.clock.Now()})
	}
}

// changeNumber gives a person another number, and with it another user id, and tells the business.
func (e *Emulator) changeNumber(name, number string) (world.Person, error) {
	after, before, err := e.world.ChangePerson(name, func(p *world.Person) error {
		p.Phone, p.UserID = number, e.world.NewUserID(*p)
		return nil
	})
	if err != nil {
		return after, err
	}
	if before.Shown() != "" {
		e.system(after, before.Phone, map[string]any{
			"body": "User " + before.Name + " changed from " + before.Phone + " to " + after.Phone,
			"type": "user_changed_number", "wa_id": after.Phone,
		})
	}
	e.tellUserID(before, after)
	return after, nil
}

// changeUserID gives a person another user id and tells the business.
func (e *Emulator) changeUserID(name, id string) (world.Person, error) {
	after, before, err := e.world.ChangePerson(name, func(p *world.Person) error {
		if id == "" {
			id = e.world.NewUserID(*p)
		}
		p.UserID = id
		return nil
	})
	if err != nil {
		return after, err
	}
	e.tellUserID(before, after)
	return after, nil
}

func (e *Emulator) tellUserID(before, after world.Person) {
	if before.UserID == after.UserID || e.shownUserID(before) == "" {
		return
	}
	part := map[string]any{
		"body": "User " + before.Name + " changed from " + before.UserID + " to " + after.UserID,
		"type": "user_changed_user_id", "user_id": after.UserID,
	}
	update := map[string]any{
		"detail": "The user id has changed", "timestamp": unix(e.clock.Now()),
		"user_id": map[string]string{"previous": before.UserID, "current": after.UserID},
	}
	if after.Shown() != "" {
		part["wa_id"], update["wa_id"] = after.Phone, after.Phone
	}
	e.system(after, "", part)
	e.tell(after, "user_id_update", phone.Plain(map[string]any{
		"messaging_product": product, "metadata": metadata{e.settings.DisplayNumber, e.settings.PhoneNumberID},
		"user_id_update": []any{update},
	}), "user_id_update of "+after.ID)
}

// tellMarketing tells the business that a person stopped or resumed marketing messages.
func (e *Emulator) tellMarketing(p world.Person) {
	word, detail := "stop", "User requested to stop marketing messages"
	if p.Marketing {
		word, detail = "resume", "User requested to resume marketing messages"
	}
	preference := map[string]any{
		"detail": detail, "category": "marketing_messages", "value": word, "timestamp": e.clock.Now().Unix(),
	}
	if p.Shown() != "" {
		preference["wa_id"] = p.Phone
	}
	if id := e.shownUserID(p); id != "" {
		preference["user_id"] = id
	}
	e.tell(p, "user_preferences", phone.Plain(map[string]any{
		"messaging_product": product, "metadata": metadata{e.settings.DisplayNumber, e.settings.PhoneNumberID},
		"contacts": []contact{e.contactOf(p)}, "user_preferences": []any{preference},
	}), "user_preferences of "+p.ID)
}

// unix is a time as Meta writes most of them.
func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
