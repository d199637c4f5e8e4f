package emulator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/webhook"
	"github.com/aof-dev/aofd/sdk/chat"
)

// The plugin's own client and parser understand the emulator.

func TestClientSends(t *testing.T) {
	t.Parallel()
	r := written(t)
	c := graph.New(graph.Settings{
		BaseURL: r.address, Version: "v25.0", PhoneNumberID: "106540352242922", Token: "demo-access-token",
	})
	defer c.Close()
	m := graph.Message{
		MessagingProduct: "whatsapp", RecipientType: "individual", To: "+" + user, Type: "interactive",
		Interactive: &graph.Interactive{
			Type: "list", Body: &graph.Words{Text: "choose"},
			Action: graph.Action{Button: "open", Sections: []graph.Section{{Rows: []graph.Row{{ID: "a", Title: "A"}}}}},
		},
	}
	got, err := c.Send(t.Context(), m, 1)
	if err != nil || !strings.HasPrefix(got.ID, "wamid.") {
		t.Fatalf("%+v, %v", got, err)
	}
	m.Interactive.Action.Button = strings.Repeat("x", 21)
	if _, err := c.Send(t.Context(), m, 1); err == nil || !strings.Contains(err.Error(), "List button length invalid") {
		t.Errorf("%v", err)
	}
}

func TestParserReads(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, 0)
	r := newRig(t, d.URL)
	id, err := r.Send(emulator.Action{
		From: user, Type: "button_reply", ID: "yes", Title: "Ja/näh", Context: "wamid.q",
	})
	if err != nil {
		t.Fatal(err)
	}
	d.taken(t, 1)
	r.call(t, "POST", path, message("text", object{"body": "hi"}, object{"biz_opaque_callback_data": "tag"}))
	p := webhook.Parser{Accounts: map[string]bool{"106540352242922": true}}
	var all chat.Batch
	for _, body := range d.taken(t, 4) {
		b := p.Parse(body, time.Now())
		all.Messages, all.Receipts = append(all.Messages, b.Messages...), append(all.Receipts, b.Receipts...)
		all.Issues = append(all.Issues, b.Issues...)
	}
	if len(all.Messages) != 1 || len(all.Receipts) != 3 || len(all.Issues) != 0 {
		t.Fatalf("%+v", all)
	}
	if m := all.Messages[0]; m.ID != id || m.User.ID != user || m.ReplyTo != "wamid.q" {
		t.Errorf("%+v", m)
	}
	if s := all.Receipts[2]; s.Status != chat.ReceiptRead || s.DeliveryID != "tag" {
		t.Errorf("%+v", s)
	}
}
