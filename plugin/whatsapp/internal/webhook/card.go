package webhook

import (
	"errors"
	"strconv"

	"github.com/aof-dev/aofd/sdk/chat"
)

// contacts are address cards.
func contacts(p part, out *chat.Message) error {
	cards, ok := p.member.list()
	if !ok {
		return errors.New("its cards are not a list")
	}
	set(out, "contact_origin", p.message.word("origin"))
	names, broken := "", 0
	for _, raw := range cards {
		m, ok := raw.object()
		if !ok {
			broken++
			continue
		}
		c := card(m)
		out.Content.Contacts = append(out.Content.Contacts, c)
		number := ""
		if len(c.Phones) > 0 {
			number = c.Phones[0].Value
		}
		names = join("; ", names, join(" ", c.Name, number))
		set(out, "contact_origin", m.word("origin"))
	}
	if len(out.Content.Contacts) == 0 {
		return errors.New("it has no card")
	}
	if broken > 0 {
		set(out, "contacts_unreadable", strconv.Itoa(broken))
	}
	out.Text = "Contact: " + names
	return nil
}

func card(m members) chat.Contact {
	org := m.in("org")
	return chat.Contact{
		Name:       cardName(m.get("name")),
		Phones:     labeled(m.get("phones"), "phone"),
		Emails:     labeled(m.get("emails"), "email"),
		URLs:       labeled(m.get("urls"), "url"),
		Addresses:  labeled(m.get("addresses"), "street", "city", "state", "zip", "country"),
		Company:    org.word("company"),
		Department: org.word("department"),
		Title:      org.word("title"),
		Birthday:   m.word("birthday"),
	}
}

func cardName(raw raw) string {
	m, _ := raw.object()
	if full := m.word("formatted_name"); full != "" {
		return full
	}
	return join(" ", m.word("prefix"), m.word("first_name"), m.word("middle_name"), m.word("last_name"),
		m.word("suffix"))
}

// labeled reads a list of values that each consist of some members, in one line.
func labeled(raw raw, members ...string) (out []chat.LabeledValue) {
	elements, _ := raw.list()
	for _, e := range elements {
		m, _ := e.object()
		parts := make([]string, len(members))
		for i, name := range members {
			parts[i] = m.word(name)
		}
		v := chat.LabeledValue{Value: join(", ", parts...), Label: m.word("type"), PlatformID: m.word("wa_id")}
		if v.PlatformID == "" {
			v.PlatformID = m.word("user_id")
		}
		if v.Value != "" {
			out = append(out, v)
		}
	}
	return out
}
