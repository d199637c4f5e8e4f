package whatsapp

import (
	"fmt"
	"sync/atomic"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/media"
	"github.com/aof-dev/aofd/sdk/chat"
)

// line is one phone number, and the way to Meta with its token.
type line struct {
	*graph.Client
	number Number
	files  *media.Fetcher
	health atomic.Pointer[chat.Health] // how the last call went; nil before the first
}

func newLine(c Config, n Number) (*line, error) {
	l := &line{number: n, Client: graph.New(graph.Settings{
		BaseURL: c.baseURL(), Version: c.version(), PhoneNumberID: n.PhoneNumberID, Token: n.AccessToken,
	})}
	var err error
	l.files, err = media.New(media.Settings{
		API: l.Client, BaseURL: c.baseURL(), Token: n.AccessToken, MaxBytes: uint64(c.MediaMaxBytes), Types: c.MediaTypes,
	})
	return l, err
}

// Close closes idle connections.
func (l *line) Close() {
	l.Client.Close()
	l.files.Close()
}

// client returns the line of a phone number; an empty id is the first one.
func (p *Platform) client(account string) (*line, *chat.Error) {
	for _, l := range p.lines {
		if account == "" || account == l.number.PhoneNumberID {
			return l, nil
		}
	}
	return nil, &chat.Error{
		Reason: chat.ReasonMisconfigured, Permanent: true,
		Text: fmt.Sprintf("phone number id %.40q is not one that is configured", account),
		Hint: "list it below numbers, with its own access_token if it has one",
	}
}

// personal are codes that say something about one recipient, whatever their reason.
var personal = map[string]bool{"131030": true, "131056": true}

// note keeps what the end of a call says about the connection with Meta. An error that is about one message or
// one recipient says that it works.
func (l *line) note(failure *chat.Error) {
	health := chat.Health{State: chat.HealthOK}
	if w := l.Warning(); w != "" {
		health = chat.Health{State: chat.HealthDegraded, Message: w}
	}
	if failure != nil && !personal[failure.PlatformCode] {
		switch failure.Reason {
		case chat.ReasonCredentialsRejected, chat.ReasonPermissionDenied, chat.ReasonMisconfigured:
			health = chat.Health{State: chat.HealthFailed, Message: failure.Error()}
		case chat.ReasonRateLimited, chat.ReasonUpstreamError, chat.ReasonOutcomeUnknown:
			health = chat.Health{State: chat.HealthDegraded, Message: failure.Error()}
		}
	}
	l.health.Store(&health)
}
