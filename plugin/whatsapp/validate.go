package whatsapp

import (
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/media"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Validate returns all that is wrong or doubtful. It quotes no secret and no phone number.
func (c Config) Validate() []chat.Diagnostic {
	var d diagnostics
	c.checkIDs(&d)
	c.checkSecrets(&d)
	c.checkPeople(&d)
	c.checkMedia(&d)
	c.OutsideWindow.check(&d)
	c.checkAPI(&d, time.Now())
	return d
}

func (c Config) checkIDs(d *diagnostics) {
	seen := map[string]bool{}
	if c.PhoneNumberID != "" || len(c.Numbers) == 0 {
		d.phoneNumberID("/phone_number_id", c.PhoneNumberID, seen)
	}
	for i, n := range c.Numbers {
		d.phoneNumberID(fmt.Sprintf("/numbers/%d/phone_number_id", i), n.PhoneNumberID, seen)
		d.rate(fmt.Sprintf("/numbers/%d/messages_per_second", i), n.MessagesPerSecond)
	}
	d.rate("/messages_per_second", c.MessagesPerSecond)
	if c.BusinessAccountID != "" && !address.IsDigits(c.BusinessAccountID) {
		d.error("/business_account_id", "business_account_id has other characters than digits", "")
	}
}

func (d *diagnostics) phoneNumberID(pointer, id string, seen map[string]bool) {
	const hint = `look below "Phone number ID" in the app at developers.facebook.com, WhatsApp, API setup`
	switch {
	case id == "":
		d.error(pointer, "phone_number_id is empty", hint)
	case strings.HasPrefix(id, "+") || strings.ContainsAny(id, " -()"):
		d.error(pointer, "phone_number_id is a phone number, not the id that Meta gave to it", hint)
	case !address.IsDigits(id):
		d.error(pointer, "phone_number_id has other characters than digits", hint)
	case seen[id]:
		d.error(pointer, "phone_number_id is that of a number above", "give each number once")
	}
	seen[id] = true
}

func (d *diagnostics) rate(pointer string, perSecond int) {
	if perSecond < 0 || perSecond > maxRate {
		d.error(pointer, fmt.Sprintf("messages_per_second is not from 1 to %d", maxRate),
			"80 is what numbers have, 20 those in use on a phone too, 1000 upgraded ones")
	}
}

// maxRate is the most that Meta gives to a number.
const maxRate = 1000

func (c Config) checkSecrets(d *diagnostics) {
	const hint = "make a permanent one: Business settings, System users, Generate token"
	switch {
	case c.token() != "":
	case c.PhoneNumberID != "" || len(c.Numbers) == 0:
		d.error("/access_token", "access_token is empty", hint)
	}
	for i, n := range c.Numbers {
		at := fmt.Sprintf("/numbers/%d/access_token", i)
		if n.AccessToken == "" && c.token() == "" {
			d.error(at, "this number has no access_token, and there is none for all", hint)
		}
		d.token(at, "access_token", n.AccessToken)
	}
	if c.AccessToken != "" && c.BotToken != "" && c.AccessToken != c.BotToken {
		d.error("/bot_token", "bot_token is another name of access_token, and their values differ", "leave bot_token out")
	}
	d.token("/access_token", "access_token", c.AccessToken)
	d.token("/bot_token", "bot_token", c.BotToken)
	for i, v := range c.verifyTokens() {
		d.secret(nthSecret("/verify_token", i), "verify_token", v,
			"verify_token is empty", "make up a word, and enter it beside the webhook's address at Meta")
	}
	for i, v := range c.appSecrets() {
		d.secret(nthSecret("/app_secret", i), "app_secret", v,
			"app_secret is empty: without it anybody could write webhooks",
			"copy it from the app at developers.facebook.com, App settings, Basic")
	}
}

// nthSecret points to the first secret as if it were the only one.
func nthSecret(pointer string, i int) string {
	if i == 0 {
		return pointer
	}
	return fmt.Sprintf("%s/%d", pointer, i)
}

func (d *diagnostics) secret(pointer, name, value, empty, hint string) {
	if value == "" {
		d.error(pointer, empty, hint)
	}
	d.spaces(pointer, name, value)
}

func (d *diagnostics) token(pointer, name, value string) {
	d.spaces(pointer, name, value)
	if strings.HasPrefix(value, "Bearer ") || strings.ContainsAny(strings.TrimSpace(value), " \t\r\n") {
		d.error(pointer, name+" has white space in it", `give the bare token, without "Bearer"`)
	}
}

func (d *diagnostics) spaces(pointer, name, value string) {
	if value != strings.TrimSpace(value) {
		d.error(pointer, name+" has white space around it", "a file with a line break at its end is a common cause")
	}
}

// emulated reports whether the platform is a stand-in on this machine.
func (c Config) emulated() bool {
	u, err := url.Parse(c.APIBaseURL)
	return err == nil && graph.Local(u.Hostname())
}

func (c Config) checkPeople(d *diagnostics) {
	switch {
	case c.AllowedNumbers == nil && c.emulated(): // nobody else can write
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

func (c Config) checkMedia(d *diagnostics) {
	if c.MediaMaxBytes < 0 || c.MediaMaxBytes > media.MaxBytes {
		d.error("/media_max_bytes", fmt.Sprintf("media_max_bytes is not from 1 to %d", media.MaxBytes), "")
	}
	for i, t := range c.MediaTypes {
		if _, err := path.Match(t, ""); err != nil || strings.Count(t, "/") != 1 {
			d.error(fmt.Sprintf("/media_types/%d", i), "this is no MIME type", "write it like image/png or image/*")
		}
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
	case u.Scheme == "https" || u.Scheme == "http" && graph.Local(u.Hostname()):
		return ""
	case u.Scheme == "http":
		return "must be https, as the token would cross the network unprotected"
	}
	return "must be https"
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
