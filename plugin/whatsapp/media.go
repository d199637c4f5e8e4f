package whatsapp

import (
	"context"
	"errors"

	"github.com/aof-dev/aofd/sdk/chat"
)

// FetchMedia brings a file that a user sent, by the id that stands in chat.Media. It calls begin once and then write
// for each piece, in order. The last piece only comes when the whole file is there, has the promised length and the
// promised digest; otherwise the error, a *chat.Error, says what is wrong. Meta keeps files for 7 days. A file that
// could not be had is not asked for again for a while.
func (p *Platform) FetchMedia(
	ctx context.Context, r chat.MediaRef, begin func(chat.MediaInfo) error, write func([]byte) error,
) error {
	api, failure := p.client(r.Account)
	if failure != nil {
		return failure
	}
	err := api.files.Fetch(ctx, r.MediaID, r.MaxBytes, begin, write)
	if e, meta := errors.AsType[*chat.Error](err); meta && ctx.Err() == nil {
		switch e.Reason { // of the rest, the file is to blame
		case chat.ReasonCredentialsRejected, chat.ReasonPermissionDenied, chat.ReasonMisconfigured:
			api.note(e)
		}
	}
	return err
}
