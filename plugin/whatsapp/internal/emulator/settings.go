package emulator

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
)

// Settings of an Emulator.
type Settings struct {
	Listen        string // host:port on the loopback interface; only Run uses it
	Webhook       string // where the webhooks go
	PhoneNumberID string // the business's number, as the API names it
	DisplayNumber string // the same, as people name it
	AccountID     string // of the WhatsApp Business account
	AccessToken   string
	VerifyToken   string
	AppSecret     string
	User          string // whose phone the page shows first
	UserName      string // the profile name of every phone

	// StatusDelay is the time before each of "sent", "delivered" and "read"; 0 is none.
	StatusDelay time.Duration
	// Tries is how often a webhook is posted before it counts as not delivered.
	Tries int
	// RetryDelay is the pause after the first failure. It doubles up to MaxRetryDelay.
	RetryDelay    time.Duration
	MaxRetryDelay time.Duration
	// History is how many messages are kept, over all chats.
	History int
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
		StatusDelay:   200 * time.Millisecond,
		Tries:         20,
		RetryDelay:    100 * time.Millisecond,
		MaxRetryDelay: 2 * time.Second,
		History:       1000,
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
	case !isUser(s.User):
		return fmt.Errorf("--user %q is no phone number in digits, with the country code", s.User)
	case s.StatusDelay < 0 || s.RetryDelay < 0 || s.MaxRetryDelay < 0:
		return errors.New("a delay must not be negative")
	case s.Tries < 1 || s.History < 1:
		return errors.New("the tries and the history must be at least 1")
	}
	return nil
}

// checkListen refuses an address that other machines could reach.
func checkListen(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("--listen %q is not host:port", listen)
	}
	if !isLoopback(host) {
		return fmt.Errorf("--listen %q: only the loopback interface is allowed, such as 127.0.0.1:4004, "+
			"as whoever reaches the emulator speaks in the name of any phone number", listen)
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// isUser reports whether s names a person: a phone number in digits, or a user id.
func isUser(s string) bool {
	return address.IsUserID(s) || address.IsDigits(s) && len(s) >= 7 && len(s) <= 15
}
