package operate

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// appWebhook is where an app's webhooks go.
type appWebhook struct {
	Object   string `json:"object"`
	Callback string `json:"callback_url"`
	Active   bool   `json:"active"`
	Fields   []struct {
		Name string `json:"name"`
	} `json:"fields"`
}

const subject = "whatsapp_business_account"

// app examines the app: its secret, and where its webhooks go.
func (e *exam) app() {
	if e.appID == "" {
		e.skip(checkSecret, "the app secret could not be looked at: nothing is known of the app")
		return
	}
	var hooks []appWebhook
	for i, secret := range e.AppSecrets {
		which := "app_secret"
		if len(e.AppSecrets) > 1 {
			which = fmt.Sprintf("app_secret[%d]", i)
		}
		// The app's own token is its id and its secret; so whoever is let in with it has the right secret.
		api := graph.New(graph.Settings{BaseURL: e.BaseURL, Version: e.Version, PhoneNumberID: e.appID, Token: e.appID + "|" + secret})
		var out struct {
			Data []appWebhook `json:"data"`
		}
		_, err := api.Ask(e.ctx, http.MethodGet, url.PathEscape(e.appID)+"/subscriptions", nil, nil, &out)
		api.Close()
		switch failure := chat.AsError(err); {
		case err == nil:
			e.ok(checkSecret, "%s is that of app %s", which, e.appID)
			hooks = out.Data
		case failure.Reason == chat.ReasonCredentialsRejected || failure.PlatformCode == "1" || failure.PlatformCode == "101":
			fix := "copy it from the app, App settings, Basic, App secret"
			if len(e.AppSecrets) > 1 {
				e.warn(checkSecret, "remove it when no webhook is signed with it any more", "%s is not the secret of app %s now", which, e.appID)
			} else {
				e.fail(checkSecret, fix, "%s is not the secret of app %s", which, e.appID)
			}
		default:
			e.fail(checkSecret, cmp.Or(failure.Hint, "try again later"), "%s could not be looked at: %s", which, failure.Text)
		}
	}
	e.fields(hooks)
}

// fields examines what the app gets.
func (e *exam) fields(hooks []appWebhook) {
	i := slices.IndexFunc(hooks, func(h appWebhook) bool { return h.Object == subject })
	if i < 0 {
		if hooks != nil {
			e.fail(checkAddress, "enter the address and verify_token in the app, WhatsApp, Configuration, Webhook", "the app has no webhook for WhatsApp")
		}
		return
	}
	h := hooks[i]
	e.appCallback = cmp.Or(h.Callback, e.appCallback)
	has := func(name string) bool {
		return slices.ContainsFunc(h.Fields, func(f struct {
			Name string `json:"name"`
		},
		) bool {
			return f.Name == name
		})
	}
	const where = "subscribe the field in the app, WhatsApp, Configuration, Webhook fields: "
	switch {
	case !h.Active:
		e.fail(checkFields, "save the address again in the app, WhatsApp, Configuration", "the webhook of the app is switched off")
	case !has("messages"):
		e.fail(checkFields, where+"messages", "the app is not subscribed to messages")
	default:
		e.ok(checkFields, "the app gets messages")
	}
	for _, name := range []string{"account_update", "phone_number_quality_update"} {
		if h.Active && !has(name) {
			e.warn(checkFields, where+name, "the app is not told of %s", strings.ReplaceAll(name, "_", " "))
		}
	}
}

// answerIn is how long Meta's patience reaches.
const answerIn = time.Second

// webhook tries the address as Meta would.
func (e *exam) webhook(given string) {
	address := cmp.Or(given, e.callback, e.appCallback)
	if address == "" {
		e.skip(checkAddress, "nothing tells where the webhook is: give --webhook")
		return
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "":
		e.fail(checkAddress, "enter an https address in the app, WhatsApp, Configuration", "the webhook %q is no address", address)
		return
	case u.Scheme != "https" && !graph.Local(u.Hostname()):
		e.fail(checkAddress, "put a reverse proxy with a certificate of a public authority before aofd", "the webhook %s is not https", address)
	default:
		e.ok(checkAddress, "the webhook is %s", address)
	}
	client := &http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	if e.handshake(client, u) {
		e.signed(client, address)
	}
}

// handshake tries the GET by which Meta checks an address; it reports whether anybody answered.
func (e *exam) handshake(client *http.Client, u *url.URL) bool {
	challenge := rand.Text()
	ask := func(token string) (reply, error) {
		q := u.Query()
		q.Set("hub.mode", "subscribe")
		q.Set("hub.challenge", challenge)
		q.Set("hub.verify_token", token)
		with := *u
		with.RawQuery = q.Encode()
		return call(e.ctx, client, http.MethodGet, with.String(), nil, "")
	}
	for i, token := range e.VerifyTokens {
		r, err := ask(token)
		switch {
		case err != nil:
			e.fail(checkShake, fixReach(err), "the webhook cannot be reached: %s", plainError(err))
			return false
		case r.status == http.StatusOK && r.body == challenge:
			e.ok(checkShake, "the handshake with verify_token works")
		case r.status == http.StatusForbidden:
			e.fail(checkShake, "restart the daemon with this configuration; if it runs with it, look whether the address leads to it",
				"verify_token %d is refused with 403: the daemon there has another one", i+1)
		default:
			e.fail(checkShake, "look whether the address leads to aofd: the path is /webhook/whatsapp, and nothing in between may change the answer",
				"the handshake is answered with %d and not with the challenge", r.status)
			return true
		}
	}
	if r, err := ask("not-" + challenge); err == nil && r.status/100 == 2 {
		e.fail(checkShake, "look at what answers there: aofd refuses other tokens", "the handshake works with any verify_token")
	}
	return true
}

// signed posts a webhook that says nothing, once with the right signature and once with a wrong one.
func (e *exam) signed(client *http.Client, address string) {
	body := fmt.Appendf(nil, `{"object":%q,"entry":[{"id":%q,"time":%d,"changes":[{"field":"aofd_doctor","value":{"check":%q}}]}]}`,
		subject, e.account, e.now().Unix(), rand.Text())
	for i, secret := range e.AppSecrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		before := e.now()
		r, err := call(e.ctx, client, http.MethodPost, address, body, "sha256="+hex.EncodeToString(mac.Sum(nil)))
		took := e.now().Sub(before)
		switch {
		case err != nil:
			e.fail(checkSigned, fixReach(err), "a signed webhook was not answered: %s", plainError(err))
		case r.status == http.StatusUnauthorized || r.status == http.StatusForbidden:
			e.fail(checkSigned, "restart the daemon with this configuration; a proxy in between must pass the body on byte by byte",
				"a webhook signed with app_secret %d is refused with %d", i+1, r.status)
		case r.status != http.StatusOK:
			e.fail(checkSigned, "aofd status and the log of the daemon say why", "a signed webhook is answered with %d", r.status)
		case took > answerIn:
			e.warn(checkSigned, "look at the load and at the disk of the machine", "a signed webhook is taken, in %s; Meta wants an answer within %s", took.Round(time.Millisecond), answerIn)
		default:
			e.ok(checkSigned, "a signed webhook is taken, in %s", took.Round(time.Millisecond))
		}
	}
	r, err := call(e.ctx, client, http.MethodPost, address, body, "sha256="+strings.Repeat("0", 64))
	switch {
	case err != nil:
		e.skip(checkForged, "a webhook with a wrong signature was not answered: %s", plainError(err))
	case r.status == http.StatusUnauthorized || r.status == http.StatusForbidden:
		e.ok(checkForged, "a webhook with a wrong signature is refused")
	default:
		e.fail(checkForged, "look at what answers there: aofd refuses it with 401", "a webhook with a wrong signature is answered with %d", r.status)
	}
}

// reply is what the webhook answered.
type reply struct {
	status int
	body   string
}

const maxReply = 64 << 10

func call(ctx context.Context, client *http.Client, method, address string, body []byte, signature string) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("User-Agent", "aofd doctor")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Hub-Signature-256", signature)
	}
	res, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	return reply{res.StatusCode, string(answer)}, err
}
