package operate_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/aof-dev/aofd/plugin/whatsapp"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/operate"
	"github.com/aof-dev/aofd/sdk/chat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bed is an operator's world: Meta, and a program that takes webhooks.
type bed struct {
	*testing.T
	meta     *httptest.Server
	webhook  *httptest.Server
	settings operate.Settings
}

// newBed has everything as it should be. take is what answers webhooks; nil is the plugin's own code.
func newBed(t *testing.T, take http.Handler) *bed {
	t.Helper()
	s := emulator.Defaults()
	if take == nil {
		p, err := whatsapp.New(whatsapp.Config{
			PhoneNumberID: s.PhoneNumberID, AccessToken: s.AccessToken, VerifyToken: s.VerifyToken, AppSecret: s.AppSecret, MoreAppSecrets: []string{"old-secret"},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		take = receive(p)
	}
	b := &bed{T: t, webhook: httptest.NewServer(take)}
	s.Webhook = b.webhook.URL + "/webhook/whatsapp"
	e := emulator.New(s)
	b.meta = httptest.NewServer(e)
	t.Cleanup(func() { e.Close(); b.meta.Close(); b.webhook.Close(); http.DefaultClient.CloseIdleConnections() })
	b.settings = operate.Settings{
		Numbers: []operate.Number{{ID: s.PhoneNumberID, Token: s.AccessToken, Rate: 80}}, AccountID: s.AccountID,
		VerifyTokens: []string{s.VerifyToken}, AppSecrets: []string{s.AppSecret}, Version: "v26.0", BaseURL: b.meta.URL,
	}
	return b
}

// receive answers webhooks as the daemon does.
func receive(p *whatsapp.Platform) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := p.ReadWebhook(r)
		switch {
		case b.Verdict == chat.VerdictInvalid:
			w.WriteHeader(b.Reply.Status)
		case err != nil:
			w.WriteHeader(http.StatusInternalServerError)
		case b.Verdict == chat.VerdictChallenge:
			_, _ = w.Write(b.Reply.Body)
		}
	})
}

// control calls the emulator's control API.
func (b *bed) control(method, path, body string) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), method, b.meta.URL+"/_emulator/"+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if answer, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s %s", path, res.Status, answer)
	}
}

// run executes a command.
func (b *bed) run(args ...string) (code int, stdout, stderr string) {
	b.Helper()
	var out, errs bytes.Buffer
	code = operate.Run(b.Context(), func() (operate.Settings, error) { return b.settings, nil }, args, operate.Streams{Out: &out, Err: &errs})
	for _, secret := range []string{b.settings.AppSecrets[0], b.settings.VerifyTokens[0], "demo-access-token"} {
		if strings.Contains(out.String()+errs.String(), secret) {
			b.Errorf("%q tells a secret: %s%s", args, &out, &errs)
		}
	}
	return code, out.String(), errs.String()
}

type finding struct{ Check, State, What, Why, Fix string }

// doctor returns what the doctor found that is not well.
func (b *bed) doctor(args ...string) (code int, bad map[string]finding) {
	b.Helper()
	code, out, errs := b.run(append([]string{"doctor", "-o", "json"}, args...)...)
	var all []finding
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		b.Fatalf("%v: %s %s", err, out, errs)
	}
	bad = map[string]finding{}
	for _, f := range all {
		if f.What == "" || f.Why == "" || f.State != "ok" && f.State != "skipped" && f.Fix == "" {
			b.Errorf("it does not say all: %+v", f)
		}
		if f.State != "ok" {
			bad[f.Check] = f
		}
	}
	return code, bad
}

func TestDoctorFindsNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	if code, bad := b.doctor(); code != 0 || len(bad) > 0 {
		t.Errorf("%d %+v", code, bad)
	}
	code, out, _ := b.run("doctor")
	if code != 0 || !strings.Contains(out, "✓ the token does not end\n") || !strings.HasSuffix(out, "All is well.\n") || strings.Contains(out, "✗") {
		t.Errorf("%d\n%s", code, out)
	}
}

// Each thing that people get wrong is found, and the fix is the right one.
func TestDoctor(t *testing.T) {
	t.Parallel()
	refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	credulous := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Query().Get("hub.challenge"))
	})
	for name, c := range map[string]struct {
		take   http.Handler
		change func(b *bed)
		check  string
		state  string
		fix    string // is in the fix
	}{
		"a token for trying out": {change: func(b *bed) {
			b.control("POST", "tokens", `{"token":"short-lived-token","expires_in":"2h"}`)
			b.settings.Numbers[0].Token = "short-lived-token"
		}, check: "token_end", state: "failed", fix: "System users"},
		"a token of 60 days": {change: func(b *bed) {
			b.control("POST", "tokens", `{"token":"sixty-days-token","expires_in":"60d"}`)
			b.settings.Numbers[0].Token = "sixty-days-token"
		}, check: "token_end", state: "warning", fix: "no end"},
		"a token that has ended": {change: func(b *bed) {
			b.control("POST", "tokens", `{"token":"ended-token-0","expires_in":"1h"}`)
			b.control("POST", "clock", `{"advance":"2h"}`)
			b.settings.Numbers[0].Token = "ended-token-0"
		}, check: "token", state: "failed", fix: "System users"},
		"a wrong token": {change: func(b *bed) { b.settings.Numbers[0].Token = "not-a-token-at-all" }, check: "token", state: "failed", fix: "access_token"},
		"a right is missing": {change: func(b *bed) {
			b.control("POST", "tokens", `{"token":"messaging-only","scopes":["whatsapp_business_messaging"]}`)
			b.settings.Numbers[0].Token = "messaging-only"
		}, check: "scopes", state: "failed", fix: "whatsapp_business_management"},
		"the phone number as its id":  {change: func(b *bed) { b.settings.Numbers[0].ID = "15550783881" }, check: "phone_number_id", state: "failed", fix: "phone_number_id: 106540352242922"},
		"the account's id":            {change: func(b *bed) { b.settings.Numbers[0].ID = "102290129340398" }, check: "phone_number_id", state: "failed", fix: "phone_number_id: 106540352242922"},
		"somebody else's number":      {change: func(b *bed) { b.settings.Numbers[0].ID = "7" }, check: "phone_number_id", state: "failed", fix: "phone_number_id: 106540352242922"},
		"another account":             {change: func(b *bed) { b.settings.AccountID = "7" }, check: "account", state: "failed", fix: "102290129340398"},
		"not subscribed":              {change: func(b *bed) { b.run("subscribe", "--remove") }, check: "subscription", state: "failed", fix: "subscribe"},
		"a wrong secret":              {change: func(b *bed) { b.settings.AppSecrets = []string{"another-secret"} }, check: "app_secret", state: "failed", fix: "App settings"},
		"the daemon has another one":  {change: func(b *bed) { b.settings.AppSecrets = []string{"another-secret"} }, check: "webhook_signature", state: "failed", fix: "byte by byte"},
		"an old secret beside":        {change: func(b *bed) { b.settings.AppSecrets = append(b.settings.AppSecrets, "old-secret") }, check: "app_secret", state: "warning", fix: "remove it"},
		"another verify token":        {change: func(b *bed) { b.settings.VerifyTokens = []string{"another-word"} }, check: "webhook_handshake", state: "failed", fix: "restart the daemon"},
		"nobody at the address":       {change: func(b *bed) { b.webhook.Close() }, check: "webhook_handshake", state: "failed", fix: "start aofd"},
		"somebody who takes anything": {take: credulous, check: "webhook_forgery", state: "failed", fix: "401"},
		"somebody who takes nothing":  {take: refuse, check: "webhook_handshake", state: "failed", fix: "restart"},
		"a page":                      {take: http.NotFoundHandler(), check: "webhook_handshake", state: "failed", fix: "/webhook/whatsapp"},
		"the clock":                   {change: func(b *bed) { b.control("POST", "clock", `{"advance":"5m"}`) }, check: "clock", state: "failed", fix: "NTP"},
		"an ended version":            {change: func(b *bed) { b.settings.Version = "v18.0" }, check: "api_version", state: "failed", fix: "v26.0"},
		"nobody at Meta":              {change: func(b *bed) { b.meta.Close() }, check: "api", state: "failed", fix: "network"},
		"too fast":                    {change: func(b *bed) { b.control("PATCH", "settings", `{"throughput":20}`) }, check: "rate", state: "failed", fix: "messages_per_second to 20"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, c.take)
			if c.change != nil {
				c.change(b)
			}
			code, bad := b.doctor()
			f := bad[c.check]
			if f.State != c.state || !strings.Contains(f.Fix, c.fix) {
				t.Errorf("%s: %+v", c.check, bad)
			}
			if (code != 0) != (c.state == "failed") {
				t.Errorf("exit code %d: %+v", code, bad)
			}
		})
	}
}

// Each of several numbers is looked at, and named.
func TestDoctorOfSeveralNumbers(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.settings.Numbers = append(b.settings.Numbers, operate.Number{ID: "7", Token: "demo-access-token", Rate: 80})
	code, bad := b.doctor()
	if f := bad["phone_number_id"]; code != 1 || !strings.HasPrefix(f.What, "7: ") {
		t.Errorf("%d %+v", code, bad)
	}
	if code, bad := b.doctor("--number", "106540352242922"); code != 0 {
		t.Errorf("%d %+v", code, bad)
	}
}

func TestSubscribe(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	for _, c := range []struct{ args, want string }{
		{"subscribe --show", "app " + emulator.AppID},
		{"subscribe --remove", "No app gets the webhooks"},
		{"subscribe", "the app's address"},
		{"subscribe --callback https://hook.example/x", "https://hook.example/x"},
		{"subscribe -o json", `"apps": [`},
	} {
		if code, out, errs := b.run(strings.Fields(c.args)...); code != 0 || !strings.Contains(out, c.want) {
			t.Errorf("%s: %d %s%s", c.args, code, out, errs)
		}
	}
	b.settings.AccountID = "" // the token tells
	if code, out, errs := b.run("subscribe", "--show"); code != 0 || !strings.Contains(out, "102290129340398") {
		t.Errorf("%d %s%s", code, out, errs)
	}
	if code, _, errs := b.run("subscribe", "--account", "7"); code != 1 || !strings.Contains(errs, "fix: ") {
		t.Errorf("%d %s", code, errs)
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	for _, name := range []string{"node_up", "node_down"} {
		body := `{"name":"` + name + `","language":"en_US","category":"UTILITY","components":[{"type":"BODY","text":"A node changed."}]}`
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.meta.URL+"/v26.0/102290129340398/message_templates", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer demo-access-token")
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatal(res, err)
		}
		_ = res.Body.Close()
	}
	b.control("POST", "settle", `{"timeout":"5s"}`)
	code, out, errs := b.run("templates", "list")
	if code != 0 || !strings.Contains(out, "node_up") || !strings.Contains(out, "node_down") || !strings.Contains(out, "approved") {
		t.Errorf("%d %s%s", code, out, errs)
	}
	if code, out, _ := b.run("templates", "list", "--status", "rejected", "-o", "json"); code != 0 || strings.TrimSpace(out) != "[]" {
		t.Errorf("%d %s", code, out)
	}
}

func TestProfile(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	if code, out, errs := b.run("profile", "set", "--about", "Night shift", "--website", "https://a.example", "--vertical", "prof_services"); code != 0 || out != "changed\n" {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	code, out, errs := b.run("profile", "get")
	for _, want := range []string{"Night shift", "https://a.example", "PROF_SERVICES"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%d %s%s", code, out, errs)
		}
	}
	for _, args := range []string{
		"profile set", "profile set --about " + strings.Repeat("x", 140), "profile set --vertical bakery", "profile set --website x",
		"profile set --website https://a --website https://b --website https://c", "profile", "profile set --hobby x",
	} {
		if code, _, errs := b.run(strings.Fields(args)...); code != 2 || errs == "" {
			t.Errorf("%s: %d %s", args, code, errs)
		}
	}
}

func TestMedia(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	dir := t.TempDir()
	file, copied := filepath.Join(dir, "note.txt"), filepath.Join(dir, "copy.txt")
	if err := os.WriteFile(file, []byte("all nodes are up\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, id, errs := b.run("media", "upload", file)
	if id = strings.TrimSpace(id); code != 0 || id == "" {
		t.Fatalf("%d %s%s", code, id, errs)
	}
	if code, out, errs := b.run("media", "get", id, "-f", copied); code != 0 || !strings.Contains(out, "17 bytes") {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	if got, err := os.ReadFile(copied); err != nil || string(got) != "all nodes are up\n" {
		t.Errorf("%q, %v", got, err)
	}
	if code, _, errs := b.run("media", "get", id, "-f", copied); code != 2 || !strings.Contains(errs, "there already") {
		t.Errorf("%d %s", code, errs)
	}
	if code, out, errs := b.run("media", "delete", id); code != 0 || out != "deleted\n" {
		t.Errorf("%d %s%s", code, out, errs)
	}
	if code, _, errs := b.run("media", "get", id, "-f", filepath.Join(dir, "gone.txt")); code != 1 || !strings.Contains(errs, "7 days") {
		t.Errorf("%d %s", code, errs)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 2 {
		t.Errorf("it leaves %v", left)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) != 0 {
		t.Errorf("it leaves %v", left)
	}
	for _, args := range [][]string{{"media", "upload", filepath.Join(dir, "no.txt")}, {"media", "upload", dir}, {"media", "upload"}, {"media"}} {
		if code, _, errs := b.run(args...); code != 2 || errs == "" {
			t.Errorf("%q: %d %s", args, code, errs)
		}
	}
}

// The configuration and the command line are at fault before anything is done.
func TestUsage(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	for _, args := range []string{"doctor x", "doctor -o yaml", "doctor --number 8", "nothing", "templates", "subscribe --remove --show", "subscribe --callback http://x"} {
		if code, out, errs := b.run(strings.Fields(args)...); code != 2 || out != "" || errs == "" {
			t.Errorf("%s: %d %s%s", args, code, out, errs)
		}
	}
	if code, out, _ := b.run("doctor", "--help"); code != 0 || !strings.Contains(out, "Exit code 1") {
		t.Errorf("%d %s", code, out)
	}
}
