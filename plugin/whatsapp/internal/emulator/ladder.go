package emulator

import (
	"strconv"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
)

// status is what a webhook tells about a message that the business sent.
type status struct {
	ID              string   `json:"id"`
	Status          string   `json:"status"`
	Timestamp       string   `json:"timestamp"`
	RecipientID     string   `json:"recipient_id,omitempty"`
	RecipientUserID string   `json:"recipient_user_id,omitempty"`
	CallbackData    string   `json:"biz_opaque_callback_data,omitempty"`
	Pricing         *pricing `json:"pricing,omitempty"`
}

type pricing struct {
	Billable bool   `json:"billable"`
	Model    string `json:"pricing_model"`
	Type     string `json:"type"`
	Category string `json:"category"`
}

// ladder reports sent, delivered and read. Each step waits for the webhook of the one before, so they come
// in order. Reactions end at sent, as they do at Meta.
func (e *Emulator) ladder(m Message, o outbound) {
	steps := []string{StateSent, StateDelivered, StateRead}
	if o.Type == "reaction" {
		steps = steps[:1]
	}
	for _, step := range steps {
		if !e.pause(e.settings.StatusDelay) {
			return
		}
		e.history.advance(m.ID, step, "")
		e.hub.changed()
		s := status{
			ID: m.ID, Status: step, Timestamp: strconv.FormatInt(time.Now().Unix(), 10), CallbackData: o.CallbackData,
		}
		if address.IsUserID(m.User) {
			s.RecipientUserID = m.User
		} else {
			s.RecipientID = m.User
		}
		if step != StateRead {
			s.Pricing = &pricing{Billable: true, Model: "PMP", Type: "regular", Category: "service"}
		}
		e.post(e.envelope(value{Statuses: []status{s}}), "the status "+step+" of "+m.ID, nil)
	}
}
