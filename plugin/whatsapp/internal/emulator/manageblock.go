package emulator

import (
	"slices"
	"strings"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

// blockedFor is how long after a message somebody can be blocked.
const blockedFor = 24 * time.Hour

type blockedUser struct {
	Product string `json:"messaging_product,omitempty"`
	Input   string `json:"input,omitempty"`
	WaID    string `json:"wa_id,omitempty"`
	UserID  string `json:"user_id,omitempty"`
	Errors  []any  `json:"errors,omitempty"`
}

// blockedUsers is GET /{phone number id}/block_users.
func (e *Emulator) blockedUsers(c *graphCall) (any, error) {
	if err := e.ofNumber(c, world.Messaging); err != nil {
		return nil, err
	}
	barred := slices.DeleteFunc(e.world.People(), func(p world.Person) bool { return !p.Barred })
	return e.paged(c, len(barred), func(i int) (any, error) {
		return blockedUser{Product: product, WaID: barred[i].Shown(), UserID: barred[i].UserID}, nil
	})
}

// blockUsers is POST /{phone number id}/block_users.
func (e *Emulator) blockUsers(c *graphCall) (any, error) { return e.bar(c, true, "added_users") }

// unblockUsers is DELETE /{phone number id}/block_users.
func (e *Emulator) unblockUsers(c *graphCall) (any, error) { return e.bar(c, false, "removed_users") }

func (e *Emulator) bar(c *graphCall, barred bool, done string) (any, error) {
	if err := e.ofNumber(c, world.Messaging); err != nil {
		return nil, err
	}
	if err := needsJSON(c.Request); err != nil {
		return nil, err
	}
	var body struct {
		Product string `json:"messaging_product"`
		Users   []struct {
			User   string `json:"user"`
			UserID string `json:"user_id"`
		} `json:"block_users"`
	}
	if err := strictly(c.raw, &body); err != nil {
		return nil, err
	}
	if body.Product != product || len(body.Users) == 0 {
		return nil, refusal.Parameter("The parameters messaging_product and block_users are required.")
	}
	good, bad := []blockedUser{}, []blockedUser{}
	for _, u := range body.Users {
		name := strings.TrimPrefix(u.User, "+") + u.UserID
		if p, ok := e.barOne(name, barred); ok {
			good = append(good, blockedUser{Input: u.User + u.UserID, WaID: p.Shown(), UserID: e.shownUserID(p)})
			continue
		}
		bad = append(bad, blockedUser{Input: u.User + u.UserID, Errors: []any{
			refusal.New(139100, "only people who wrote in the last 24 hours can be blocked").Later(),
		}})
	}
	lists := map[string]any{done: good}
	if len(bad) == 0 {
		return map[string]any{"messaging_product": product, "block_users": lists}, nil
	}
	lists["failed_users"] = bad
	no := refusal.New(139100, "%d of %d users", len(bad), len(body.Users))
	no.More = map[string]any{"messaging_product": product, "block_users": lists}
	return nil, no
}

// barOne blocks somebody, or undoes it; ok is false when that is not possible.
func (e *Emulator) barOne(name string, barred bool) (p world.Person, ok bool) {
	p, err := e.world.Person(name)
	if err != nil {
		return p, false
	}
	v := e.world.ChatOf(p.ID, 0, "")
	wrote := v.Window.Until != nil && e.clock.Now().Sub(v.Window.Until.Add(-world.WindowFor)) <= blockedFor
	if barred && !wrote {
		return p, false
	}
	p, _, err = e.world.ChangePerson(p.ID, func(p *world.Person) error {
		p.Barred = barred
		return nil
	})
	return p, err == nil
}
