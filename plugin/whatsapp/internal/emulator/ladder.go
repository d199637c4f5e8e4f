package emulator

import (
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/fault"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/hook"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/phone"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

// status is what a webhook tells about a message that the business sent.
type status struct {
	ID                string             `json:"id"`
	Status            string             `json:"status"`
	Timestamp         string             `json:"timestamp"`
	RecipientID       string             `json:"recipient_id,omitempty"`
	RecipientUserID   string             `json:"recipient_user_id,omitempty"`
	RecipientType     string             `json:"recipient_type,omitempty"`
	ParticipantID     string             `json:"recipient_participant_id,omitempty"`
	ParticipantUserID string             `json:"recipient_participant_user_id,omitempty"`
	CallbackData      string             `json:"biz_opaque_callback_data,omitempty"`
	Pricing           *pricing           `json:"pricing,omitempty"`
	Errors            []refusal.InStatus `json:"errors,omitempty"`
}

type pricing struct {
	Billable bool   `json:"billable"`
	Model    string `json:"pricing_model"`
	Type     string `json:"type"`
	Category string `json:"category"`
}

// follow lets the statuses of a message come.
func (e *Emulator) follow(a *world.Accepted, dropped bool) {
	m := a.Message
	switch {
	case m.State == world.Dropped:
	case dropped:
		e.world.Change(m.ID, func(m *world.Message) {
			m.State, m.Problem = world.Dropped, "a fault of the emulator dropped it"
		})
	case a.Later != nil:
		no := a.Later
		e.later(func() { e.fail(m.ID, no) })
	case e.early(m):
		e.rung(m.ID, world.Sent, (*hook.Poster).Deliver)
	default:
		e.later(func() { e.climb(m.ID) })
	}
}

// later does a step of a ladder after the delay of the settings.
func (e *Emulator) later(step func()) {
	e.ladders.add(1)
	e.clock.After(time.Duration(e.world.Settings().StatusDelay), func() {
		defer e.ladders.add(-1)
		step()
	})
}

// early reports whether the first status shall come before the answer to the call.
func (e *Emulator) early(m world.Message) bool {
	return len(e.faults.Strike(e.statusDeed(m), fault.Early)) > 0
}

func (e *Emulator) statusDeed(m world.Message) fault.Deed {
	return fault.Deed{On: fault.OnWebhook, User: e.names(m.Chat), Type: "status", Field: "messages"}
}

func (e *Emulator) names(chat string) []string {
	if p, err := e.world.Person(chat); err == nil {
		return p.Names()
	}
	return []string{chat}
}

// climb takes a message one step on: sent, delivered, read. Each step waits for the webhook of the one
// before, so they come in order. Reactions end at sent, as they do at Meta.
func (e *Emulator) climb(id string) {
	m, ok := e.world.Message(id)
	if !ok {
		return
	}
	switch {
	case m.State == world.Sending:
		e.rung(id, world.Sent, (*hook.Poster).Submit)
	case phoneType(m) == "reaction":
	case m.State == world.Sent && e.online(m):
		e.rung(id, world.Delivered, (*hook.Poster).Submit)
	case m.State == world.Delivered && e.reads(m):
		e.rung(id, world.Read, (*hook.Poster).Submit)
	}
}

// recipients are the people whom a message is for.
func (e *Emulator) recipients(m world.Message) (people []world.Person) {
	if p, err := e.world.Person(m.Chat); err == nil {
		return []world.Person{p}
	}
	g, err := e.world.Group(m.Chat)
	if err != nil {
		return nil
	}
	for _, id := range g.People {
		if p, err := e.world.Person(id); err == nil {
			people = append(people, p)
		}
	}
	return people
}

func (e *Emulator) online(m world.Message) bool {
	return slices.ContainsFunc(e.recipients(m), func(p world.Person) bool { return p.Online })
}

// reads reports whether somebody reads a message without being asked.
func (e *Emulator) reads(m world.Message) bool {
	return slices.ContainsFunc(e.recipients(m), e.readsAlone)
}

func (e *Emulator) readsAlone(p world.Person) bool {
	how := p.Reads
	if how == "" {
		how = e.world.Settings().Reads
	}
	return p.Online && how == world.Auto
}

// rung takes a step and tells the business. The next one comes once that was taken.
func (e *Emulator) rung(id, step string, submit func(*hook.Poster, *hook.Update) error) {
	m, at, ok := e.world.Advance(id, step)
	if !ok {
		return
	}
	var statuses []status
	var contacts []contact
	people := e.recipients(m)
	group := len(people) != 1 || people[0].ID != m.Chat
	switch {
	case len(people) == 0:
		return
	case group && step == world.Sent:
		statuses = []status{e.statusOf(m, step, at, nil, true)}
	default:
		for _, p := range people {
			if step == world.Read && group && !e.readsAlone(p) || !p.Online && step != world.Sent {
				continue
			}
			if group && step == world.Read {
				e.world.Change(id, func(m *world.Message) { m.Readers = append(m.Readers, p.ID) })
			}
			statuses = append(statuses, e.statusOf(m, step, at, &p, group))
			contacts = append(contacts, e.contactOf(p))
		}
	}
	e.tellStatus(m, step, value{Contacts: contacts, Statuses: statuses}, submit, func() {
		if step != world.Read && step != world.Played {
			e.later(func() { e.climb(id) })
		}
	})
}

func (e *Emulator) statusOf(m world.Message, step string, at time.Time, p *world.Person, group bool) status {
	s := status{ID: m.ID, Status: step, Timestamp: strconv.FormatInt(at.Unix(), 10), CallbackData: m.Callback}
	switch {
	case group:
		s.RecipientType, s.RecipientID = "group", m.Chat
		if p != nil {
			s.ParticipantID, s.ParticipantUserID = p.Shown(), e.shownUserID(*p)
		}
	case p != nil:
		s.RecipientID, s.RecipientUserID = p.Shown(), e.shownUserID(*p)
	default:
		s.RecipientID = m.User
	}
	if step == world.Sent || step == world.Delivered {
		s.Pricing = &pricing{Billable: true, Model: "PMP", Type: "regular", Category: m.Category}
	}
	return s
}

// fail ends a message and tells the business why.
func (e *Emulator) fail(id string, no *refusal.Refusal) {
	m, at, ok := e.world.Fail(id, world.Problem{Code: no.Code, Title: no.Title, Details: no.Details})
	if !ok {
		return
	}
	var p *world.Person
	if people := e.recipients(m); len(people) == 1 {
		p = &people[0]
	}
	s := e.statusOf(m, world.Failed, at, p, p == nil && m.User == m.Chat && !world.IsUser(m.Chat))
	s.Errors = []refusal.InStatus{no.Later()}
	e.tellStatus(m, world.Failed, value{Statuses: []status{s}}, (*hook.Poster).Submit, nil)
}

func (e *Emulator) tellStatus(m world.Message, step string, v value, submit func(*hook.Poster, *hook.Update) error, taken func()) {
	d := e.statusDeed(m)
	err := submit(e.poster, &hook.Update{
		Lane: m.ID, What: "status " + step + " of " + m.ID, Field: "messages", Value: e.value(v), User: d.User, Type: d.Type,
		Taken: taken,
	})
	if err != nil {
		slog.Warn("a status is dropped", "status", step, "message", m.ID, "error", err)
	}
}

// resume goes on with everything that was under way, after the state was imported or somebody is online
// again.
func (e *Emulator) resume(of func(world.Message) bool) {
	for _, m := range e.world.Messages() {
		if m.Direction == world.ToUser && m.State != world.Failed && of(m) {
			e.later(func() { e.climb(m.ID) })
		}
	}
}

// read lets somebody read what is there, up to a message or all, and play it.
func (e *Emulator) read(p world.Person, chat, upTo string, played bool) (n int) {
	for _, id := range e.world.Unread(chat, upTo, p.ID) {
		m, ok := e.world.Message(id)
		if !ok || phoneType(m) == "reaction" {
			continue
		}
		n++
		if m.State == world.Sent { // nobody reads what did not arrive
			e.rung(id, world.Delivered, (*hook.Poster).Submit)
		}
		e.readOne(m, p, world.Read)
	}
	if m, ok := e.world.Message(upTo); ok && played && phoneType(m) == phone.Audio {
		e.readOne(m, p, world.Played)
	}
	return n
}

func (e *Emulator) readOne(m world.Message, p world.Person, step string) {
	m, at, ok := e.world.Advance(m.ID, step)
	if !ok {
		return
	}
	group := m.Chat != p.ID
	if group {
		e.world.Change(m.ID, func(m *world.Message) { m.Readers = append(m.Readers, p.ID) })
	}
	e.tellStatus(m, step, value{
		Contacts: []contact{e.contactOf(p)}, Statuses: []status{e.statusOf(m, step, at, &p, group)},
	}, (*hook.Poster).Submit, nil)
}
