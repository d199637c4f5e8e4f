package ingress_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/host/internal/ingress"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// TestLongIDs: what could never be stored is dropped alone, and the log tells.
func TestLongIDs(t *testing.T) {
	t.Parallel()
	fits, long := strings.Repeat("i", 512), strings.Repeat("i", 513)
	changed := func(change func(*chat.Message)) chat.Batch {
		m := message("1")
		change(&m)
		return valid(m)
	}
	receipt := func(r chat.Receipt) chat.Batch {
		return chat.Batch{Verification: chat.Verification{Verdict: chat.VerdictValid}, Receipts: []chat.Receipt{r}}
	}
	for name, b := range map[string]chat.Batch{
		"id":           valid(message(long)),
		"account":      changed(func(m *chat.Message) { m.Account = long }),
		"channel":      changed(func(m *chat.Message) { m.ChannelID = long }),
		"thread":       changed(func(m *chat.Message) { m.ThreadID = long }),
		"user":         changed(func(m *chat.Message) { m.User.ID = long }),
		"alias":        changed(func(m *chat.Message) { m.User.Aliases = []string{"a", long} }),
		"former id":    changed(func(m *chat.Message) { m.Content.System = &chat.System{PreviousID: long} }),
		"semantic key": changed(func(m *chat.Message) { m.SemanticKey = long }),
		"escaped": changed(func(m *chat.Message) {
			m.Account, m.ChannelID = strings.Repeat("/", 400), strings.Repeat("/", 400)
		}),
		"receipt":               receipt(chat.Receipt{ID: long}),
		"receipt of a message":  receipt(chat.Receipt{ID: "r", MessageID: long}),
		"receipt of a delivery": receipt(chat.Receipt{ID: "r", DeliveryID: long}),
		"notice": {
			Verification: chat.Verification{Verdict: chat.VerdictValid}, Notices: []chat.Notice{{ID: long}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b.Messages = append(b.Messages, message("good"), message(fits))
			i, told := &inbox{}, &strings.Builder{}
			h := handler(&parser{batch: b}, i, func(s *ingress.Settings) { s.Logger = slog.New(slog.NewTextHandler(told, nil)) })
			if w := post(h, "{}"); w.Code != 200 {
				t.Fatalf("status %d", w.Code)
			}
			in := i.stored()[0]
			if len(in.Messages) != 2 || in.Messages[0].Message.ID != "good" || len(in.Receipts)+len(in.Notices) > 0 {
				t.Errorf("stored %+v", in)
			}
			if strings.Count(told.String(), "ID_TOO_LONG") != 1 {
				t.Errorf("the log tells:\n%s", told)
			}
		})
	}
}

// TestManyUpdates: more than a webhook ordinarily holds is stored in pieces and in order, and answered 200 only when
// all are stored.
func TestManyUpdates(t *testing.T) {
	t.Parallel()
	b := valid()
	for n := range 2500 {
		b.Messages = append(b.Messages, message(fmt.Sprint(n)))
		b.Receipts = append(b.Receipts, chat.Receipt{ID: fmt.Sprint(n)})
	}
	i := &inbox{}
	if w := post(handler(&parser{batch: b}, i, nil), "{}"); w.Code != 200 {
		t.Fatalf("status %d", w.Code)
	}
	var ms, rs []string
	for n, in := range i.stored() {
		if size := len(in.Messages) + len(in.Receipts); size > 1000 || (in.Request != nil) != (n == 0) {
			t.Errorf("piece %d has %d updates and the request %v", n, size, in.Request)
		}
		for _, m := range in.Messages {
			ms = append(ms, m.Message.ID)
		}
		for _, r := range in.Receipts {
			rs = append(rs, r.ID)
		}
	}
	for n := range 2500 {
		if len(ms) != 2500 || len(rs) != 2500 || ms[n] != fmt.Sprint(n) || rs[n] != fmt.Sprint(n) {
			t.Fatalf("stored %d messages and %d receipts, not in order or not all", len(ms), len(rs))
		}
	}
	full := &inbox{fails: map[int]error{2: store.ErrFull}}
	if w := post(handler(&parser{batch: b}, full, nil), "{}"); w.Code != 503 || len(full.stored()) != 2 {
		t.Errorf("status %d after %d pieces", w.Code, len(full.stored()))
	}
}
