package whatsapp

import (
	"context"
	"strings"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/webhook"
	"github.com/aof-dev/aofd/sdk/chat"
	"github.com/aof-dev/aofd/sdk/platform"
	"github.com/aof-dev/aofd/sdk/version"
)

// Platform is the phone numbers of one Meta app. It may be used by many goroutines.
type Platform struct {
	platform.Base
	verifyTokens []string
	appSecrets   []string
	parser       *webhook.Parser
	window       *window
	lines        []*line // the first one is what methods without an account send from
}

var (
	_ platform.Platform      = (*Platform)(nil)
	_ platform.HealthChecker = (*Platform)(nil)
	_ platform.AccountLister = (*Platform)(nil)
	_ platform.Signaler      = (*Platform)(nil)
	_ platform.MediaFetcher  = (*Platform)(nil)
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
		verifyTokens: c.verifyTokens(), appSecrets: c.appSecrets(), window: newWindow(c.OutsideWindow),
		parser: &webhook.Parser{Accounts: map[string]bool{}},
	}
	for _, n := range c.numbers() {
		p.parser.Accounts[n.PhoneNumberID] = true
		l, err := newLine(c, n)
		if err != nil {
			return nil, &chat.Error{Reason: chat.ReasonConfigInvalid, Permanent: true, Text: err.Error(), Err: err}
		}
		p.lines = append(p.lines, l)
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
func (p *Platform) String() string {
	ids := make([]string, len(p.lines))
	for i, l := range p.lines {
		ids[i] = l.number.PhoneNumberID
	}
	return "whatsapp.Platform{phone_number_id: " + strings.Join(ids, ",") + "}"
}

// GoString is String, so that %#v shows no secret either.
func (p *Platform) GoString() string { return p.String() }

// Name returns "whatsapp".
func (p *Platform) Name() string { return webhook.Platform }

// SupportsThreading returns false: chats have no threads. An answer can quote a message, by
// chat.Response.ReplyTo.
func (p *Platform) SupportsThreading() bool { return false }

// SupportsInteractive returns true.
func (p *Platform) SupportsInteractive() bool { return true }

// SupportsFiles returns true: files come in by reference, and go out by link, by Meta's id or by their bytes.
func (p *Platform) SupportsFiles() bool { return true }

// Accounts returns the phone numbers: their ids, what they are called, and how fast they may send if that is
// not what all numbers may.
func (p *Platform) Accounts() []chat.Account {
	out := make([]chat.Account, len(p.lines))
	for i, l := range p.lines {
		out[i] = chat.Account{ID: l.number.PhoneNumberID, DisplayName: l.number.DisplayName}
		if l.number.MessagesPerSecond != defaultRate {
			out[i].Rate = rate(l.number.MessagesPerSecond)
		}
	}
	return out
}

// rate is a number of messages a second as the contract has it: what a full bucket lets through at once, and
// what flows into it meanwhile, are no more than that number within any second.
func rate(perSecond int) chat.Rate {
	burst := perSecond / 10
	if burst == 0 {
		return chat.Rate{Period: time.Second / time.Duration(perSecond), Burst: 1}
	}
	return chat.Rate{Period: time.Second / time.Duration(perSecond-burst), Burst: uint32(burst)}
}

// CheckHealth tells how the last call of Meta's API went, for the number that is worst off. It makes no call
// itself.
func (p *Platform) CheckHealth(context.Context) chat.Health {
	worst := chat.Health{State: chat.HealthOK}
	for _, l := range p.lines {
		h := l.health.Load()
		if h == nil || h.State == chat.HealthOK || worst.State == chat.HealthDegraded && h.State == chat.HealthDegraded {
			continue
		}
		if worst = *h; len(p.lines) > 1 {
			worst.Message = "phone number id " + l.number.PhoneNumberID + ": " + h.Message
		}
		if h.State == chat.HealthFailed {
			break
		}
	}
	return worst
}

// Close closes idle connections.
func (p *Platform) Close() error {
	for _, l := range p.lines {
		l.Close()
	}
	return nil
}

// Info describes the platform.
func Info() platform.Info {
	return platform.Info{
		ID:                  webhook.Platform,
		DisplayName:         "WhatsApp",
		Version:             version.String(),
		Description:         "WhatsApp through Meta's Cloud API.",
		Capabilities:        []string{chat.CapInteractive, chat.CapFiles, chat.CapSignals, chat.CapMedia, chat.CapEmulator},
		WebhookContentTypes: []string{"application/json"},
		WebhookHeaders:      []string{webhook.SignatureHeader},
		Limits:              limits(),
	}
}
