package webhook_test

import (
	"os"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/webhook"
	"github.com/aof-dev/aofd/sdk/chat"
)

func TestAllowList(t *testing.T) {
	t.Parallel()
	list, err := webhook.NewAllowList([]string{"+49 151 5550-1234", "0015145550100", "DE.9021077"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		user chat.User
		in   bool
	}{
		"number":                {chat.User{ID: "4915155501234"}, true},
		"number with 00":        {chat.User{ID: "15145550100"}, true},
		"alias":                 {chat.User{ID: "551187654321", Aliases: []string{"x", "4915155501234"}}, true},
		"user id":               {chat.User{ID: "DE.9021077"}, true},
		"user id behind number": {chat.User{ID: "4915155509999", Aliases: []string{"DE.9021077"}}, true},
		"stranger":              {chat.User{ID: "4915155509999"}, false},
		"longer number":         {chat.User{ID: "49151555012345"}, false},
		"user id, other case":   {chat.User{ID: "de.9021077"}, false},
		"new user id":           {chat.User{ID: "DE.9021078"}, false},
		"names prove nothing":   {chat.User{ID: "1", DisplayName: "4915155501234", Username: "DE.9021077"}, false},
		"nobody":                {chat.User{}, false},
	} {
		refusal := list.Refuse(c.user)
		if (refusal == nil) != c.in {
			t.Errorf("%s: %v", name, refusal)
		}
		if refusal != nil && (refusal.Reason != webhook.SenderNotAllowed || strings.Contains(refusal.Detail, "4915155509999")) {
			t.Errorf("%s: %+v", name, refusal)
		}
	}
	if (*webhook.AllowList)(nil).Refuse(chat.User{}) != nil {
		t.Error("no list refuses")
	}
}

func TestAllowListWithNonsense(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "*", "any", "+", "12345", "14155550123456789"} {
		if _, err := webhook.NewAllowList([]string{"+4915155501234", s}); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}

// A refused message comes out, marked, so that the host can tell of it.
func TestRefusal(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("testdata/webhooks/batch_two_senders.json")
	if err != nil {
		t.Fatal(err)
	}
	list, err := webhook.NewAllowList([]string{"+4915155509876"})
	if err != nil {
		t.Fatal(err)
	}
	b := (&webhook.Parser{Accounts: accounts, Allow: list}).Parse(body, received)
	if len(b.Messages) != 2 || b.Messages[0].Refusal == nil || b.Messages[1].Refusal != nil {
		t.Fatalf("%+v", b.Messages)
	}
	if want := "the sender …1234 is not in allowed_numbers"; b.Messages[0].Refusal.Detail != want {
		t.Errorf("%q", b.Messages[0].Refusal.Detail)
	}
}

// The contact of one person is never taken for another one who writes in the same webhook: it would lend
// that person's place on the list.
func TestForeignContact(t *testing.T) {
	t.Parallel()
	list, err := webhook.NewAllowList([]string{"+4915155501234", "DE.1"})
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"other number":       `"contacts":[{"wa_id":"4915155501234"}],"messages":[{"id":"1","from":"4915155509876","type":"text","text":{}}]`,
		"other user id":      `"contacts":[{"wa_id":"4915155501234","user_id":"DE.1"}],"messages":[{"id":"1","from_user_id":"DE.2","type":"text","text":{}}]`,
		"two unnamed":        `"contacts":[{"user_id":"DE.1"}],"messages":[{"id":"1","from":"4915155509876","type":"text","text":{}},{"id":"2","from":"4915155509877","type":"text","text":{}}]`,
		"number as username": `"contacts":[{"profile":{"name":"+4915155501234","username":"@4915155501234"},"user_id":"DE.2"}],"messages":[{"id":"1","from_user_id":"DE.2","type":"text","text":{}}]`,
	} {
		b := (&webhook.Parser{Accounts: accounts, Allow: list}).Parse([]byte(
			`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{`+
				`"metadata":{"phone_number_id":"`+account+`"},`+value+`}}]}]}`), received)
		if len(b.Messages) == 0 {
			t.Errorf("%s: %+v", name, b)
		}
		for _, m := range b.Messages {
			if m.Refusal == nil {
				t.Errorf("%s: %+v is let in", name, m.User)
			}
		}
	}
}
