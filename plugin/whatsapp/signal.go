package whatsapp

import (
	"context"
	"errors"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// SendSignal marks a user's message as read, and those before it too; with chat.SignalTyping it also shows
// that an answer is being written, for 25 seconds or until the answer is there. There is no typing without
// reading on WhatsApp, and neither in groups. Both cost nothing and change nothing, so a failure may be
// ignored; its error is a *chat.Error.
func (p *Platform) SendSignal(ctx context.Context, c chat.Courtesy) (lasts time.Duration, err error) {
	api, failure := p.client(c.Account)
	if failure != nil {
		return 0, failure
	}
	switch {
	case c.Signal != chat.SignalRead && c.Signal != chat.SignalTyping:
		return 0, &chat.Error{
			Reason: chat.ReasonUnsupportedContent, Permanent: true, Text: "there is no such signal on WhatsApp",
		}
	case c.MessageID == "":
		return 0, &chat.Error{
			Reason: chat.ReasonBadRequest, Permanent: true, Text: "the signal does not name a message of the user",
		}
	}
	if r, err := address.Parse(c.ChannelID); err == nil && r.Kind == address.KindGroup {
		return 0, &chat.Error{
			Reason: chat.ReasonUnsupportedContent, Permanent: true, Text: "groups have no read marks and no typing",
		}
	}
	typing := c.Signal == chat.SignalTyping
	if err := api.Mark(ctx, c.MessageID, typing); err != nil {
		failure := chat.AsError(err)
		if !errors.Is(ctx.Err(), context.Canceled) {
			api.note(failure)
		}
		return 0, failure
	}
	if typing {
		lasts = graph.TypingLasts
	}
	return lasts, nil
}
