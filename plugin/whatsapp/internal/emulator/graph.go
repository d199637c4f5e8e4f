package emulator

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

// product is what Meta calls the thing in all bodies.
const product = "whatsapp"

const (
	maxRequest = 1 << 20   // bytes of a body of JSON
	maxUpload  = 101 << 20 // bytes of one with a file
)

// graphCall is one call of the Graph API, as its handlers see it.
type graphCall struct {
	*http.Request
	version   string
	token     string
	raw       []byte
	warnings  []string
	messageID string
	// after is what happens once a message was accepted, in place of an answer.
	after func(http.ResponseWriter)
}

// graphRoutes are the calls that the emulator knows, without the version before them.
func (e *Emulator) graphRoutes() {
	e.serve("POST /{phone}/messages", e.messages)
	e.serve("POST /{phone}/media", e.upload)
	e.serve("GET /{account}/message_templates", e.listTemplates)
	e.serve("POST /{account}/message_templates", e.createTemplate)
	e.serve("DELETE /{account}/message_templates", e.deleteTemplates)
	e.serve("GET /{id}", e.getObject)
	e.serve("POST /{id}", e.postObject)
	e.serve("DELETE /{id}", e.deleteObject)
	e.serve("/", func(c *graphCall) (any, error) {
		return nil, refusal.Path(c.URL.Path, "the emulator has no such path")
	})
	e.manageRoutes()
}

// serve makes a handler of a function that answers with what becomes JSON, or with a refusal.
func (e *Emulator) serve(pattern string, answer func(*graphCall) (any, error)) {
	e.graph.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		c, _ := r.Context().Value(callKey{}).(*graphCall)
		c.Request = r // with the values of the path
		result, err := e.opened(c, answer)
		if err != nil {
			e.refuse(w, c, err)
			return
		}
		if c.after != nil {
			c.after(w)
			return
		}
		writeJSON(w, http.StatusOK, result)
	})
}

type callKey struct{}

var (
	versionForm = regexp.MustCompile(`^v\d{1,3}\.\d$`)
	versionLike = regexp.MustCompile(`^v\d`)
)

// serveGraph reads a call, lets faults happen, answers and logs it.
func (e *Emulator) serveGraph(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	log := Call{At: e.clock.Now(), Method: r.Method, Path: r.URL.Path}
	c := &graphCall{Request: r, version: current}
	seen := &recorder{ResponseWriter: w}
	defer func() {
		log.Took = time.Since(began).Round(100 * time.Microsecond).String()
		log.Status, log.Answer, log.Code = seen.status, clip(seen.body), seen.code()
		log.Request, log.Warnings, log.MessageID, log.Fault = clip(c.raw), c.warnings, c.messageID, seen.fault
		e.journal.Add("call", e.calls.add(log).brief())
	}()
	path := r.URL.Path
	if first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/"); versionLike.MatchString(first) || first == "latest" {
		if !versionForm.MatchString(first) {
			e.refuse(seen, c, refusal.Path(path, "a version is v and a number, such as v25.0"))
			return
		}
		c.version, path = first, "/"+rest
	} else {
		c.warnings = append(c.warnings, "no version in the path: Meta answers with that of the app")
	}
	var err error
	if c.raw, err = body(r); err != nil {
		e.refuse(seen, c, err)
		return
	}
	e.metaHeaders(seen, c)
	c.Request = r.Clone(context.WithValue(r.Context(), callKey{}, c))
	c.URL.Path, c.URL.RawPath = path, ""
	if handled := e.strike(seen, c); !handled {
		e.graph.ServeHTTP(seen, c.Request)
	}
}

func body(r *http.Request) ([]byte, error) {
	most := int64(maxRequest)
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		most = maxUpload
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, most+1))
	switch {
	case err != nil:
		return nil, refusal.Parameter("the body broke off")
	case int64(len(raw)) > most:
		return nil, refusal.Parameter("the body is longer than %d bytes", most)
	}
	return raw, nil
}

// opened calls a handler once it is known that there is a token, which the handler asks about.
func (e *Emulator) opened(c *graphCall, answer func(*graphCall) (any, error)) (any, error) {
	var err error
	if c.token, err = tokenOf(c.Request); err != nil {
		return nil, err
	}
	if err := e.proof(c); err != nil {
		return nil, err
	}
	return answer(c)
}

// tokenOf returns the access token of a call, from one of the places where Meta looks.
func tokenOf(r *http.Request) (string, error) {
	header := r.Header.Get("Authorization")
	for _, scheme := range []string{"Bearer ", "OAuth "} {
		if token, ok := strings.CutPrefix(header, scheme); ok && token != "" {
			return token, nil
		}
	}
	if token := r.URL.Query().Get("access_token"); token != "" && header == "" {
		return token, nil
	}
	if header != "" {
		return "", refusal.Token(0, "Invalid OAuth access token - Cannot parse access token", "Authorization must be Bearer and the token")
	}
	no := refusal.New(200, "the call has no access token")
	no.Title = "Provide valid app ID"
	return "", no
}

// proof checks that who has the token knows the secret of the app, if that is shown or asked for.
func (e *Emulator) proof(c *graphCall) error {
	shown := c.URL.Query().Get("appsecret_proof")
	if shown == "" {
		if e.world.Settings().AppsecretProof {
			no := refusal.Parameter("add appsecret_proof to the query")
			no.Title = "API calls from the server require an appsecret_proof argument"
			return no
		}
		return nil
	}
	mac := hmac.New(sha256.New, []byte(e.settings.AppSecret))
	mac.Write([]byte(c.token))
	if !hmac.Equal([]byte(shown), []byte(hex.EncodeToString(mac.Sum(nil)))) {
		no := refusal.Parameter("it is the hexadecimal HMAC-SHA256 of the token, by the secret of the app")
		no.Title = "Invalid appsecret_proof provided in the API argument"
		return no
	}
	return nil
}

// authorize says why a call may not do what needs a scope.
func (e *Emulator) authorize(c *graphCall, scope string) error {
	return e.world.Authorize(c.token, scope)
}

// ofNumber says why a call about a phone number is not about ours.
func (e *Emulator) ofNumber(c *graphCall, scope string) error {
	if err := e.authorize(c, scope); err != nil {
		return err
	}
	if id := c.PathValue("phone"); id != e.settings.PhoneNumberID {
		return refusal.Object(c.Method, id, "the emulator knows one phone number id: see --phone-number-id")
	}
	return nil
}

// ofAccount says why a call about an account is not about ours.
func (e *Emulator) ofAccount(c *graphCall) error {
	if err := e.authorize(c, world.Management); err != nil {
		return err
	}
	if id := c.PathValue("account"); id != e.settings.AccountID {
		return refusal.Object(c.Method, id, "the emulator knows one WhatsApp Business account: see --account-id")
	}
	return nil
}

// needsJSON says that the body of a call is of another type.
func needsJSON(r *http.Request) error {
	if !isJSON(r) {
		return refusal.Parameter("the Content-Type must be application/json")
	}
	return nil
}

func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

// metaHeaders are those that each answer of Meta has.
func (e *Emulator) metaHeaders(w http.ResponseWriter, c *graphCall) {
	h := w.Header()
	h.Set("Date", e.clock.Now().UTC().Format(http.TimeFormat))
	h.Set("facebook-api-version", effective(c.version, e.clock.Now()))
	h.Set("x-fb-request-id", "A"+random(9))
	h.Set("x-fb-trace-id", "A"+random(9))
	h.Set("x-fb-rev", "1030000000")
	h.Set("x-app-usage", fmt.Sprintf(`{"call_count":%d,"total_cputime":0,"total_time":0}`, e.calls.usage(e.clock.Now())))
	h.Set("Vary", "Accept-Encoding")
}

// throttles are the codes that come with the header of the account's use.
var throttles = map[int]bool{4: true, 613: true, 80007: true, 130429: true, 131056: true}

// refuse answers with a refusal.
func (e *Emulator) refuse(w http.ResponseWriter, c *graphCall, err error) {
	no, ok := errors.AsType[*refusal.Refusal](err)
	if !ok {
		no = refusal.Parameter("%v", err)
	}
	h := w.Header()
	trace := h.Get("x-fb-trace-id")
	if trace == "" {
		e.metaHeaders(w, c)
		trace = h.Get("x-fb-trace-id")
	}
	if no.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", fmt.Sprintf(`OAuth "Facebook Platform" "invalid_token" %q`, no.Message()))
	}
	if no.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(no.RetryAfter))
	}
	if throttles[no.Code] {
		h.Set("x-business-use-case-usage", fmt.Sprintf(
			`{%q:[{"type":"messages","call_count":100,"total_cputime":25,"total_time":25,"estimated_time_to_regain_access":%d}]}`,
			e.settings.AccountID, (no.RetryAfter+59)/60))
	}
	writeJSON(w, no.Status, no.Body(trace))
}

// writeJSON answers with JSON. That the peer has gone is its own affair.
func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body)
}

// success is Meta's shortest answer.
var success = map[string]bool{"success": true}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func random(n int) string { return base64.RawURLEncoding.EncodeToString(randomBytes(n)) }
