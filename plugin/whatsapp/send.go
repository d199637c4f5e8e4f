package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/render"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Button is a reply button. A tap on it comes back as the text "button:<ID>".
type Button struct {
	ID    string // 1 to 256 bytes
	Title string // shortened to 20 characters
}

// Section is a group of rows of a list.
type Section struct {
	Title string // shortened to 24 characters; needed when there are several
	Rows  []Row
}

// Row is a line of a list. A choice comes back as the text "list:<ID>".
type Row struct {
	ID          string // 1 to 200 bytes
	Title       string // shortened to 24 characters
	Description string // shortened to 72 characters; may be empty
}

// SendTextMessage sends a text and returns the id of the message. A text of more than 4096 characters goes
// out in several messages; the id is that of the last one. to is a phone number with its country code, a
// user id, or the ChannelID of a message.
func (p *Platform) SendTextMessage(ctx context.Context, to, text string) (id string, err error) {
	return p.sendOne(ctx, "", to, func(r address.Recipient) (render.Plan, *chat.Error) {
		return render.Answer(chat.Response{Text: text, Format: chat.FormatText}, r, "")
	})
}

// SendInteractiveButtons sends a text with one to three reply buttons and returns the id of the message. Of
// a body with more than 1024 characters the beginning goes out before, as text.
func (p *Platform) SendInteractiveButtons(
	ctx context.Context, to, body string, buttons []Button,
) (id string, err error) {
	actions := make([]chat.Action, len(buttons))
	for i, b := range buttons {
		actions[i] = chat.Action{ID: b.ID, Label: b.Title}
	}
	return p.sendOne(ctx, "", to, func(r address.Recipient) (render.Plan, *chat.Error) {
		return render.Buttons(r, body, actions)
	})
}

// SendInteractiveList sends a text with a list of one to ten rows and returns the id of the message. header
// may be empty; buttonText opens the list and has a default.
func (p *Platform) SendInteractiveList(
	ctx context.Context, to, header, body, buttonText string, sections []Section,
) (id string, err error) {
	groups := make([]chat.Section, len(sections))
	for i, s := range sections {
		groups[i].Title = s.Title
		for _, r := range s.Rows {
			groups[i].Rows = append(groups[i].Rows, chat.Action{ID: r.ID, Label: r.Title, Description: r.Description})
		}
	}
	return p.sendOne(ctx, "", to, func(r address.Recipient) (render.Plan, *chat.Error) {
		return render.List(r, header, body, buttonText, groups)
	})
}

func (p *Platform) sendOne(
	ctx context.Context, from, to string, plan func(address.Recipient) (render.Plan, *chat.Error),
) (string, error) {
	r, failure := recipient(to)
	if failure != nil {
		return "", failure
	}
	todo, failure := plan(r)
	if failure != nil {
		return "", failure
	}
	api, failure := p.client(from)
	if failure != nil {
		return "", failure
	}
	sent, failure := p.send(ctx, api, todo.Messages, 1)
	if failure != nil {
		return "", failure
	}
	return sent.MessageIDs[len(sent.MessageIDs)-1], nil
}

// SendResponse renders an answer and sends its messages one after the other, each after the one before was
// accepted. The delivery's id travels along and comes back in the receipts. Parts that are out already, by
// PartsSent, are not sent again; an error has the ids of those that went out in this call.
//
// When the user last wrote more than 24 hours ago, by LastInboundAt or as Meta says, only templates get through: see
// OutsideWindow. Sent.Held then says that a notice went out and the answer waits with the caller.
func (p *Platform) SendResponse(ctx context.Context, d chat.Delivery) (chat.Sent, error) {
	api, failure := p.client(d.Account)
	if failure != nil {
		return chat.Sent{}, failure
	}
	r, failure := recipient(d.ChannelID)
	if failure != nil {
		return chat.Sent{}, failure
	}
	plan, failure := render.Answer(d.Response, r, d.ID)
	if failure != nil {
		return chat.Sent{}, failure
	}
	done := max(d.PartsSent, 0)
	if done >= len(plan.Messages) {
		return chat.Sent{Degradations: plan.Degradations, Duplicate: true}, nil
	}
	if closed(d, time.Now()) && free(plan.Messages[done:]) {
		return p.sendOutside(ctx, api, d, r, plan)
	}
	sent, failure := p.send(ctx, api, plan.Messages[done:], max(d.Attempt, 1))
	if failure != nil && failure.PlatformCode == windowIsClosed && len(failure.MessageIDs) == 0 && !d.LastInboundAt.IsZero() {
		return p.sendOutside(ctx, api, d, r, plan) // Meta's clock is the one that counts
	}
	if failure != nil {
		return chat.Sent{}, failure
	}
	sent.Degradations = append(plan.Degradations, sent.Degradations...)
	return sent, nil
}

// roomForOne is how much time of a call must be left for another message, so that none is cut while it is on
// its way.
const roomForOne = 8 * time.Second

// send sends messages in order until one fails or the time is nearly over. The error has the ids of those that
// are out.
func (p *Platform) send(
	ctx context.Context, api *line, messages []graph.Message, attempt int,
) (out chat.Sent, failure *chat.Error) {
	for _, m := range messages {
		if deadline, ok := ctx.Deadline(); ok && len(out.MessageIDs) > 0 && time.Until(deadline) < roomForOne {
			return out, &chat.Error{
				Reason: chat.ReasonTimeout, MessageIDs: out.MessageIDs,
				Text: fmt.Sprintf("the time of the call was over after %d of %d messages", len(out.MessageIDs), len(messages)),
			}
		}
		got, err := api.deliver(ctx, m, attempt)
		if err != nil {
			failure = chat.AsError(err)
			failure.MessageIDs = out.MessageIDs
			if !errors.Is(ctx.Err(), context.Canceled) { // that says something about the caller, not about Meta
				api.note(failure)
			}
			return out, failure
		}
		out.MessageIDs = append(out.MessageIDs, got.ID)
		if got.Status != "" && got.Status != "accepted" {
			out.Degradations = append(out.Degradations, chat.Degradation{
				What: "template", Detail: "Meta took it and holds it back: " + got.Status + "; a receipt tells when it goes on",
			})
		}
	}
	api.note(nil)
	return out, nil
}

// deliver uploads the files of a message and sends it.
func (l *line) deliver(ctx context.Context, m graph.Message, attempt int) (got graph.Accepted, err error) {
	for _, f := range m.Files() {
		if f.ID, err = l.Upload(ctx, *f.File); err != nil {
			return got, err
		}
		f.File = nil
	}
	return l.Send(ctx, m, attempt)
}

func recipient(to string) (address.Recipient, *chat.Error) {
	r, err := address.Parse(to)
	if err != nil {
		return r, &chat.Error{
			Reason: chat.ReasonRecipientUnavailable, Permanent: true, Text: "the recipient " + err.Error(), Err: err,
			Hint: "write phone numbers with their country code, such as +49 170 1234567",
		}
	}
	return r, nil
}
