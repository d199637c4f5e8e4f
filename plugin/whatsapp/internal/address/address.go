package address

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// groupPrefix marks the channel ids of groups, whose own ids have no form of their own.
const groupPrefix = "group:"

// userID is two letters of a country, a dot and letters or digits; ids of linked portfolios have ENT
// between.
var userID = regexp.MustCompile(`^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$`)

// IsUserID reports whether s is a business-scoped user id, such as US.13491208655302741918.
func IsUserID(s string) bool { return userID.MatchString(s) }

// IsDigits reports whether s is one ASCII digit or more, and nothing else.
func IsDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// Phone returns the normal form of a phone number: 7 to 15 digits with the country code, without "+" or
// "00". ok is false when s is no phone number.
func Phone(s string) (digits string, ok bool) {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("-().", r) {
			return -1
		}
		return r
	}, s)
	if rest, found := strings.CutPrefix(s, "+"); found {
		s = rest
	} else {
		s = strings.TrimPrefix(s, "00")
	}
	if !IsDigits(s) || len(s) < 7 || len(s) > 15 {
		return "", false
	}
	return s, true
}

// Mask returns an id with all but its last four characters hidden, for logs and reasons. A country of a
// user id stays.
func Mask(id string) string {
	head := ""
	if IsUserID(id) {
		head = id[:3]
	}
	n := utf8.RuneCountInString(id)
	if n <= 4 {
		return head + "…"
	}
	return head + "…" + string([]rune(id)[n-4:])
}

// Group returns the channel id of a group.
func Group(id string) string { return groupPrefix + id }

// Kind is how a recipient is named.
type Kind int

// The kinds of recipients.
const (
	KindPhone Kind = iota + 1
	KindUser
	KindGroup
)

// Recipient is where a message goes.
type Recipient struct {
	Kind Kind
	// ID is what the API takes: "+" and digits, a user id or the id of a group.
	ID string
}

// Parse reads a channel id, or a phone number as people write it.
func Parse(channel string) (Recipient, error) {
	if id, found := strings.CutPrefix(channel, groupPrefix); found && id != "" {
		return Recipient{KindGroup, id}, nil
	}
	if id := strings.TrimSuffix(channel, "@g.us"); id != channel && id != "" {
		return Recipient{KindGroup, channel}, nil
	}
	if IsUserID(channel) {
		return Recipient{KindUser, channel}, nil
	}
	if digits, ok := Phone(channel); ok {
		return Recipient{KindPhone, "+" + digits}, nil
	}
	return Recipient{}, fmt.Errorf("%q is no phone number with a country code, no user id and no group", Mask(channel))
}
