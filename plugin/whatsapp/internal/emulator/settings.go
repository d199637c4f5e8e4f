package emulator

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/span"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

// Settings of an Emulator.
type Settings struct {
	Listen        string // host:port; only Run uses it
	ControlToken  string // opens the control API and the page on another interface than the loopback
	Webhook       string // where the webhooks go
	PhoneNumberID string // the business's number, as the API names it
	DisplayNumber string // the same, as people name it
	AccountID     string // of the WhatsApp Business account
	AccessToken   string
	VerifyToken   string
	AppSecret     string
	User          string // whose phone the page shows first
	UserName      string // that person's profile name
	BusinessName  string

	// Window is how messages end that come outside of the 24 hours: async, sync or off.
	Window string
	// StatusDelay is the time before each of "sent", "delivered" and "read"; 0 is none.
	StatusDelay time.Duration
	// Tries is how often a webhook is posted before it counts as not delivered; 0 is for a week.
	Tries int
	// RetryDelay is the pause after the first failure. It doubles up to MaxRetryDelay.
	RetryDelay    time.Duration
	MaxRetryDelay time.Duration
	// History is how many messages are kept, over all chats, and MediaBytes how much of media.
	History    int
	MediaBytes int64
	// Seed of ids and of faults with a probability; 0 draws one.
	Seed uint64
}

// Defaults returns settings that fit the demo configuration. The secrets in them are well known and open
// nothing but this emulator.
func Defaults() Settings {
	return Settings{
		Listen:        "127.0.0.1:4004",
		Webhook:       "http://127.0.0.1:3000/webhook/whatsapp",
		PhoneNumberID: "106540352242922",
		DisplayNumber: "15550783881",
		AccountID:     "102290129340398",
		AccessToken:   "demo-access-token",
		VerifyToken:   "demo-verify-token",
		AppSecret:     "demo-app-secret",
		User:          "4915112345678",
		UserName:      "Demo Phone",
		BusinessName:  "Demo Business",
		Window:        world.Async,
		StatusDelay:   200 * time.Millisecond,
		RetryDelay:    100 * time.Millisecond,
		MaxRetryDelay: 2 * time.Second,
		History:       5000,
		MediaBytes:    256 << 20,
	}
}

// horizon is how long Meta tries.
const horizon = 7 * 24 * time.Hour

// world returns what can be changed later.
func (s Settings) world() world.Settings {
	return world.Settings{
		StatusDelay: span.Span(s.StatusDelay), Reads: world.Auto, Window: s.Window, PairRate: true, Throughput: 80,
		Tier: "TIER_250", UnknownFields: world.Refuse, Strangers: world.Accept, UserIDs: true,
		TemplateReview: world.Approve, Seed: s.Seed,
		Retry: world.Retry{
			First: span.Span(max(s.RetryDelay, time.Millisecond)), Most: span.Span(max(s.MaxRetryDelay, s.RetryDelay, time.Millisecond)),
			Horizon: span.Span(horizon), Tries: s.Tries,
		},
	}
}

// Check says what is wrong with the settings, in the words of the flags that set them.
func (s Settings) Check() error {
	hook, err := url.Parse(s.Webhook)
	if err != nil || hook.Host == "" || hook.Scheme != "http" && hook.Scheme != "https" {
		return fmt.Errorf("--webhook %q is no http or https address", s.Webhook)
	}
	switch {
	case !address.IsDigits(s.PhoneNumberID):
		return fmt.Errorf("--phone-number-id %q is not made of digits", s.PhoneNumberID)
	case s.AccessToken == "" || s.VerifyToken == "" || s.AppSecret == "":
		return errors.New("--access-token, --verify-token and --app-secret must not be empty")
	case !world.IsUser(s.User):
		return fmt.Errorf("--user %q is no phone number in digits, with the country code", s.User)
	case s.Window != world.Async && s.Window != world.Sync && s.Window != world.Off:
		return fmt.Errorf("--window %q is none of async, sync, off", s.Window)
	case s.StatusDelay < 0 || s.RetryDelay < 0 || s.MaxRetryDelay < 0:
		return errors.New("a delay must not be negative")
	case s.Tries < 0 || s.History < 1 || s.MediaBytes < 0:
		return errors.New("the tries must not be negative, and the history must be at least 1")
	case s.Seed > 1<<53:
		return errors.New("--seed is larger than 2^53")
	}
	return nil
}

// checkListen refuses an address that other machines could reach, unless a token keeps them out.
func (s Settings) checkListen() error {
	host, _, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return fmt.Errorf("--listen %q is not host:port", s.Listen)
	}
	if !isLoopback(host) && s.ControlToken == "" {
		return fmt.Errorf("--listen %q: only the loopback interface is allowed, such as 127.0.0.1:4004, as whoever "+
			"reaches the emulator speaks in the name of any phone number; --control-token opens others", s.Listen)
	}
	if n := len(s.ControlToken); n > 0 && n < minToken {
		return fmt.Errorf("--control-token has %d characters, it needs at least %d", n, minToken)
	}
	return nil
}

// minToken keeps a token from being guessed.
const minToken = 16

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
