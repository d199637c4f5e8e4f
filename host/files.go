package host

import (
	"context"
	"slices"

	"github.com/aof-dev/aofd/host/internal/turn"
	"github.com/aof-dev/aofd/sdk/chat"
)

// withFiles gives agents the address of the file of the message that they answer. It implements turn.Agents.
type withFiles struct {
	turn.Agents
	daemon *daemon
}

// Run has the agent answer. The address of the file is good as long as it takes.
func (w withFiles) Run(ctx context.Context, r chat.Run, emit func(chat.Event)) chat.Event {
	if r.Message != nil && r.Message.Content.Media != nil {
		message, file := *r.Message, *r.Message.Content.Media // values that were handed on are not changed
		file.URL = ""
		if w.daemon.bringsFiles(message.Platform) {
			url, withdraw := w.daemon.files.Offer(r.Agent, message.Platform, message.Account, file)
			defer withdraw()
			file.URL = url
		}
		message.Content.Media = &file
		r.Message = &message
	}
	return w.Agents.Run(ctx, r, emit)
}

// bringsFiles reports whether a platform's plugin can fetch files.
func (d *daemon) bringsFiles(platform string) bool {
	p := d.platform(platform)
	if p == nil {
		return false
	}
	plugin := p.live()
	return plugin != nil && slices.Contains(plugin.Info().Capabilities, chat.CapMedia)
}

// fetchMedia brings a file through the plugin of its platform.
func (d *daemon) fetchMedia(
	ctx context.Context, platform string, r chat.MediaRef, begin func(chat.MediaInfo) error, write func([]byte) error,
) error {
	p := d.platform(platform)
	if p == nil {
		return &chat.Error{Reason: chat.ReasonUnavailable, Text: "platform " + platform + " is not configured"}
	}
	plugin := p.live()
	if plugin == nil {
		return p.unavailable()
	}
	bytes := 0
	err := plugin.FetchMedia(ctx, r, begin, func(piece []byte) error {
		bytes += len(piece)
		return write(piece)
	})
	d.metrics.File(platform, bytes, err)
	return err
}
