package whatsapp

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// DefaultAPIBaseURL is where Meta's Graph API is.
const DefaultAPIBaseURL = "https://graph.facebook.com"

// Config connects one phone number. PhoneNumberID, AccessToken, VerifyToken and AppSecret are required.
// Printing a Config shows no secret; encoding it as JSON does.
type Config struct {
	// PhoneNumberID is Meta's id of the number, not the number.
	PhoneNumberID string `json:"phone_number_id" jsonschema:"Meta's id of the phone number, not the number itself."`
	// AccessToken is a token of a system user with the right whatsapp_business_messaging.
	AccessToken string `json:"access_token,omitempty" aof:"secret,or=bot_token" jsonschema:"Access token of a system user. Required."`
	// BotToken is another name of AccessToken.
	BotToken string `json:"bot_token,omitempty" aof:"secret" jsonschema:"Another name of access_token."`
	// VerifyToken is a word of one's own that Meta sends along when it checks the webhook's address.
	VerifyToken string `json:"verify_token" aof:"secret" jsonschema:"A word of your own, entered at Meta too."`
	// AppSecret signs the webhooks.
	AppSecret string `json:"app_secret" aof:"secret" jsonschema:"Secret of the Meta app; it signs the webhooks."`
	// BusinessAccountID is the id of the WhatsApp Business account; nothing depends on it yet.
	BusinessAccountID string `json:"business_account_id,omitempty" jsonschema:"Id of the WhatsApp Business account."`
	// AllowedNumbers says who may write: phone numbers or user ids; nil lets everybody.
	AllowedNumbers Numbers `json:"allowed_numbers,omitempty" aof:"minItems=1" jsonschema:"Who may write; all if absent."`
	// ApprovalAllowedUsers is for approvals, which do not exist yet.
	ApprovalAllowedUsers []string `json:"approval_allowed_users,omitempty" jsonschema:"Who may approve. No effect yet."`
	// APIVersion is the version of the Graph API. Defaults to v26.0.
	APIVersion string `json:"api_version,omitempty" aof:"pattern=^v\\d{1,3}\\.\\d$" jsonschema:"Defaults to v26.0."`
	// APIBaseURL is where the Graph API is: https, or http on this machine. Defaults to DefaultAPIBaseURL.
	APIBaseURL string `json:"api_base_url,omitempty" jsonschema:"Defaults to https://graph.facebook.com."`
}

// Numbers is a list of phone numbers and user ids. JSON null becomes an empty list rather than none, as an
// empty list is an error and must never mean everybody.
type Numbers []string

// UnmarshalJSON reads a list of strings.
func (n *Numbers) UnmarshalJSON(data []byte) error {
	list := []string{}
	if err := json.Unmarshal(data, &list); err != nil {
		return fmt.Errorf("a list of phone numbers: %w", err)
	}
	if list == nil {
		list = []string{}
	}
	*n = list
	return nil
}

// String shows the configuration without its secrets.
func (c Config) String() string {
	return fmt.Sprintf("whatsapp.Config{phone_number_id: %s, api_version: %s, secrets: hidden}",
		c.PhoneNumberID, c.version())
}

// GoString is String, so that %#v shows no secret either.
func (c Config) GoString() string { return c.String() }

// LogValue is String for slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Validate returns all that is wrong or doubtful. It quotes no secret and no phone number.
func (c Config) Validate() []chat.Diagnostic {
	var d diagnostics
	c.checkIDs(&d)
	c.checkSecrets(&d)
	c.checkPeople(&d)
	c.checkAPI(&d, time.Now())
	return d
}

func (c Config) checkIDs(d *diagnostics) {
	const hint = `look below "Phone number ID" in the app at developers.facebook.com, WhatsApp, API setup`
	switch id := c.PhoneNumberID; {
	case id == "":
		d.error("/phone_number_id", "phone_number_id is empty", hint)
	case strings.HasPrefix(id, "+") || strings.ContainsAny(id, " -()"):
		d.error("/phone_number_id", "phone_number_id is a phone number, not the id that Meta gave to it", hint)
	case !address.IsDigits(id):
		d.error("/phone_number_id", "phone_number_id has other characters than digits", hint)
	}
	if c.BusinessAccountID != "" && !address.IsDigits(c.BusinessAccountID) {
		d.error("/business_account_id", "business_account_id has other characters than digits", "")
	}
}

func (c Config) checkSecrets(d *diagnostics) {
	if c.AccessToken == "" && c.BotToken == "" {
		d.error("/access_token", "access_token is empty",
			"make a permanent one: Business settings, System users, Generate token")
	}
	if c.AccessToken != "" && c.BotToken != "" && c.AccessToken != c.BotToken {
		d.error("/bot_token", "bot_token is another name of access_token, and their values differ", "leave bot_token out")
	}
	if c.VerifyToken == "" {
		d.error("/verify_token", "verify_token is empty", "make up a word, and enter it beside the webhook's address at Meta")
	}
	if c.AppSecret == "" {
		d.error("/app_secret", "app_secret is empty: without it anybody could write webhooks",
			"copy it from the app at developers.facebook.com, App settings, Basic")
	}
	for _, s := range []struct{ name, value string }{
		{"access_token", c.AccessToken},
		{"bot_token", c.BotToken},
		{"verify_token", c.VerifyToken},
		{"app_secret", c.AppSecret},
	} {
		if s.value != strings.TrimSpace(s.value) {
			d.error("/"+s.name, s.name+" has white space around it", "a file with a line break at its end is a common cause")
		}
	}
	if t := c.token(); strings.HasPrefix(t, "Bearer ") || strings.ContainsAny(strings.TrimSpace(t), " \t\r\n") {
		d.error("/access_token", "access_token has white space in it", `give the bare token, without "Bearer"`)
	}
}

func (c Config) checkPeople(d *diagnostics) {
	switch {
	case c.AllowedNumbers == nil:
		d.warn("/allowed_numbers", "there is no allowed_numbers here, so everybody may write whom no trigger leaves out", "")
	case len(c.AllowedNumbers) == 0:
		d.error("/allowed_numbers", "allowed_numbers is empty, so nobody could write",
			"name one number at least, or leave it out to let everybody write")
	}
	d.people("/allowed_numbers", c.AllowedNumbers)
	d.people("/approval_allowed_users", c.ApprovalAllowedUsers)
	if len(c.ApprovalAllowedUsers) > 0 {
		d.warn("/approval_allowed_users", "approval_allowed_users has no effect yet, as there are no approvals", "")
	}
}

func (c Config) checkAPI(d *diagnostics, now time.Time) {
	v := c.version()
	if !graph.ValidVersion(v) {
		d.error("/api_version", "api_version is not written as v, number, dot, digit", "such as "+graph.DefaultVersion)
	} else if day, ended := graph.VersionEnd(v, now); ended {
		d.warn("/api_version", fmt.Sprintf("Meta ended %s on %s; it answers with another version, without a word", v, day),
			"use "+graph.DefaultVersion)
	}
	if problem := checkBaseURL(c.baseURL()); problem != "" {
		d.error("/api_base_url", "api_base_url "+problem, "the Graph API is at "+DefaultAPIBaseURL)
	}
}

// checkBaseURL says what is wrong with an address that the token would be sent to.
func checkBaseURL(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "":
		return "is no address of a server"
	case u.User != nil:
		return "must not have a user or password in it"
	case u.RawQuery != "" || u.Fragment != "":
		return "must end with its path"
	case u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()):
		return ""
	case u.Scheme == "http":
		return "must be https, as the token would cross the network unprotected"
	}
	return "must be https"
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c Config) token() string {
	if c.AccessToken != "" {
		return c.AccessToken
	}
	return c.BotToken
}

func (c Config) version() string {
	if c.APIVersion != "" {
		return c.APIVersion
	}
	return graph.DefaultVersion
}

func (c Config) baseURL() string {
	if c.APIBaseURL != "" {
		return c.APIBaseURL
	}
	return DefaultAPIBaseURL
}

// diagnostics gathers findings.
type diagnostics []chat.Diagnostic

func (d *diagnostics) error(pointer, summary, hint string) {
	*d = append(*d, chat.Diagnostic{Severity: chat.SeverityError, Pointer: pointer, Summary: summary, Hint: hint})
}

func (d *diagnostics) warn(pointer, summary, hint string) {
	*d = append(*d, chat.Diagnostic{Severity: chat.SeverityWarning, Pointer: pointer, Summary: summary, Hint: hint})
}

func (d *diagnostics) people(pointer string, list []string) {
	for i, s := range list {
		at := fmt.Sprintf("%s/%d", pointer, i)
		digits, phone := address.Phone(s)
		switch {
		case !phone && !address.IsUserID(s):
			d.error(at, "this is neither a phone number of 7 to 15 digits nor a user id",
				"write it with its country code, such as +49 170 1234567")
		case phone && strings.HasPrefix(digits, "0"):
			d.warn(at, "this number begins with 0, as no country code does, so nobody can have it",
				"write it with its country code, such as +49 170 1234567")
		}
	}
}
