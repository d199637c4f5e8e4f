package host

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aof-dev/aofd/sdk/chat"
)

// courtesies has the plugins show that messages are being worked on. It implements turn.Courtesies.
type courtesies struct{ daemon *daemon }

func (c courtesies) SendSignal(ctx context.Context, platform string, s chat.Courtesy) (time.Duration, error) {
	if p := c.daemon.platform(platform); p != nil {
		return p.SendSignal(ctx, s)
	}
	return 0, nil // it is not configured any more
}

// SendSignal asks the plugin. A platform without signals, or without this one, shows nothing.
func (p *platform) SendSignal(ctx context.Context, c chat.Courtesy) (time.Duration, error) {
	plugin := p.live()
	if plugin == nil || !slices.Contains(plugin.Info().Capabilities, chat.CapSignals) {
		return 0, nil
	}
	if _, not := p.unshown.Load(c.Signal); not {
		return 0, nil
	}
	lasts, err := plugin.SendSignal(ctx, c)
	if errors.Is(err, &chat.Error{Reason: chat.ReasonUnsupportedContent}) {
		p.unshown.Store(c.Signal, nil) // it says so each time
	}
	return lasts, err
}
