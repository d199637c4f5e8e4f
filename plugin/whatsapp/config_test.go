package whatsapp_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aof-dev/aofd/plugin/whatsapp"
	"github.com/aof-dev/aofd/sdk/chat"
)

const (
	account     = "200300400500600"
	accessToken = "EAAsecretaccesstoken"
	verifyToken = "verysecretverifytoken"
	appSecret   = "f00dfeedf00dfeedf00dfeedf00dfeed"
)

// valid is a configuration with nothing wrong and nothing doubtful.
func valid() whatsapp.Config {
	return whatsapp.Config{
		PhoneNumberID: account, AccessToken: accessToken, VerifyToken: verifyToken, AppSecret: appSecret,
		AllowedNumbers: whatsapp.Numbers{"+49 151 12345678"},
	}
}

func newPlatform(tb testing.TB, c whatsapp.Config) *whatsapp.Platform {
	tb.Helper()
	p, err := whatsapp.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

func TestValidate(t *testing.T) {
	t.Parallel()
	// What comes back is "severity pointer", such as "error /app_secret".
	for name, c := range map[string]struct {
		change func(*whatsapp.Config)
		want   []string
	}{
		"nothing wrong": {func(*whatsapp.Config) {}, nil},
		"nothing set": {
			func(c *whatsapp.Config) { *c = whatsapp.Config{} },
			[]string{
				"error /phone_number_id", "error /access_token", "error /verify_token", "error /app_secret",
				"warning /allowed_numbers",
			},
		},
		"no phone number id":   {func(c *whatsapp.Config) { c.PhoneNumberID = "" }, []string{"error /phone_number_id"}},
		"a phone number":       {func(c *whatsapp.Config) { c.PhoneNumberID = "+49 151 1" }, []string{"error /phone_number_id"}},
		"letters in the id":    {func(c *whatsapp.Config) { c.PhoneNumberID = "12a" }, []string{"error /phone_number_id"}},
		"a path in the id":     {func(c *whatsapp.Config) { c.PhoneNumberID = "1/../2" }, []string{"error /phone_number_id"}},
		"no access token":      {func(c *whatsapp.Config) { c.AccessToken = "" }, []string{"error /access_token"}},
		"its other name":       {func(c *whatsapp.Config) { c.AccessToken, c.BotToken = "", "EAAx" }, nil},
		"both names the same":  {func(c *whatsapp.Config) { c.BotToken = c.AccessToken }, nil},
		"both names different": {func(c *whatsapp.Config) { c.BotToken = "EAAx" }, []string{"error /bot_token"}},
		"a line break":         {func(c *whatsapp.Config) { c.AccessToken += "\n" }, []string{"error /access_token"}},
		"with Bearer":          {func(c *whatsapp.Config) { c.AccessToken = "Bearer x" }, []string{"error /access_token"}},
		"no verify token":      {func(c *whatsapp.Config) { c.VerifyToken = "" }, []string{"error /verify_token"}},
		"no app secret":        {func(c *whatsapp.Config) { c.AppSecret = "" }, []string{"error /app_secret"}},
		"a space in front":     {func(c *whatsapp.Config) { c.AppSecret = " " + c.AppSecret }, []string{"error /app_secret"}},
		"letters in the WABA":  {func(c *whatsapp.Config) { c.BusinessAccountID = "x" }, []string{"error /business_account_id"}},
		"everybody":            {func(c *whatsapp.Config) { c.AllowedNumbers = nil }, []string{"warning /allowed_numbers"}},
		"nobody":               {func(c *whatsapp.Config) { c.AllowedNumbers = whatsapp.Numbers{} }, []string{"error /allowed_numbers"}},
		"an odd number": {
			func(c *whatsapp.Config) { c.AllowedNumbers = whatsapp.Numbers{"DE.90210", "bob", "0151 12345678"} },
			[]string{"error /allowed_numbers/1", "warning /allowed_numbers/2"},
		},
		"several numbers": {
			func(c *whatsapp.Config) {
				c.Numbers = []whatsapp.Number{{PhoneNumberID: "1"}, {PhoneNumberID: "2", AccessToken: "EAAy", MessagesPerSecond: 20}}
			}, nil,
		},
		"only several numbers": {
			func(c *whatsapp.Config) {
				c.PhoneNumberID, c.AccessToken = "", ""
				c.Numbers = []whatsapp.Number{{PhoneNumberID: "1", AccessToken: "EAAx"}, {PhoneNumberID: "2", AccessToken: "EAAy"}}
			}, nil,
		},
		"a number without a token": {
			func(c *whatsapp.Config) {
				c.PhoneNumberID, c.AccessToken = "", ""
				c.Numbers = []whatsapp.Number{{PhoneNumberID: "1", AccessToken: "EAAx"}, {PhoneNumberID: "2"}}
			},
			[]string{"error /numbers/1/access_token"},
		},
		"bad numbers": {
			func(c *whatsapp.Config) {
				c.Numbers = []whatsapp.Number{{PhoneNumberID: "+49 1"}, {PhoneNumberID: account}, {AccessToken: "Bearer x", MessagesPerSecond: 1001}}
				c.MessagesPerSecond = -1
			},
			[]string{
				"error /numbers/0/phone_number_id", "error /numbers/1/phone_number_id", "error /numbers/2/phone_number_id",
				"error /numbers/2/messages_per_second", "error /messages_per_second", "error /numbers/2/access_token",
			},
		},
		"several secrets": {
			func(c *whatsapp.Config) { c.MoreAppSecrets, c.MoreVerifyTokens = []string{"a"}, []string{"b", "c"} }, nil,
		},
		"bad secrets": {
			func(c *whatsapp.Config) { c.MoreAppSecrets, c.MoreVerifyTokens = []string{""}, []string{"b", " c"} },
			[]string{"error /verify_token/2", "error /app_secret/1"},
		},
		"approvals": {
			func(c *whatsapp.Config) { c.ApprovalAllowedUsers = []string{"x"} },
			[]string{"error /approval_allowed_users/0", "warning /approval_allowed_users"},
		},
		"version without v":   {func(c *whatsapp.Config) { c.APIVersion = "26.0" }, []string{"error /api_version"}},
		"version with a path": {func(c *whatsapp.Config) { c.APIVersion = "v26.0/x" }, []string{"error /api_version"}},
		"ended version":       {func(c *whatsapp.Config) { c.APIVersion = "v18.0" }, []string{"warning /api_version"}},
		"older version":       {func(c *whatsapp.Config) { c.APIVersion = "v3.1" }, []string{"warning /api_version"}},
		"future version":      {func(c *whatsapp.Config) { c.APIVersion = "v99.0" }, nil},
		"loopback":            {func(c *whatsapp.Config) { c.APIBaseURL = "http://127.0.0.1:1/x" }, nil},
		"plain http":          {func(c *whatsapp.Config) { c.APIBaseURL = "http://graph.example" }, []string{"error /api_base_url"}},
		"other scheme":        {func(c *whatsapp.Config) { c.APIBaseURL = "ftp://graph.example" }, []string{"error /api_base_url"}},
		"password":            {func(c *whatsapp.Config) { c.APIBaseURL = "https://u:p@graph.example" }, []string{"error /api_base_url"}},
		"query":               {func(c *whatsapp.Config) { c.APIBaseURL = "https://graph.example?a=1" }, []string{"error /api_base_url"}},
		"no host":             {func(c *whatsapp.Config) { c.APIBaseURL = "graph.example" }, []string{"error /api_base_url"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := valid()
			c.change(&config)
			var got []string
			failed := false
			for _, d := range config.Validate() {
				got = append(got, fmt.Sprint(d.Severity)+" "+d.Pointer)
				failed = failed || d.Severity == chat.SeverityError
				if d.Summary == "" {
					t.Error("no summary")
				}
				hidesSecrets(t, d.Summary+d.Hint)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			p, err := whatsapp.New(config)
			if (err != nil) != failed || (p != nil) == failed {
				t.Errorf("New: %v, %v", p, err)
			}
			if err != nil {
				hidesSecrets(t, err.Error())
				if !errors.Is(err, &chat.Error{Reason: chat.ReasonConfigInvalid}) {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

// All that is wrong is named at once.
func TestNewNamesAll(t *testing.T) {
	t.Parallel()
	_, err := whatsapp.New(whatsapp.Config{})
	e := chat.AsError(err)
	if e == nil || !e.Permanent || e.Hint == "" {
		t.Fatalf("%+v", e)
	}
	for _, key := range []string{"phone_number_id", "access_token", "verify_token", "app_secret"} {
		if !strings.Contains(e.Text, key) {
			t.Errorf("%s is not in %q", key, e.Text)
		}
	}
}

func TestEndedVersionSaysWhen(t *testing.T) {
	t.Parallel()
	c := valid()
	c.APIVersion = "v19.0"
	d := c.Validate()
	if len(d) != 1 || !strings.Contains(d[0].Summary, "2026-05-21") || !strings.Contains(d[0].Hint, "v26.0") {
		t.Errorf("%+v", d)
	}
}

func hidesSecrets(t *testing.T, s string) {
	t.Helper()
	for _, secret := range []string{accessToken, verifyToken, appSecret, "151 12345678", "15112345678"} {
		if strings.Contains(s, secret) {
			t.Errorf("%q tells %q", s, secret)
		}
	}
}

func TestPrintingHidesSecrets(t *testing.T) {
	t.Parallel()
	c := valid()
	c.BotToken = accessToken
	p := newPlatform(t, c)
	for _, v := range []any{c, &c, struct{ C whatsapp.Config }{c}, []whatsapp.Config{c}, p} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			s := fmt.Sprintf(verb, v)
			hidesSecrets(t, s)
			if !strings.Contains(s, account) {
				t.Errorf("%s of %T: %s", verb, v, s)
			}
		}
	}
	var out bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("start", "config", c, "pointer", &c, "platform", p)
	}
	hidesSecrets(t, out.String())
	if strings.Count(out.String(), account) < 4 {
		t.Error(out.String())
	}
}

// A list that is null is empty rather than absent: it must never let everybody in.
func TestAllowedNumbersNull(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{`{}`: true, `{"allowed_numbers":null}`: false, `{"allowed_numbers":[]}`: false} {
		var c whatsapp.Config
		if err := json.Unmarshal([]byte(in), &c); err != nil {
			t.Fatal(err)
		}
		if (c.AllowedNumbers == nil) != want {
			t.Errorf("%s: %#v", in, c.AllowedNumbers)
		}
	}
	var c whatsapp.Config
	for _, in := range []string{`{"allowed_numbers":"+49"}`, `{"allowed_numbers":[1]}`} {
		if json.Unmarshal([]byte(in), &c) == nil {
			t.Errorf("%s is accepted", in)
		}
	}
}

// One or a list: both are read, and an empty list is nothing.
func TestSecretsInJSON(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		`{"app_secret":"a","verify_token":"b"}`:                 {"a", "b"},
		`{"app_secret":["a"],"verify_token":["b"]}`:             {"a", "b"},
		`{"app_secret":["a","c"],"verify_token":["b","d","e"]}`: {"a", "b", "c", "d", "e"},
		`{"app_secret":[],"verify_token":null}`:                 {"", ""},
	} {
		var c whatsapp.Config
		if err := json.Unmarshal([]byte(in), &c); err != nil {
			t.Fatal(err)
		}
		got := append(append([]string{c.AppSecret, c.VerifyToken}, c.MoreAppSecrets...), c.MoreVerifyTokens...)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", in, d)
		}
	}
	var c whatsapp.Config
	if err := json.Unmarshal([]byte(`{"app_secret":[1]}`), &c); err == nil {
		t.Error("a number is taken for a secret")
	}
}

// A plugin gets several numbers, with secrets of their own, through the schema that it publishes.
func TestSchemaOfNumbers(t *testing.T) {
	t.Parallel()
	factory := whatsapp.Spec().New
	const secrets = `"verify_token":"v","app_secret":["new","old"],"allowed_numbers":["+4915112345678"],`
	for in, want := range map[string]string{
		secrets + `"numbers":[{"phone_number_id":"1","access_token":"t"}]`:                               "",
		secrets + `"access_token":"t","numbers":[{"phone_number_id":"1","messages_per_second":20}]`:      "",
		secrets + `"access_token":"t","numbers":[]`:                                                      "/numbers",
		secrets + `"access_token":"t","numbers":[{"phone_number_id":"1"},{"display_name":"x"}]`:          "/numbers/1/phone_number_id",
		secrets + `"access_token":"t","numbers":[{"phone_number_id":"1","tokn":"x"}]`:                    "/numbers/0/tokn",
		secrets + `"access_token":"t","numbers":[{"phone_number_id":"1","messages_per_second":"20"}]`:    "/numbers/0/messages_per_second",
		`"verify_token":5,"app_secret":"s","access_token":"t","phone_number_id":"1"`:                     "/verify_token",
		`"verify_token":"v","app_secret":["s",5],"access_token":"t","phone_number_id":"1"`:               "/app_secret/1",
		`"verify_token":"v","app_secret":["s",""],"access_token":"t","phone_number_id":"1"`:              "/app_secret/1",
		secrets + `"access_token":"t","numbers":[{"phone_number_id":"1"}],"phone_number_id":"1"`:         "/numbers/0/phone_number_id",
		secrets + `"numbers":[{"phone_number_id":"1","access_token":"t"},{"phone_number_id":"2"}]`:       "/numbers/1/access_token",
		secrets + `"numbers":[{"phone_number_id":"1","access_token":"t"}],"phone_number_id":"2"`:         "/access_token",
		secrets + `"bot_token":"t","phone_number_id":"2"`:                                                "",
		secrets + `"access_token":"t","numbers":[{"phone_number_id":"1","messages_per_second":1000000}]`: "/numbers/0/messages_per_second",
	} {
		found := factory.Validate([]byte("{" + in + "}"))
		got := ""
		if len(found) > 0 {
			got = found[0].Pointer
		}
		if got != want {
			t.Errorf("%s: %+v", in, found)
		}
	}
	schema, err := factory.Schema()
	if err != nil || !schema.Properties["numbers"].Items.Properties["access_token"].WriteOnly {
		t.Errorf("the token of a number is not marked as secret: %v", err)
	}
}

func TestSeveralNumbers(t *testing.T) {
	t.Parallel()
	c := valid()
	c.Numbers = []whatsapp.Number{{PhoneNumberID: "7", DisplayName: "Support", MessagesPerSecond: 20}, {PhoneNumberID: "8"}}
	p := newPlatform(t, c)
	want := []chat.Account{
		{ID: account}, {ID: "7", DisplayName: "Support", Rate: chat.Rate{Period: time.Second / 18, Burst: 2}}, {ID: "8"},
	}
	if d := cmp.Diff(want, p.Accounts()); d != "" {
		t.Error(d)
	}
	body := live(textMessage)
	for id, want := range map[string]int{account: 1, "7": 1, "8": 1, "9": 0} {
		b, err := p.ParseMessage(t.Context(), signed(strings.ReplaceAll(body, account, id)))
		if err != nil || len(b.Messages) != want || len(b.Issues) != 1-want {
			t.Errorf("%s: %+v, %v", id, b, err)
		}
		for _, m := range b.Messages {
			if m.Account != id {
				t.Errorf("%s came out as %s", id, m.Account)
			}
		}
	}
}

// While a secret is changed, webhooks with the new and with the old one are taken, and no others.
func TestSecretsAreRotated(t *testing.T) {
	t.Parallel()
	c := valid()
	c.AppSecret, c.MoreAppSecrets = "the-new-one", []string{appSecret}
	c.VerifyToken, c.MoreVerifyTokens = "the-new-token", []string{verifyToken}
	p := newPlatform(t, c)
	r := signed(live(textMessage)) // with the old one
	for secret, want := range map[string]chat.Verdict{
		appSecret: chat.VerdictValid, "the-new-one": chat.VerdictValid, "the-oldest": chat.VerdictInvalid, "": chat.VerdictInvalid,
	} {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(r.Body)
		r.Headers = []chat.Header{{Name: signatureHeader, Value: "sha256=" + hex.EncodeToString(mac.Sum(nil))}}
		if v, err := p.VerifySignature(t.Context(), r); err != nil || v.Verdict != want {
			t.Errorf("%q: %v, %v", secret, v, err)
		}
	}
	for token, want := range map[string]bool{verifyToken: true, "the-new-token": true, "the-oldest": false, "": false} {
		if _, ok := p.VerifyWebhook("subscribe", token, "1"); ok != want {
			t.Errorf("%q: %v", token, ok)
		}
	}
}

func TestPlatform(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, valid())
	if p.Name() != "whatsapp" || p.SupportsThreading() || !p.SupportsInteractive() || !p.SupportsFiles() {
		t.Errorf("%s %v %v %v", p.Name(), p.SupportsThreading(), p.SupportsInteractive(), p.SupportsFiles())
	}
	if got := p.Accounts(); len(got) != 1 || got[0].ID != account {
		t.Errorf("%v", got)
	}
	if got := p.CheckHealth(t.Context()); got.State != chat.HealthOK {
		t.Errorf("%v", got)
	}
	if l := whatsapp.Info().Limits; l.TextMax != 4096 || l.ButtonsMax != 3 || l.ListRowsMax != 10 || l.ButtonLabelMax != 20 {
		t.Errorf("%+v", l)
	}
}
