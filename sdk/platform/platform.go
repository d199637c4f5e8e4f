package platform

import (
	"context"
	"time"

	"github.com/aof-dev/aofd/sdk/chat"
)

// Platform adapts one chat network. All methods may be called by many goroutines and must return when
// ctx ends. VerifySignature and ParseMessage are pure.
type Platform interface {
	// VerifySignature says whether a request is from the platform. It fails closed. A bad signature is
	// a verdict, not an error.
	VerifySignature(ctx context.Context, r chat.Request) (chat.Verification, error)
	// ParseMessage verifies a request and turns it into events. Without chat.VerdictValid nothing of
	// the body may come out; a part that cannot be understood becomes a chat.Issue and never costs its
	// siblings.
	ParseMessage(ctx context.Context, r chat.Request) (chat.Batch, error)
	// SendResponse renders an answer and sends it. Its errors are *chat.Error; Sent says whether
	// anything went out.
	SendResponse(ctx context.Context, d chat.Delivery) (chat.Sent, error)
}

// HealthChecker is a Platform that can tell how it is.
type HealthChecker interface {
	CheckHealth(ctx context.Context) chat.Health
}

// AccountLister is a Platform that knows the identities it speaks for.
type AccountLister interface {
	Accounts() []chat.Account
}

// Signaler is a Platform that can mark messages as read or show that somebody is typing. Its Info has
// chat.CapSignals.
type Signaler interface {
	// SendSignal returns how long the signal lasts by itself; 0 when it stays or nobody knows.
	SendSignal(ctx context.Context, c chat.Courtesy) (lasts time.Duration, err error)
}

// MediaFetcher is a Platform that can fetch files of messages. Its Info has chat.CapMedia.
type MediaFetcher interface {
	// FetchMedia calls begin once and then write for each piece of the file, in order; their errors end the
	// call. It returns an error when the file is not whole, too large or not what it was said to be.
	FetchMedia(ctx context.Context, r chat.MediaRef, begin func(chat.MediaInfo) error, write func([]byte) error) error
}

// Validator is a configuration that checks more than its schema says. Diagnostics never quote secrets.
type Validator interface {
	Validate() []chat.Diagnostic
}

// Base is embedded by platforms so that methods added to the contract later have a default. Today it
// provides CheckHealth.
type Base struct{}

// CheckHealth says that the platform is well.
func (Base) CheckHealth(context.Context) chat.Health { return chat.Health{State: chat.HealthOK} }

// Info describes a platform before it is configured.
type Info struct {
	ID           string // [a-z][a-z0-9-]{0,62}; the binary is aof-platform-<ID>
	DisplayName  string
	Version      string // SemVer without "v"
	Description  string // one line
	Capabilities []string
	// WebhookContentTypes are the media types of webhook bodies; empty means any.
	WebhookContentTypes []string
	// WebhookHeaders are the names, in lower case, of the headers that the platform reads of a webhook. It gets
	// no others; empty means all.
	WebhookHeaders     []string
	Limits             chat.Limits
	MaxConcurrentCalls uint32
}

// Spec is a platform plugin.
type Spec struct {
	Info
	// New makes the configured platform; see Configured.
	New Factory
	// Commands are further subcommands of the binary when it is run by hand.
	Commands []Command
}

// Command is a subcommand of a plugin binary, run by hand or by aofd plugin run. Run gets the arguments after the
// name and returns the exit code: 0, 1 when something failed, 2 when the command line or the configuration cannot be
// used. GivenConfig has the platform's configuration when the host runs it.
type Command struct {
	Name  string
	Short string // one line for the help
	Run   func(ctx context.Context, args []string) int
}
