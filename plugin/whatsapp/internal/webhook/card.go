package webhook

import (
	"encoding/json"
	"errors"
	"strconv"

	"github.com/aof-dev/aofd/sdk/chat"
)

// contacts are address cards.
func contacts(p part, out *chat.Message) error {
	cards, ok := list(p.member)
	if !ok {
		return errors.New("its cards are not a list")
	}
	set(out, "contact_origin", word(p.message["origin"]))
	names, broken := "", 0
	for _, raw := range cards {
		m, ok := object(raw)
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
		set(out, "contact_origin", word(m["origin"]))
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

func card(m map[string]json.RawMessage) chat.Contact {
	org, _ := object(m["org"])
	return chat.Contact{
		Name:       cardName(m["name"]),
		Phones:     labeled(m["phones"], "phone"),
		Emails:     labeled(m["emails"], "email"),
		URLs:       labeled(m["urls"], "url"),
		Addresses:  labeled(m["addresses"], "street", "city", "state", "zip", "country"),
		Company:    word(org["company"]),
		Department: word(org["department"]),
		Title:      word(org["title"]),
		Birthday:   word(m["birthday"]),
	}
}

func cardName(raw json.RawMessage) string {
	m, _ := object(raw)
	if full := word(m["formatted_name"]); full != "" {
		return full
	}
	return join(" ", word(m["prefix"]), word(m["first_name"]), word(m["middle_name"]), word(m["last_name"]),
		word(m["suffix"]))
}

// labeled reads a list of values that each consist of some members, in one line.
func labeled(raw json.RawMessage, members ...string) (out []chat.LabeledValue) {
	elements, _ := list(raw)
	for _, e := range elements {
		m, _ := object(e)
		parts := make([]string, len(members))
		for i, name := range members {
			parts[i] = word(m[name])
		}
		v := chat.LabeledValue{Value: join(", ", parts...), Label: word(m["type"]), PlatformID: word(m["wa_id"])}
		if v.PlatformID == "" {
			v.PlatformID = word(m["user_id"])
		}
		if v.Value != "" {
			out = append(out, v)
		}
	}
	return out
}
