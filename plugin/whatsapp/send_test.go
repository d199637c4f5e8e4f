package whatsapp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aof-dev/aofd/plugin/whatsapp"
	"github.com/aof-dev/aofd/sdk/chat"
)

const to = "+49 151 12345678"

// meta stands in for the Graph API: it keeps the bodies, and answers with ids in a row unless told otherwise.
type meta struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	// answer may answer request n, counted from 0; it reports whether it did.
	answer func(w http.ResponseWriter, r *http.Request, n int) bool
}

// newMeta returns it with a platform that calls it.
func newMeta(t *testing.T, answer func(http.ResponseWriter, *http.Request, int) bool) (*meta, *whatsapp.Platform) {
	t.Helper()
	m := &meta{answer: answer}
	c := valid()
	c.APIBaseURL = serve(t, m)
	return m, newPlatform(t, c)
}

// serve starts m and returns its address.
func serve(t *testing.T, m *meta) string {
	t.Helper()
	m.Server = httptest.NewServer(m)
	t.Cleanup(m.Close)
	return m.URL
}

func (m *meta) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	m.mu.Lock()
	n := len(m.bodies)
	m.bodies = append(m.bodies, string(body))
	m.mu.Unlock()
	if m.answer != nil && m.answer(w, r, n) {
		return
	}
	_, _ = fmt.Fprintf(w, `{"messaging_product":"whatsapp","contacts":[{"input":"x","wa_id":"x"}],"messages":[{"id":"wamid.%d"}]}`, n)
}

// sent are the bodies so far.
func (m *meta) sent() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.bodies...)
}

// failing answers each request with one status and body.
func failing(status int, body string) func(http.ResponseWriter, *http.Request, int) bool {
	return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}
}

// failure returns the facts of an error of sending, which must tell no secret.
func failure(t *testing.T, err error) *chat.Error {
	t.Helper()
	e, ok := errors.AsType[*chat.Error](err)
	if !ok {
		t.Fatalf("%T: %v", err, err)
	}
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		hidesSecrets(t, fmt.Sprintf("%v %+v", cause, cause))
	}
	hidesSecrets(t, e.Text+e.Hint)
	return e
}

const textBody = `{"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","type":"text",` +
	`"text":{"body":"%s","preview_url":false}}`

func TestSendTextMessage(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Method != http.MethodPost || r.URL.String() != "/v26.0/"+account+"/messages" ||
			r.Header.Get("Authorization") != "Bearer "+accessToken || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		return false
	})
	for _, to := range []string{to, "4915112345678", "0049 151-12345678"} {
		if _, err := p.SendTextMessage(t.Context(), to, "a <b> & \\\"c\\\""); err != nil {
			t.Fatal(err)
		}
	}
	for _, body := range m.sent() {
		if want := fmt.Sprintf(textBody, `a <b> & \\\"c\\\"`); body != want {
			t.Errorf("\n got %s\nwant %s", body, want)
		}
	}
	id, err := p.SendTextMessage(t.Context(), "DE.90210", "hi")
	if err != nil || id != "wamid.3" {
		t.Errorf("%q, %v", id, err)
	}
	if got, want := m.sent()[3], `{"messaging_product":"whatsapp","recipient_type":"individual","recipient":"DE.90210",`+
		`"type":"text","text":{"body":"hi","preview_url":false}}`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	id, err = p.SendTextMessage(t.Context(), "group:Y2Fw", "hi")
	if err != nil || id != "wamid.4" {
		t.Errorf("%q, %v", id, err)
	}
	if got, want := m.sent()[4], `{"messaging_product":"whatsapp","recipient_type":"group","to":"Y2Fw",`+
		`"type":"text","text":{"body":"hi","preview_url":false}}`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	// A long text takes several messages; the id is that of the last one.
	id, err = p.SendTextMessage(t.Context(), to, strings.Repeat("a", 4096)+" "+strings.Repeat("b", 10))
	if err != nil || id != "wamid.6" {
		t.Errorf("%q, %v", id, err)
	}
	if got, want := m.sent()[6], fmt.Sprintf(textBody, strings.Repeat("b", 10)); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestSendInteractiveButtons(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	id, err := p.SendInteractiveButtons(t.Context(), to, "Restart api?", []whatsapp.Button{
		{ID: "yes", Title: "Yes"}, {ID: "no", Title: "No, leave it as it is now"},
	})
	if err != nil || id != "wamid.0" {
		t.Fatalf("%q, %v", id, err)
	}
	want := `{"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","type":"interactive",` +
		`"interactive":{"type":"button","body":{"text":"Restart api?"},"action":{"buttons":[` +
		`{"type":"reply","reply":{"id":"yes","title":"Yes"}},` +
		`{"type":"reply","reply":{"id":"no","title":"No, leave it as it…"}}]}}}`
	if got := m.sent()[0]; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	for _, bad := range [][]whatsapp.Button{nil, make([]whatsapp.Button, 4), {{Title: "no id"}}} {
		_, err := p.SendInteractiveButtons(t.Context(), to, "x", bad)
		if e := failure(t, err); e.Reason != chat.ReasonContentRejected || !e.Permanent {
			t.Errorf("%+v", e)
		}
	}
	if n := len(m.sent()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestSendInteractiveList(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	id, err := p.SendInteractiveList(t.Context(), to, "Pods", "Which one?", "Show", []whatsapp.Section{
		{Title: "prod", Rows: []whatsapp.Row{{ID: "p1", Title: "api", Description: "3 run"}}},
		{Title: "test", Rows: []whatsapp.Row{{ID: "t1", Title: "api"}}},
	})
	if err != nil || id != "wamid.0" {
		t.Fatalf("%q, %v", id, err)
	}
	want := `{"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","type":"interactive",` +
		`"interactive":{"type":"list","header":{"type":"text","text":"Pods"},"body":{"text":"Which one?"},` +
		`"action":{"button":"Show","sections":[` +
		`{"title":"prod","rows":[{"id":"p1","title":"api","description":"3 run"}]},` +
		`{"title":"test","rows":[{"id":"t1","title":"api 2"}]}]}}}`
	if got := m.sent()[0]; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	for _, bad := range [][]whatsapp.Section{
		nil,
		{{Rows: make([]whatsapp.Row, 11)}},
		{{Rows: []whatsapp.Row{{ID: strings.Repeat("i", 201), Title: "x"}}}},
	} {
		_, err := p.SendInteractiveList(t.Context(), to, "", "x", "", bad)
		if e := failure(t, err); e.Reason != chat.ReasonContentRejected || !e.Permanent {
			t.Errorf("%+v", e)
		}
	}
	if n := len(m.sent()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestSendResponse(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	sent, err := p.SendResponse(t.Context(), chat.Delivery{
		ID: "d-1", Account: account, ChannelID: "4915112345678", Attempt: 1, Response: chat.Response{
			Text: "api is back", Status: chat.StatusSuccess, ReplyTo: "wamid.q",
			Actions: []chat.Action{{ID: "logs", Label: "Logs", Description: "the last ten minutes"}},
			Attachments: []chat.Attachment{
				{Type: chat.MediaImage, URL: "https://files.example/graph.png", Caption: "load"},
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	common := `{"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678",%s` +
		`"biz_opaque_callback_data":"d-1",`
	want := []string{
		fmt.Sprintf(common, `"context":{"message_id":"wamid.q"},`) +
			`"type":"image","image":{"link":"https://files.example/graph.png","caption":"load"}}`,
		fmt.Sprintf(common, "") + `"type":"interactive","interactive":{"type":"button","body":{"text":"✅ api is back"},` +
			`"action":{"buttons":[{"type":"reply","reply":{"id":"logs","title":"Logs"}}]}}}`,
	}
	if d := cmp.Diff(want, m.sent()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"wamid.0", "wamid.1"}, sent.MessageIDs); d != "" {
		t.Error(d)
	}
	if len(sent.Degradations) != 1 || sent.Degradations[0].What != "descriptions" || sent.Duplicate {
		t.Errorf("%+v", sent)
	}
}

func TestSendResponseRefuses(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	hi := chat.Response{Text: "hi"}
	for name, c := range map[string]struct {
		d    chat.Delivery
		want chat.Reason
	}{
		"other account": {chat.Delivery{Account: "999", ChannelID: "4915112345678", Response: hi}, chat.ReasonMisconfigured},
		"no recipient":  {chat.Delivery{Response: hi}, chat.ReasonRecipientUnavailable},
		"a name":        {chat.Delivery{ChannelID: "bob", Response: hi}, chat.ReasonRecipientUnavailable},
		"nothing":       {chat.Delivery{ChannelID: "4915112345678"}, chat.ReasonContentRejected},
		"a hologram": {chat.Delivery{ChannelID: "4915112345678", Response: chat.Response{
			Attachments: []chat.Attachment{{Type: "hologram", Data: []byte{1}}},
		}}, chat.ReasonUnsupportedContent},
	} {
		_, err := p.SendResponse(t.Context(), c.d)
		if err == nil {
			t.Errorf("%s: sent", name)
			continue
		}
		e := failure(t, err)
		if e.Reason != c.want || !e.Permanent || e.Sent != chat.SentNo {
			t.Errorf("%s: %+v", name, e)
		}
		if _, ok := errors.AsType[*whatsapp.UnsupportedMessageType](err); ok != (name == "a hologram") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(m.sent()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// Meta takes some templates and holds them back, which is not the same as sending them.
func TestTemplateIsHeldBack(t *testing.T) {
	t.Parallel()
	for status, held := range map[string]bool{"accepted": false, "held_for_quality_assessment": true, "paused": true} {
		_, p := newMeta(t, failing(http.StatusOK, `{"messages":[{"id":"wamid.1","message_status":"`+status+`"}]}`))
		sent, err := p.SendResponse(t.Context(), chat.Delivery{ChannelID: "4915112345678", Response: chat.Response{
			Template: &chat.Template{Name: "alert", Language: "en"},
		}})
		if err != nil || len(sent.MessageIDs) != 1 || sent.Held || (len(sent.Degradations) == 1) != held {
			t.Errorf("%s: %+v, %v", status, sent, err)
		}
	}
}

// What went out before a failure is not sent again.
func TestPartialFailure(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, func(w http.ResponseWriter, r *http.Request, n int) bool {
		return n == 2 && failing(http.StatusTooManyRequests, `{"error":{"message":"(#130429) Rate limit hit","code":130429}}`)(w, r, n)
	})
	d := chat.Delivery{ID: "d", ChannelID: "4915112345678", Attempt: 1, Response: chat.Response{
		Text: strings.Repeat("a", 4096) + strings.Repeat("b", 4096) + strings.Repeat("c", 4096) + strings.Repeat("d", 4096),
	}}
	_, err := p.SendResponse(t.Context(), d)
	e := failure(t, err)
	if e.Reason != chat.ReasonRateLimited || e.Permanent || e.RetryAfter <= 0 || e.Sent != chat.SentNo {
		t.Errorf("%+v", e)
	}
	if diff := cmp.Diff([]string{"wamid.0", "wamid.1"}, e.MessageIDs); diff != "" {
		t.Error(diff)
	}
	if n := len(m.sent()); n != 3 {
		t.Errorf("%d requests, but nothing may follow a failure", n)
	}

	d.Attempt, d.PartsSent = 2, len(e.MessageIDs)
	sent, err := p.SendResponse(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"wamid.3", "wamid.4"}, sent.MessageIDs); diff != "" {
		t.Error(diff)
	}
	bodies := m.sent()
	if bodies[2] != bodies[3] || !strings.Contains(bodies[3], "cccc") || !strings.Contains(bodies[4], "dddd") {
		t.Error("it did not go on with the third part")
	}

	// All parts are out: there is nothing to do.
	d.PartsSent = 4
	sent, err = p.SendResponse(t.Context(), d)
	if err != nil || !sent.Duplicate || len(sent.MessageIDs) != 0 || len(m.sent()) != 5 {
		t.Errorf("%+v, %v", sent, err)
	}
}

func TestAPIErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status    int
		body      string
		want      whatsapp.ApiError
		reason    chat.Reason
		permanent bool
		health    chat.HealthState
	}{
		"expired token": {
			status: 401,
			body: `{"error":{"message":"Session has expired","type":"OAuthException","code":190,"error_subcode":463,` +
				`"fbtrace_id":"Atrace"}}`,
			want: whatsapp.ApiError{
				Code: 190, Subcode: 463, Type: "OAuthException", Message: "Session has expired", TraceID: "Atrace", HTTPStatus: 401,
			},
			reason: chat.ReasonCredentialsRejected, permanent: true, health: chat.HealthFailed,
		},
		"window closed": {
			status: 400,
			body: `{"error":{"message":"(#131047) Re-engagement message","code":131047,` +
				`"error_data":{"messaging_product":"whatsapp","details":"more than 24 hours"},"fbtrace_id":"Btrace"}}`,
			want: whatsapp.ApiError{
				Code: 131047, Message: "(#131047) Re-engagement message", Details: "more than 24 hours", TraceID: "Btrace", HTTPStatus: 400,
			},
			reason: chat.ReasonWindowClosed, permanent: true, health: chat.HealthOK,
		},
		"pair limit": {
			status: 400,
			body:   `{"error":{"message":"(#131056) pair rate limit hit","code":131056,"fbtrace_id":"Ctrace"}}`,
			want: whatsapp.ApiError{
				Code: 131056, Message: "(#131056) pair rate limit hit", TraceID: "Ctrace", HTTPStatus: 400, Retryable: true,
			},
			reason: chat.ReasonRateLimited, health: chat.HealthOK,
		},
		"Meta is down": {
			status: 503,
			body:   `{"error":{"message":"later","code":2,"is_transient":true}}`,
			want:   whatsapp.ApiError{Code: 2, Message: "later", Transient: true, HTTPStatus: 503, Retryable: true},
			reason: chat.ReasonUpstreamError, health: chat.HealthDegraded,
		},
		"an error with status 200": {
			status: 200,
			body:   `{"error":{"message":"no","code":100,"error_user_title":"T","error_user_msg":"U"}}`,
			want:   whatsapp.ApiError{Code: 100, Message: "no", UserTitle: "T", UserMessage: "U", HTTPStatus: 200},
			reason: chat.ReasonContentRejected, permanent: true, health: chat.HealthOK,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, p := newMeta(t, failing(c.status, c.body))
			id, err := p.SendTextMessage(t.Context(), to, "hi")
			e := failure(t, err)
			if id != "" || e.Reason != c.reason || e.Permanent != c.permanent || e.Sent != chat.SentNo {
				t.Errorf("%q %+v", id, e)
			}
			got, ok := errors.AsType[*whatsapp.ApiError](err)
			if !ok {
				t.Fatalf("no ApiError in %v", err)
			}
			if d := cmp.Diff(c.want, *got); d != "" {
				t.Error(d)
			}
			subcode := ""
			if got.Subcode != 0 {
				subcode = fmt.Sprint(got.Subcode)
			}
			if e.PlatformCode != fmt.Sprint(got.Code) || e.PlatformSubcode != subcode || e.TraceID != got.TraceID {
				t.Errorf("%+v", e)
			}
			if h := p.CheckHealth(t.Context()); h.State != c.health {
				t.Errorf("health is %v", h)
			}
		})
	}
}

// A bad connection is forgotten with the next message that goes through.
func TestHealthRecovers(t *testing.T) {
	t.Parallel()
	_, p := newMeta(t, func(w http.ResponseWriter, r *http.Request, n int) bool {
		return n == 0 && failing(http.StatusUnauthorized, `{"error":{"message":"no","code":190}}`)(w, r, n)
	})
	for i, want := range []chat.HealthState{chat.HealthFailed, chat.HealthOK} {
		_, err := p.SendTextMessage(t.Context(), to, "hi")
		if got := p.CheckHealth(t.Context()).State; got != want || (err != nil) != (i == 0) {
			t.Errorf("%d: %v, %v", i, got, err)
		}
	}
}

// Meta quotes tokens that it does not know.
func TestTokenInAnswer(t *testing.T) {
	t.Parallel()
	_, p := newMeta(t, failing(http.StatusUnauthorized,
		`{"error":{"message":"Malformed access token `+accessToken+`","code":190,"error_data":{"details":"`+accessToken+`"}}}`))
	_, err := p.SendTextMessage(t.Context(), to, "hi")
	if e := failure(t, err); e.Reason != chat.ReasonCredentialsRejected {
		t.Errorf("%+v", e)
	}
	hidesSecrets(t, p.CheckHealth(t.Context()).Message)
}

// hang answers when the client has gone.
func hang(_ http.ResponseWriter, r *http.Request, _ int) bool {
	<-r.Context().Done()
	return true
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, hang)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := p.SendTextMessage(ctx, to, "hi")
	e := failure(t, err)
	if e.Reason != chat.ReasonOutcomeUnknown || e.Sent != chat.SentUnknown || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%+v", e)
	}
	if n := len(m.sent()); n != 1 {
		t.Errorf("%d requests", n)
	}
	if h := p.CheckHealth(t.Context()); h.State != chat.HealthDegraded {
		t.Errorf("%+v", h)
	}
}

// Who gives up says nothing about Meta.
func TestCancelled(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.SendTextMessage(ctx, to, "hi")
	if e := failure(t, err); e.Sent != chat.SentNo || !errors.Is(err, context.Canceled) || len(m.sent()) != 0 {
		t.Errorf("%+v", e)
	}
	if h := p.CheckHealth(t.Context()); h.State != chat.HealthOK {
		t.Errorf("%+v", h)
	}
}

// The message may be out, so it counts as neither sent nor not sent, and goes out once only.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request, int) bool{
		"hangs up": func(http.ResponseWriter, *http.Request, int) bool { panic(http.ErrAbortHandler) },
		"breaks off": func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"messages":[{"id":"wam`)
			return true
		},
		"says nothing": failing(http.StatusOK, ""),
		"has no id":    failing(http.StatusOK, `{"messages":[]}`),
		"is a gateway": failing(http.StatusBadGateway, "<html>sorry</html>"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, p := newMeta(t, answer)
			_, err := p.SendResponse(t.Context(), chat.Delivery{ChannelID: "4915112345678", Response: chat.Response{Text: "hi"}})
			if e := failure(t, err); e.Reason != chat.ReasonOutcomeUnknown || e.Sent != chat.SentUnknown {
				t.Errorf("%+v", e)
			}
			if n := len(m.sent()); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	elsewhere, _ := newMeta(t, nil)
	for _, status := range []int{301, 302, 303, 307, 308} {
		m, p := newMeta(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
			http.Redirect(w, r, elsewhere.URL, status)
			return true
		})
		_, err := p.SendTextMessage(t.Context(), to, "hi")
		if e := failure(t, err); e.Reason != chat.ReasonMisconfigured || !e.Permanent || e.Sent != chat.SentNo || len(m.sent()) != 1 {
			t.Errorf("%d: %+v", status, e)
		}
	}
	if n := len(elsewhere.sent()); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	m.Close()
	_, err := p.SendTextMessage(t.Context(), to, "hi")
	if e := failure(t, err); e.Reason != chat.ReasonUpstreamError || e.Permanent || e.Sent != chat.SentNo {
		t.Errorf("%+v", e)
	}
}

// A platform is safe for many goroutines.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := p.SendTextMessage(t.Context(), to, "hi"); err != nil {
				t.Error(err)
			}
			if b, err := p.ParseMessage(t.Context(), signed(live(textMessage))); err != nil || len(b.Messages) != 1 {
				t.Error(err)
			}
			p.CheckHealth(t.Context())
		})
	}
	all.Wait()
	if n := len(m.sent()); n != 20 {
		t.Errorf("%d requests", n)
	}
}

// A call whose time is nearly over stops between two messages, and says which are out.
func TestStopsBetweenMessages(t *testing.T) {
	t.Parallel()
	var sent atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"messages":[{"id":"wamid.%d"}]}`, sent.Add(1))
	}))
	defer srv.Close()
	c := valid()
	c.APIBaseURL = srv.URL
	p := newPlatform(t, c)
	d := chat.Delivery{ID: "d-1", ChannelID: "4915112345678", Attempt: 1, Response: chat.Response{Text: strings.Repeat("word ", 3000)}}
	ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second) // less than another message may need
	defer cancel()
	_, err := p.SendResponse(ctx, d)
	failure := chat.AsError(err)
	if failure == nil || failure.Permanent || failure.Sent != chat.SentNo || len(failure.MessageIDs) != 1 || sent.Load() != 1 {
		t.Fatalf("got %+v after %d messages", failure, sent.Load())
	}
	d.PartsSent = 1
	rest, err := p.SendResponse(t.Context(), d)
	if err != nil || len(rest.MessageIDs) != 3 || sent.Load() != 4 {
		t.Errorf("the rest: %+v %v, %d messages in all", rest, err, sent.Load())
	}
}
