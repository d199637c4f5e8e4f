package emulator

import (
	"net/http"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/fault"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/outbound"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

// messages is POST /{phone number id}/messages.
func (e *Emulator) messages(c *graphCall) (any, error) {
	if err := e.ofNumber(c, world.Messaging); err != nil {
		return nil, err
	}
	if err := needsJSON(c.Request); err != nil {
		return nil, err
	}
	m, err := outbound.Parse(c.raw, e.world.Settings().UnknownFields == world.Warn)
	if err != nil {
		e.world.Count(func(n *world.Counters) { n.Refused++ })
		return nil, err
	}
	c.warnings = append(c.warnings, m.Warnings...)
	if m.Read != nil {
		return e.markRead(m.Read)
	}
	return e.send(c, m)
}

// markRead is the call that turns the ticks of the user's messages blue.
func (e *Emulator) markRead(r *outbound.Read) (any, error) {
	if !e.world.MarkRead(*r) {
		return nil, refusal.Value("message_id %.80q is no message that a user sent in the last 30 days", r.MessageID)
	}
	if m, ok := e.world.Message(r.MessageID); ok && r.Typing {
		e.clock.After(world.TypingFor, func() { e.world.TellChat(m.Chat) })
	}
	return success, nil
}

type sentContact struct {
	Input  string `json:"input"`
	WaID   string `json:"wa_id,omitempty"`
	UserID string `json:"user_id,omitempty"`
}

type sentMessage struct {
	ID      string `json:"id"`
	Status  string `json:"message_status,omitempty"`
	GroupID string `json:"group_id,omitempty"`
}

type sentAnswer struct {
	Product  string        `json:"messaging_product"`
	Contacts []sentContact `json:"contacts"`
	Messages []sentMessage `json:"messages"`
}

// send puts a message into a chat and lets its statuses follow.
func (e *Emulator) send(c *graphCall, m *outbound.Message) (any, error) {
	if !e.poster.Room() {
		return nil, refusal.New(130429, "too many webhooks of the emulator wait to be taken")
	}
	deed := e.deed(c)
	a, err := e.world.Accept(m)
	if err != nil {
		return nil, err
	}
	c.messageID = a.Message.ID
	e.follow(&a, e.afterwards(c, deed, &a))
	answer := sentAnswer{
		Product: product, Contacts: []sentContact{{m.Input, a.WaID, a.User}},
		Messages: []sentMessage{{ID: a.Message.ID, GroupID: m.Group}},
	}
	if m.Template != nil {
		answer.Messages[0].Status = "accepted"
	}
	return answer, nil
}

// afterwards lets the faults happen to a message that was accepted. It reports whether nothing more shall
// come of it.
func (e *Emulator) afterwards(c *graphCall, deed fault.Deed, a *world.Accepted) (dropped bool) {
	for _, f := range e.faults.Strike(deed, fault.Failed, fault.Lost, fault.Hang, fault.Drop) {
		c.warnings = append(c.warnings, "fault: "+f.Do)
		switch f.Do {
		case fault.Failed:
			a.Later = refusal.New(f.Code, "as a fault of the emulator asked")
		case fault.Lost:
			c.after = cut
		case fault.Hang:
			after := time.Duration(f.After)
			if after == 0 {
				after = time.Minute
			}
			c.after = func(w http.ResponseWriter) {
				e.pause(after, c.Context().Done())
				cut(w)
			}
		case fault.Drop:
			dropped = true
		}
	}
	return dropped
}
