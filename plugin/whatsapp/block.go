package whatsapp

import (
	"context"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/rules"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Blocked is what became of users who were to be blocked, or let in again.
type Blocked struct {
	Done   []string // as they were given
	Failed []string
}

// BlockUsers keeps users from writing to the number. users are phone numbers or user ids; Meta takes those who
// wrote in the last 24 hours, and 64,000 in all. When some fail and others do not, the result says which and the
// error has the code 139100.
func (p *Platform) BlockUsers(ctx context.Context, users []string, options ...Option) (Blocked, error) {
	return p.block(ctx, users, false, options)
}

// UnblockUsers lets users write again.
func (p *Platform) UnblockUsers(ctx context.Context, users []string, options ...Option) (Blocked, error) {
	return p.block(ctx, users, true, options)
}

func (p *Platform) block(ctx context.Context, users []string, unblock bool, options []Option) (out Blocked, err error) {
	api, failure := p.client(optionsOf(options).from)
	if failure != nil {
		return out, failure
	}
	if len(users) == 0 {
		return out, rules.Failure(131008, "there is nobody to block", "name at least one user")
	}
	given := map[string]string{}
	wire := make([]graph.BlockUser, len(users))
	for i, u := range users {
		r, failure := recipient(u)
		if failure != nil {
			return out, failure
		}
		switch r.Kind {
		case address.KindUser:
			wire[i].UserID = r.ID
		case address.KindPhone:
			wire[i].User = r.ID
		default:
			return out, rules.Failure(131009, "a group cannot be blocked", "block its members")
		}
		given[r.ID] = u
	}
	done, failed, err := api.Block(ctx, wire, unblock)
	for _, u := range done {
		out.Done = append(out.Done, asGiven(given, u.Input))
	}
	for _, u := range failed {
		out.Failed = append(out.Failed, asGiven(given, u.Input))
	}
	if failure := chat.AsError(err); failure != nil {
		return out, failure
	}
	return out, nil
}

// asGiven returns a user as the caller wrote it.
func asGiven(given map[string]string, input string) string {
	if u, ok := given[input]; ok {
		return u
	}
	return input
}
