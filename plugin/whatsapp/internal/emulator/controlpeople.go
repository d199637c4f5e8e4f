package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

type registrar func(pattern string, h func(*http.Request) (any, error))

func unknown(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{world.ErrUnknown}, args...)...)
}

// decodeStrictly reads JSON and refuses members that have no meaning.
func decodeStrictly(raw []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("the body cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body has something after its end")
	}
	return nil
}

func (e *Emulator) peopleRoutes(control registrar) {
	control("GET /_emulator/people", func(*http.Request) (any, error) { return e.world.People(), nil })
	control("POST /_emulator/people", e.postPerson)
	control("GET /_emulator/people/{person}", func(r *http.Request) (any, error) { return e.world.Person(r.PathValue("person")) })
	control("PATCH /_emulator/people/{person}", e.patchPerson)
	control("DELETE /_emulator/people/{person}", func(r *http.Request) (any, error) {
		return map[string]bool{"deleted": true}, e.world.RemovePerson(r.PathValue("person"))
	})
	control("POST /_emulator/people/{person}/number", e.postNumber)
	control("POST /_emulator/people/{person}/user-id", e.postUserID)
	control("GET /_emulator/groups", func(*http.Request) (any, error) { return e.world.Groups(), nil })
	control("POST /_emulator/groups", e.postGroup)
	control("GET /_emulator/groups/{group}", func(r *http.Request) (any, error) { return e.world.Group(r.PathValue("group")) })
	control("PATCH /_emulator/groups/{group}", e.patchGroup)
	control("DELETE /_emulator/groups/{group}", e.deleteGroup)
}

// personForm is what can be said of a person.
type personForm struct {
	Name       *string `json:"name"`
	Phone      *string `json:"phone"`
	UserID     *string `json:"user_id"`
	Username   *string `json:"username"`
	Hidden     *bool   `json:"hidden"`
	Online     *bool   `json:"online"`
	Reads      *string `json:"reads"`
	Blocked    *bool   `json:"blocked"`
	OnWhatsApp *bool   `json:"on_whatsapp"`
	Marketing  *bool   `json:"marketing"`
	Identity   *string `json:"identity"`
}

func (f personForm) over(p *world.Person) {
	set(&p.Name, f.Name)
	set(&p.Hidden, f.Hidden)
	set(&p.Online, f.Online)
	set(&p.Reads, f.Reads)
	set(&p.Blocked, f.Blocked)
	set(&p.OnWhatsApp, f.OnWhatsApp)
	set(&p.Marketing, f.Marketing)
	set(&p.Identity, f.Identity)
	if f.Username != nil {
		p.Username = strings.TrimPrefix(*f.Username, "@")
	}
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (e *Emulator) postPerson(r *http.Request) (any, error) {
	var f personForm
	if err := read(r, &f); err != nil {
		return nil, err
	}
	p := world.Fresh()
	f.over(&p)
	set(&p.Phone, f.Phone)
	set(&p.UserID, f.UserID)
	return e.world.AddPerson(p)
}

func (e *Emulator) patchPerson(r *http.Request) (any, error) {
	var f personForm
	if err := read(r, &f); err != nil {
		return nil, err
	}
	if f.Phone != nil || f.UserID != nil {
		return nil, errors.New("number and user id are changed below /number and /user-id, as the business hears of it")
	}
	after, before, err := e.world.ChangePerson(r.PathValue("person"), func(p *world.Person) error {
		f.over(p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if after.Marketing != before.Marketing {
		e.tellMarketing(after)
	}
	if after.Online && !before.Online || after.Reads != before.Reads {
		e.resume(func(m world.Message) bool { return e.isFor(m, after) && m.State != world.Sending })
	}
	return after, nil
}

func (e *Emulator) isFor(m world.Message, p world.Person) bool {
	return slices.ContainsFunc(e.recipients(m), func(o world.Person) bool { return o.ID == p.ID })
}

func (e *Emulator) postNumber(r *http.Request) (any, error) {
	var b struct {
		Phone string `json:"phone"`
	}
	if err := read(r, &b); err != nil {
		return nil, err
	}
	if b.Phone = strings.TrimPrefix(b.Phone, "+"); b.Phone == "" {
		return nil, errors.New("phone is missing")
	}
	return e.changeNumber(r.PathValue("person"), b.Phone)
}

func (e *Emulator) postUserID(r *http.Request) (any, error) {
	var b struct {
		UserID string `json:"user_id"`
	}
	if err := read(r, &b); err != nil {
		return nil, err
	}
	return e.changeUserID(r.PathValue("person"), b.UserID)
}

// groupForm is what can be said of a group.
type groupForm struct {
	Subject   *string   `json:"subject"`
	People    *[]string `json:"people"`
	Suspended *bool     `json:"suspended"`
}

func (f groupForm) over(g *world.Group) error {
	set(&g.Subject, f.Subject)
	set(&g.People, f.People)
	set(&g.Suspended, f.Suspended)
	return nil
}

func (e *Emulator) postGroup(r *http.Request) (any, error) {
	var f groupForm
	if err := read(r, &f); err != nil {
		return nil, err
	}
	var g world.Group
	_ = f.over(&g)
	g, err := e.world.AddGroup(g)
	if err != nil {
		return nil, err
	}
	e.tellGroup("group_lifecycle_update", g, map[string]any{"type": "group_create", "subject": g.Subject})
	if len(g.People) > 0 {
		e.tellParticipants(g, "added_participants", "group_participants_add", g.People)
	}
	return g, nil
}

func (e *Emulator) patchGroup(r *http.Request) (any, error) {
	var f groupForm
	if err := read(r, &f); err != nil {
		return nil, err
	}
	before, err := e.world.Group(r.PathValue("group"))
	if err != nil {
		return nil, err
	}
	g, err := e.world.ChangeGroup(before.ID, f.over)
	if err != nil {
		return nil, err
	}
	if g.Subject != before.Subject {
		e.tellGroup("group_settings_update", g, map[string]any{
			"type": "group_settings_update", "group_subject": map[string]any{"text": g.Subject, "update_successful": true},
		})
	}
	if g.Suspended != before.Suspended {
		kind := "group_suspend_cleared"
		if g.Suspended {
			kind = "group_suspend"
		}
		e.tellGroup("group_status_update", g, map[string]any{"type": kind})
	}
	without := func(a, b []string) []string {
		return slices.DeleteFunc(slices.Clone(a), func(id string) bool { return slices.Contains(b, id) })
	}
	if added := without(g.People, before.People); len(added) > 0 {
		e.tellParticipants(g, "added_participants", "group_participants_add", added)
	}
	if gone := without(before.People, g.People); len(gone) > 0 {
		e.tellParticipants(g, "removed_participants", "group_participants_remove", gone)
	}
	return g, nil
}

func (e *Emulator) deleteGroup(r *http.Request) (any, error) {
	g, err := e.world.Group(r.PathValue("group"))
	if err != nil {
		return nil, err
	}
	if err := e.world.RemoveGroup(g.ID); err != nil {
		return nil, err
	}
	e.tellGroup("group_lifecycle_update", g, map[string]any{"type": "group_delete"})
	return map[string]bool{"deleted": true}, nil
}

func (e *Emulator) tellParticipants(g world.Group, member, kind string, ids []string) {
	var people []map[string]string
	for _, id := range ids {
		if p, err := e.world.Person(id); err == nil {
			m := map[string]string{"user_id": p.UserID}
			if p.Shown() != "" {
				m["wa_id"] = p.Phone
			}
			people = append(people, m)
		}
	}
	e.tellGroup("group_participants_update", g, map[string]any{"type": kind, member: people})
}

func (e *Emulator) tellGroup(field string, g world.Group, change map[string]any) {
	change["group_id"], change["timestamp"] = g.ID, unix(e.clock.Now())
	e.account(field, map[string]any{
		"messaging_product": product, "metadata": metadata{e.settings.DisplayNumber, e.settings.PhoneNumberID},
		"groups": []any{change},
	}, field+" of "+g.Subject)
}
