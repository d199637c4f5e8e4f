package world

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
)

// Errors of the control API.
var (
	ErrUnknown = errors.New("there is no such thing")
	ErrState   = errors.New("that is not possible now")
)

// Person is somebody with a phone.
type Person struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Phone      string   `json:"phone,omitempty"`
	UserID     string   `json:"user_id"`
	Username   string   `json:"username,omitempty"`
	Hidden     bool     `json:"hidden"`
	Online     bool     `json:"online"`
	Reads      string   `json:"reads,omitempty"`
	Blocked    bool     `json:"blocked"`             // the person has blocked the business
	Barred     bool     `json:"blocked_by_business"` // the business has blocked the person
	OnWhatsApp bool     `json:"on_whatsapp"`
	Marketing  bool     `json:"marketing"`
	Identity   string   `json:"identity,omitempty"`
	Past       []string `json:"past,omitempty"` // numbers and user ids of before
}

// Names are all by which the person can be called.
func (p *Person) Names() []string { return []string{p.ID, p.Phone, p.UserID, "@" + p.Username} }

// Shown returns the number as the business knows it; empty when it does not.
func (p *Person) Shown() string {
	if p.Hidden {
		return ""
	}
	return p.Phone
}

// Address is the number or, without one, the user id.
func (p *Person) Address() string {
	if p.Phone != "" {
		return p.Phone
	}
	return p.UserID
}

// IsUser reports whether s can name a person: a phone number in digits, or a user id.
func IsUser(s string) bool {
	return address.IsUserID(s) || address.IsDigits(s) && len(s) >= 7 && len(s) <= 15
}

// countries are those of the user ids, by the longest prefix of the number.
var countries = map[string]string{
	"1": "US", "7": "KZ", "20": "EG", "27": "ZA", "31": "NL", "32": "BE", "33": "FR", "34": "ES", "39": "IT", "41": "CH",
	"43": "AT", "44": "GB", "45": "DK", "46": "SE", "47": "NO", "48": "PL", "49": "DE", "52": "MX", "54": "AR", "55": "BR",
	"56": "CL", "57": "CO", "60": "MY", "61": "AU", "62": "ID", "63": "PH", "65": "SG", "66": "TH", "81": "JP", "82": "KR",
	"84": "VN", "90": "TR", "91": "IN", "92": "PK", "94": "LK", "234": "NG", "254": "KE", "351": "PT", "353": "IE",
	"358": "FI", "380": "UA", "852": "HK", "880": "BD", "971": "AE", "972": "IL", "966": "SA",
}

func country(phone string) string {
	for n := 3; n > 0; n-- {
		if c := countries[phone[:min(n, len(phone))]]; c != "" {
			return c
		}
	}
	return "XX"
}

func (w *World) person(name string) *Person { return w.names[strings.TrimPrefix(name, "+")] }

// enter lets a person be found by all names, and leave undoes it.
func (w *World) enter(p *Person) {
	for _, name := range p.Names() {
		if name != "" && name != "@" {
			w.names[name] = p
		}
	}
}

func (w *World) leave(p *Person) {
	for _, name := range p.Names() {
		delete(w.names, name)
	}
}

// Person returns somebody by id, number, user id or @username.
func (w *World) Person(name string) (Person, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.person(name); p != nil {
		return *p, nil
	}
	return Person{}, fmt.Errorf("%w: nobody is called %.40q", ErrUnknown, name)
}

// People returns everybody.
func (w *World) People() []Person {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Person, 0, len(w.state.People))
	for _, p := range w.state.People {
		out = append(out, *p)
	}
	return out
}

// Fresh returns a person with the values that nobody has to give.
func Fresh() Person { return Person{Online: true, OnWhatsApp: true, Marketing: true} }

// AddPerson makes somebody known. Empty members are filled in.
func (w *World) AddPerson(p Person) (Person, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	added, err := w.addPerson(p)
	if err != nil {
		return Person{}, err
	}
	return *added, nil
}

func (w *World) addPerson(p Person) (*Person, error) {
	if len(w.state.People) >= maxPeople {
		return nil, fmt.Errorf("%w: there are %d people already", ErrState, maxPeople)
	}
	w.state.NextPerson++
	p.ID = "u" + strconv.Itoa(w.state.NextPerson)
	p.Phone, p.Past = strings.TrimPrefix(p.Phone, "+"), nil
	if p.UserID == "" {
		p.UserID = w.userIDOf(p.Phone+p.Username+"/"+pick(p.Phone == "" && p.Username == "", p.ID), country(p.Phone))
	}
	if err := w.checkPerson(&p, nil); err != nil {
		w.state.NextPerson--
		return nil, err
	}
	delete(w.gone, p.Phone)
	w.state.People = append(w.state.People, &p)
	w.enter(&p)
	w.tell("person", p)
	return &p, nil
}

func pick(yes bool, s string) string {
	if yes {
		return s
	}
	return ""
}

const (
	maxNameLength     = 100
	maxUsernameLength = 30
)

func (w *World) checkPerson(p, old *Person) error {
	switch {
	case p.Phone != "" && (!address.IsDigits(p.Phone) || !IsUser(p.Phone)):
		return fmt.Errorf("phone %.40q is no phone number in digits, with the country code", p.Phone)
	case p.Phone == w.Business.DisplayNumber:
		return fmt.Errorf("phone %s is that of the business", p.Phone)
	case !address.IsUserID(p.UserID):
		return fmt.Errorf("user_id %.40q is none, such as DE.13491208655302741918", p.UserID)
	case len(p.Name) > maxNameLength || len(p.Username) > maxUsernameLength:
		return fmt.Errorf("name has more than %d bytes, or username more than %d", maxNameLength, maxUsernameLength)
	case p.Reads != "" && p.Reads != Auto && p.Reads != Manual:
		return fmt.Errorf("reads %.20q is none of auto, manual", p.Reads)
	}
	for _, name := range []string{p.Phone, p.UserID, pick(p.Username != "", "@"+p.Username)} {
		if other := w.person(name); name != "" && other != nil && other != old {
			return fmt.Errorf("%w: %s is called %s already", ErrState, other.ID, name)
		}
	}
	return nil
}

// ChangePerson changes what the function changes. Number and user id have methods of their own.
func (w *World) ChangePerson(name string, change func(*Person) error) (after Person, before Person, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.person(name)
	if p == nil {
		return after, before, fmt.Errorf("%w: nobody is called %.40q", ErrUnknown, name)
	}
	before = *p
	next := *p
	if err := change(&next); err != nil {
		return after, before, err
	}
	next.ID = p.ID
	if err := w.checkPerson(&next, p); err != nil {
		return after, before, err
	}
	for _, old := range []string{pick(next.Phone != p.Phone, p.Phone), pick(next.UserID != p.UserID, p.UserID)} {
		if old != "" {
			next.Past = append(slices.Clone(p.Past), old)
			w.gone[old] = true
		}
	}
	delete(w.gone, next.Phone)
	w.leave(p)
	*p = next
	w.enter(p)
	w.tell("person", *p)
	return *p, before, nil
}

// NewUserID returns a user id that the person never had.
func (w *World) NewUserID(p Person) string {
	return w.userIDOf(p.ID+" "+strconv.Itoa(len(p.Past))+p.UserID, p.UserID[:2])
}

// RemovePerson forgets somebody with the chat, also in groups.
func (w *World) RemovePerson(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.person(name)
	if p == nil {
		return fmt.Errorf("%w: nobody is called %.40q", ErrUnknown, name)
	}
	w.removeChat(p.ID)
	w.leave(p)
	for _, g := range w.state.Groups {
		g.People = slices.DeleteFunc(g.People, func(id string) bool { return id == p.ID })
	}
	w.state.People = slices.DeleteFunc(w.state.People, func(o *Person) bool { return o == p })
	w.tell("person", map[string]any{"id": p.ID, "deleted": true})
	return nil
}

// Group of people and the business.
type Group struct {
	ID        string   `json:"id"`
	Subject   string   `json:"subject"`
	People    []string `json:"people"`
	Suspended bool     `json:"suspended"`
	Pinned    []string `json:"pinned,omitempty"` // message ids
}

func (w *World) group(id string) *Group {
	i := slices.IndexFunc(w.state.Groups, func(g *Group) bool { return g.ID == id })
	if i < 0 {
		return nil
	}
	return w.state.Groups[i]
}

// Group returns one.
func (w *World) Group(id string) (Group, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if g := w.group(id); g != nil {
		return *g, nil
	}
	return Group{}, fmt.Errorf("%w: no group has the id %.80q", ErrUnknown, id)
}

// Groups returns all.
func (w *World) Groups() []Group {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Group, 0, len(w.state.Groups))
	for _, g := range w.state.Groups {
		out = append(out, *g)
	}
	return out
}

const (
	maxSubject     = 128
	maxGroupPeople = 8
)

func (w *World) checkGroup(g *Group) error {
	if g.Subject == "" || len(g.Subject) > maxSubject {
		return fmt.Errorf("subject must have 1 to %d bytes", maxSubject)
	}
	if len(g.People) > maxGroupPeople {
		return fmt.Errorf("a group has %d people at most", maxGroupPeople)
	}
	var ids []string
	for _, name := range g.People {
		p := w.person(name)
		if p == nil {
			return fmt.Errorf("%w: nobody is called %.40q", ErrUnknown, name)
		}
		if !slices.Contains(ids, p.ID) {
			ids = append(ids, p.ID)
		}
	}
	g.People = ids
	return nil
}

// AddGroup makes a group.
func (w *World) AddGroup(g Group) (Group, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.state.Groups) >= maxGroups {
		return Group{}, fmt.Errorf("%w: there are %d groups already", ErrState, maxGroups)
	}
	if err := w.checkGroup(&g); err != nil {
		return Group{}, err
	}
	g.ID, g.Pinned = "Y2FwaV9n"+strings.NewReplacer("/", "a", "+", "b", "=", "").Replace(w.random(18)), nil
	w.state.Groups = append(w.state.Groups, &g)
	w.tell("group", g)
	return g, nil
}

// ChangeGroup changes what the function changes.
func (w *World) ChangeGroup(id string, change func(*Group) error) (Group, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.group(id)
	if g == nil {
		return Group{}, fmt.Errorf("%w: no group has the id %.80q", ErrUnknown, id)
	}
	next := *g
	if err := change(&next); err != nil {
		return Group{}, err
	}
	next.ID, next.Pinned = g.ID, g.Pinned
	if err := w.checkGroup(&next); err != nil {
		return Group{}, err
	}
	*g = next
	w.tell("group", next)
	return next, nil
}

// RemoveGroup forgets a group with its chat.
func (w *World) RemoveGroup(id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.group(id)
	if g == nil {
		return fmt.Errorf("%w: no group has the id %.80q", ErrUnknown, id)
	}
	w.removeChat(g.ID)
	w.state.Groups = slices.DeleteFunc(w.state.Groups, func(o *Group) bool { return o == g })
	w.tell("group", map[string]any{"id": id, "deleted": true})
	return nil
}
