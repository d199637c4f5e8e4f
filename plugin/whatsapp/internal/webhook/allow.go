package webhook

import (
	"fmt"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/sdk/chat"
)

// SenderNotAllowed is the reason of a refusal.
const SenderNotAllowed = "SENDER_NOT_ALLOWED"

// AllowList is a set of people. It is read-only.
type AllowList struct {
	phones map[string]bool
	users  map[string]bool
}

// NewAllowList reads phone numbers in any spelling, and user ids. An entry that is neither is an error; so
// a list can never let more people in than it names.
func NewAllowList(entries []string) (*AllowList, error) {
	l := &AllowList{phones: map[string]bool{}, users: map[string]bool{}}
	for i, e := range entries {
		if digits, ok := address.Phone(e); ok {
			l.phones[digits] = true
		} else if address.IsUserID(e) {
			l.users[e] = true
		} else {
			return nil, fmt.Errorf("entry %d is no phone number with a country code and no user id", i)
		}
	}
	return l, nil
}

// Refuse says why a user must not be answered; nil when one of the user's ids is on the list.
func (l *AllowList) Refuse(u chat.User) *chat.Refusal {
	if l == nil || l.has(u.ID) {
		return nil
	}
	for _, a := range u.Aliases {
		if l.has(a) {
			return nil
		}
	}
	return &chat.Refusal{
		Reason: SenderNotAllowed,
		Detail: "the sender " + address.Mask(u.ID) + " is not in allowed_numbers",
	}
}

func (l *AllowList) has(id string) bool {
	if l.users[id] {
		return true
	}
	digits, ok := address.Phone(id)
	return ok && l.phones[digits]
}
