package whatsapp

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
)

// DefaultAPIBaseURL is where Meta's Graph API is.
const DefaultAPIBaseURL = "https://graph.facebook.com"

// Config connects the phone numbers of one Meta app. VerifyToken and AppSecret are required, and a number: by
// PhoneNumberID and AccessToken, by Numbers, or by both. Printing a Config shows no secret; encoding it as JSON
// does.
type Config struct {
	// PhoneNumberID is Meta's id of the number, not the number.
	PhoneNumberID string `json:"phone_number_id,omitempty" aof:"or=numbers" jsonschema:"Meta's id of the phone number, not the number itself."`
	// AccessToken is a token of a system user with the right whatsapp_business_messaging. Numbers without a token
	// of their own use it, too.
	AccessToken string `json:"access_token,omitempty" aof:"secret,or=bot_token|numbers" jsonschema:"Access token of a system user. Required, unless each of numbers has its own."`
	// BotToken is another name of AccessToken.
	BotToken string `json:"bot_token,omitempty" aof:"secret" jsonschema:"Another name of access_token."`
	// Numbers are several phone numbers of the app, beside PhoneNumberID if that is set.
	Numbers []Number `json:"numbers,omitempty" aof:"minItems=1" jsonschema:"Several phone numbers of the app."`
	// MessagesPerSecond is how many messages each number may send; 0 takes 80. See Number.MessagesPerSecond.
	MessagesPerSecond int `json:"messages_per_second,omitempty" jsonschema:"What Meta lets a number send: 80, 20 if it is used in the app on a phone too, up to 1000 after an upgrade. Defaults to 80."`
	// VerifyToken is a word of one's own that Meta sends along when it checks the webhook's address.
	VerifyToken string `json:"verify_token" aof:"secret,many" jsonschema:"A word of your own, entered at Meta too. A list while it is being changed."`
	// MoreVerifyTokens are taken as well, while the token is being changed. In JSON, verify_token is a list then.
	MoreVerifyTokens []string `json:"-"`
	// AppSecret signs the webhooks.
	AppSecret string `json:"app_secret" aof:"secret,many" jsonschema:"Secret of the Meta app; it signs the webhooks. A list while it is being changed."`
	// MoreAppSecrets are taken as well, while the secret is being changed. In JSON, app_secret is a list then.
	MoreAppSecrets []string `json:"-"`
	// BusinessAccountID is the id of the WhatsApp Business account. Only the operator's commands use it.
	BusinessAccountID string `json:"business_account_id,omitempty" jsonschema:"Id of the WhatsApp Business account."`
	// AllowedNumbers says who may write: phone numbers or user ids; nil lets everybody.
	AllowedNumbers Numbers `json:"allowed_numbers,omitempty" aof:"minItems=1" jsonschema:"Who may write; all if absent."`
	// ApprovalAllowedUsers is for approvals, which do not exist yet.
	ApprovalAllowedUsers []string `json:"approval_allowed_users,omitempty" jsonschema:"Who may approve. No effect yet."`
	// MediaMaxBytes is the largest file of a message that is fetched. Defaults to 100 MiB, the most that Meta has.
	MediaMaxBytes int64 `json:"media_max_bytes,omitempty" jsonschema:"Largest file of a message that is fetched. Defaults to 104857600."`
	// MediaTypes are the MIME types of files that are fetched, such as image/*; nil takes all.
	MediaTypes []string `json:"media_types,omitempty" aof:"minItems=1" jsonschema:"MIME types of files that are fetched, such as image/*. All if absent."`
	// OutsideWindow has templates for answers that come more than 24 hours after the user's last message.
	OutsideWindow *OutsideWindow `json:"outside_window,omitempty" jsonschema:"Templates for answers that come more than 24 hours after the user's last message."`
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

// Number is one of several phone numbers.
type Number struct {
	// PhoneNumberID is Meta's id of the number, not the number.
	PhoneNumberID string `json:"phone_number_id" jsonschema:"Meta's id of the phone number, not the number itself."`
	// AccessToken is for this number alone; empty takes the one of the Config.
	AccessToken string `json:"access_token,omitempty" aof:"secret" jsonschema:"Token for this number alone."`
	// DisplayName is what people call the number.
	DisplayName string `json:"display_name,omitempty" jsonschema:"What you call the number, such as Support."`
	// MessagesPerSecond is how many messages Meta lets the number send: 80, 20 when it is in use in the app on a
	// phone, too, and up to 1000 after an upgrade. 0 takes the one of the Config.
	MessagesPerSecond int `json:"messages_per_second,omitempty" jsonschema:"20, 80 or up to 1000; see above."`
}

// String shows the number without its token.
func (n Number) String() string { return "whatsapp.Number{phone_number_id: " + n.PhoneNumberID + "}" }

// GoString is String, so that %#v shows no secret either.
func (n Number) GoString() string { return n.String() }

// UnmarshalJSON reads a configuration in which verify_token and app_secret may be lists. It leaves unknown keys to
// the schema.
func (c *Config) UnmarshalJSON(data []byte) error {
	type plain Config
	in := struct {
		*plain
		VerifyToken oneOrMany `json:"verify_token"`
		AppSecret   oneOrMany `json:"app_secret"`
	}{plain: (*plain)(c)}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	c.VerifyToken, c.MoreVerifyTokens = in.VerifyToken.split()
	c.AppSecret, c.MoreAppSecrets = in.AppSecret.split()
	return nil
}

// oneOrMany is a text, or a list of texts.
type oneOrMany []string

func (o *oneOrMany) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*o = oneOrMany{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(o))
}

func (o oneOrMany) split() (first string, more []string) {
	if len(o) == 0 {
		return "", nil
	}
	return o[0], o[1:]
}

// String shows the configuration without its secrets.
func (c Config) String() string {
	var ids []string
	for _, n := range c.numbers() {
		ids = append(ids, n.PhoneNumberID)
	}
	return fmt.Sprintf("whatsapp.Config{phone_number_id: %s, api_version: %s, secrets: hidden}",
		strings.Join(ids, ","), c.version())
}

// GoString is String, so that %#v shows no secret either.
func (c Config) GoString() string { return c.String() }

// LogValue is String for slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// numbers are all numbers, each with what it takes from the Config.
func (c Config) numbers() []Number {
	var all []Number
	if c.PhoneNumberID != "" || len(c.Numbers) == 0 {
		all = append(all, Number{PhoneNumberID: c.PhoneNumberID})
	}
	all = append(all, c.Numbers...)
	for i := range all {
		n := &all[i]
		n.AccessToken = cmp.Or(n.AccessToken, c.token())
		n.MessagesPerSecond = cmp.Or(n.MessagesPerSecond, c.MessagesPerSecond, defaultRate)
	}
	return all
}

// defaultRate is how many messages Meta lets a number send in a second.
const defaultRate = 80

func (c Config) verifyTokens() []string {
	return append([]string{c.VerifyToken}, c.MoreVerifyTokens...)
}

func (c Config) appSecrets() []string { return append([]string{c.AppSecret}, c.MoreAppSecrets...) }

func (c Config) token() string { return cmp.Or(c.AccessToken, c.BotToken) }

func (c Config) version() string { return cmp.Or(c.APIVersion, graph.DefaultVersion) }

func (c Config) baseURL() string { return cmp.Or(c.APIBaseURL, DefaultAPIBaseURL) }
