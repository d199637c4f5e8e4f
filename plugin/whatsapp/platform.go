package whatsapp

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/render"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/webhook"
	"github.com/aof-dev/aofd/sdk/chat"
	"github.com/aof-dev/aofd/sdk/platform"
	"github.com/aof-dev/aofd/sdk/version"
)

// Platform is one phone number on WhatsApp. It may be used by many goroutines.
type Platform struct {
	platform.Base
	account     string
	verifyToken string
	appSecret   []byte
	parser      *webhook.Parser
	graph       *graph.Client
	health      atomic.Pointer[chat.Health] // how the last call went
}

var (
	_ platform.Platform      = (*Platform)(nil)
	_ platform.HealthChecker = (*Platform)(nil)
	_ platform.AccountLister = (*Platform)(nil)
	_ platform.Signaler      = (*Platform)(nil)
	_ platform.Validator     = Config{}
)

// New returns a platform. Its error is a *chat.Error that names everything wrong with the configuration;
// warnings are to be had from Config.Validate. Nothing is sent to Meta.
func New(c Config) (*Platform, error) {
	var wrong, hints []string
	for _, d := range c.Validate() {
		if d.Severity == chat.SeverityError {
			wrong = append(wrong, strings.TrimPrefix(d.Pointer, "/")+": "+d.Summary)
			hints = append(hints, d.Hint)
		}
	}
	if len(wrong) > 0 {
		return nil, &chat.Error{
			Reason: chat.ReasonConfigInvalid, Permanent: true, Text: strings.Join(wrong, "; "), Hint: hints[0],
		}
	}
	p := &Platform{
		account: c.PhoneNumberID, verifyToken: c.VerifyToken, appSecret: []byte(c.AppSecret),
		parser: &webhook.Parser{Account: c.PhoneNumberID},
		graph: graph.New(graph.Settings{
			BaseURL: c.baseURL(), Version: c.version(), PhoneNumberID: c.PhoneNumberID, Token: c.token(),
		}),
	}
	if c.AllowedNumbers != nil {
		allow, err := webhook.NewAllowList(c.AllowedNumbers)
		if err != nil {
			return nil, &chat.Error{
				Reason: chat.ReasonConfigInvalid, Permanent: true, Text: "allowed_numbers: " + err.Error(), Err: err,
			}
		}
		p.parser.Allow = allow
	}
	return p, nil
}

// String shows the platform without its secrets.
func (p *Platform) String() string { return "whatsapp.Platform{phone_number_id: " + p.account + "}" }

// GoString is String, so that %#v shows no secret either.
func (p *Platform) GoString() string { return p.String() }

// Name returns "whatsapp".
func (p *Platform) Name() string { return webhook.Platform }

// SupportsThreading returns false: chats have no threads. An answer can quote a message, by
// chat.Response.ReplyTo.
func (p *Platform) SupportsThreading() bool { return false }

// SupportsInteractive returns true.
func (p *Platform) SupportsInteractive() bool { return true }

// SupportsFiles returns true: files come in by reference, and go out by link or by Meta's id.
func (p *Platform) SupportsFiles() bool { return true }

// Accounts returns the phone number id.
func (p *Platform) Accounts() []chat.Account { return []chat.Account{{ID: p.account}} }

// CheckHealth tells how the last call of Meta's API went. It makes no call itself.
func (p *Platform) CheckHealth(context.Context) chat.Health {
	if h := p.health.Load(); h != nil {
		return *h
	}
	return chat.Health{State: chat.HealthOK}
}

// Close closes idle connections.
func (p *Platform) Close() error {
	p.graph.Close()
	return nil
}

// Info describes the platform.
func Info() platform.Info {
	return platform.Info{
		ID:                  webhook.Platform,
		DisplayName:         "WhatsApp",
		Version:             version.String(),
		Description:         "WhatsApp through Meta's Cloud API.",
		Capabilities:        []string{chat.CapInteractive, chat.CapFiles, chat.CapSignals},
		WebhookContentTypes: []string{"application/json"},
		Limits: chat.Limits{
			TextMax:            render.TextMax,
			InteractiveTextMax: render.InteractiveMax,
			ButtonsMax:         render.ButtonsMax,
			ButtonLabelMax:     render.ButtonTitleMax,
			ListRowsMax:        render.RowsMax,
			ListSectionsMax:    render.SectionsMax,
			RowTitleMax:        render.RowTitleMax,
			RowDescriptionMax:  render.RowDescriptionMax,
			ActionIDMax:        render.ButtonIDMax,
			PerAccount:         chat.Rate{Period: time.Second / 80, Burst: 80},
			PerRecipient:       chat.Rate{Period: 6 * time.Second, Burst: 45},
		},
	}
}
