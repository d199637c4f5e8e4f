package graph_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

const token = "EAAsecretEAAsecret"

var hello = graph.Message{
	MessagingProduct: "whatsapp", RecipientType: "individual", To: "+4915155501234", Type: "text",
	Text: &graph.Text{Body: "a <b> & c"},
}

// client talks to a server that lives as long as the test.
func client(t *testing.T, h http.HandlerFunc) *graph.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return clientOf(t, graph.Settings{BaseURL: srv.URL + "/"})
}

func clientOf(t *testing.T, s graph.Settings) *graph.Client {
	t.Helper()
	s.Version, s.PhoneNumberID, s.Token = "v26.0", "200300400500600", token
	c := graph.New(s)
	t.Cleanup(c.Close)
	return c
}

// send returns the error of sending, which must not tell the token.
func send(t *testing.T, c *graph.Client, attempt int) *chat.Error {
	t.Helper()
	_, err := c.Send(t.Context(), hello, attempt)
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*chat.Error](err)
	if !ok {
		t.Fatalf("%T: %v", err, err)
	}
	if all := e.Error() + e.Hint + errText(e.Err); strings.Contains(all, token) || strings.Contains(all, "Bearer") {
		t.Errorf("the error tells the token: %s", all)
	}
	return e
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestRequest(t *testing.T) {
	t.Parallel()
	var got map[string]any
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.String() != "/v26.0/200300400500600/messages" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		if r.Header.Get("Authorization") != "Bearer "+token || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%v", r.Header)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(body, &got) != nil || strings.Contains(string(body), `\u003c`) {
			t.Errorf("%s, %v", body, err)
		}
		_, _ = io.WriteString(w, `{"messaging_product":"whatsapp","contacts":[{"input":"+4915155501234","wa_id":"4915155501234"}],`+
			`"messages":[{"id":"wamid.NEW","message_status":"accepted"}]}`)
	})
	sent, err := c.Send(t.Context(), hello, 1)
	if err != nil || sent != (graph.Accepted{ID: "wamid.NEW", Status: "accepted"}) {
		t.Fatalf("%+v, %v", sent, err)
	}
	want := map[string]any{
		"messaging_product": "whatsapp", "recipient_type": "individual", "to": "+4915155501234", "type": "text",
		"text": map[string]any{"body": "a <b> & c", "preview_url": false},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status  int
		header  string // Retry-After
		body    string
		attempt int
		want    chat.Error
	}{
		"token expired": {
			status: 401, body: `{"error":{"message":"expired","type":"OAuthException","code":190,"error_subcode":463,"fbtrace_id":"TR"}}`,
			want: chat.Error{
				Reason: chat.ReasonCredentialsRejected, Permanent: true, PlatformCode: "190", PlatformSubcode: "463", TraceID: "TR",
			},
		},
		"pair rate, first attempt": {
			status: 400, body: `{"error":{"code":131056,"message":"x"}}`, attempt: 1,
			want: chat.Error{Reason: chat.ReasonRateLimited, PlatformCode: "131056", RetryAfter: time.Second},
		},
		"pair rate, third attempt": {
			status: 400, body: `{"error":{"code":131056,"message":"x"}}`, attempt: 3,
			want: chat.Error{Reason: chat.ReasonRateLimited, PlatformCode: "131056", RetryAfter: 16 * time.Second},
		},
		"pair rate, very late": {
			status: 400, body: `{"error":{"code":131056,"message":"x"}}`, attempt: 90,
			want: chat.Error{Reason: chat.ReasonRateLimited, PlatformCode: "131056", RetryAfter: 1024 * time.Second},
		},
		"throughput with Retry-After": {
			status: 429, header: "120", body: `{"error":{"code":"130429","message":"x"}}`, attempt: 1,
			want: chat.Error{Reason: chat.ReasonRateLimited, PlatformCode: "130429", RetryAfter: 2 * time.Minute},
		},
		"app limit": {
			status: 400, body: `{"error":{"code":4,"message":"x","is_transient":true}}`, attempt: 2,
			want: chat.Error{Reason: chat.ReasonRateLimited, PlatformCode: "4", RetryAfter: 2 * time.Minute},
		},
		"window": {
			status: 400, body: `{"error":{"code":131047,"message":"x"}}`,
			want: chat.Error{Reason: chat.ReasonWindowClosed, Permanent: true, PlatformCode: "131047"},
		},
		"window, by another status": {
			status: 500, body: `{"error":{"code":131047,"message":"x"}}`,
			want: chat.Error{Reason: chat.ReasonWindowClosed, Permanent: true, PlatformCode: "131047"},
		},
		"wrong phone number id": {
			status: 400, body: `{"error":{"code":100,"error_subcode":33,"message":"x"}}`,
			want: chat.Error{Reason: chat.ReasonMisconfigured, Permanent: true, PlatformCode: "100", PlatformSubcode: "33"},
		},
		"wrong parameter": {
			status: 400, body: `{"error":{"code":100,"message":"x"}}`,
			want: chat.Error{Reason: chat.ReasonContentRejected, Permanent: true, PlatformCode: "100"},
		},
		"a right of the range": {
			status: 403, body: `{"error":{"code":294,"message":"x"}}`,
			want: chat.Error{Reason: chat.ReasonPermissionDenied, Permanent: true, PlatformCode: "294"},
		},
		"template, unknown code": {
			status: 400, body: `{"error":{"code":132999,"message":"x"}}`,
			want: chat.Error{Reason: chat.ReasonContentRejected, Permanent: true, PlatformCode: "132999"},
		},
		"Meta's fault, tried again": {
			status: 500, body: `{"error":{"code":131000,"message":"x"}}`, attempt: 2,
			want: chat.Error{Reason: chat.ReasonUpstreamError, PlatformCode: "131000", RetryAfter: 4 * time.Second},
		},
		"Meta's fault, enough": {
			status: 500, body: `{"error":{"code":131000,"message":"x"}}`, attempt: 3,
			want: chat.Error{Reason: chat.ReasonUpstreamError, Permanent: true, PlatformCode: "131000"},
		},
		"outage, tried longer": {
			status: 503, body: `{"error":{"code":2,"message":"x","is_transient":true}}`, attempt: 4,
			want: chat.Error{Reason: chat.ReasonUpstreamError, PlatformCode: "2", RetryAfter: 64 * time.Second},
		},
		"outage, enough": {
			status: 503, body: `{"error":{"code":2,"message":"x"}}`, attempt: 5,
			want: chat.Error{Reason: chat.ReasonUpstreamError, Permanent: true, PlatformCode: "2"},
		},
		"unknown code":               {status: 400, body: `{"error":{"code":77,"message":"x"}}`, want: chat.Error{Reason: chat.ReasonContentRejected, Permanent: true, PlatformCode: "77"}},
		"unknown code, 5xx":          {status: 500, body: `{"error":{"code":77,"message":"x"}}`, want: chat.Error{Reason: chat.ReasonUpstreamError, PlatformCode: "77"}},
		"unknown code, transient":    {status: 400, body: `{"error":{"code":77,"message":"x","is_transient":true}}`, want: chat.Error{Reason: chat.ReasonUpstreamError, PlatformCode: "77"}},
		"unknown code, 429":          {status: 429, body: `{"error":{"code":77,"message":"x"}}`, want: chat.Error{Reason: chat.ReasonRateLimited, PlatformCode: "77", RetryAfter: time.Second}},
		"error with status 200":      {status: 200, body: `{"error":{"code":131026,"message":"x"}}`, want: chat.Error{Reason: chat.ReasonRecipientUnavailable, Permanent: true, PlatformCode: "131026"}},
		"page of a gateway, 502":     {status: 502, body: "<html>", want: chat.Error{Reason: chat.ReasonOutcomeUnknown, Sent: chat.SentUnknown}},
		"page of a gateway, 504":     {status: 504, want: chat.Error{Reason: chat.ReasonOutcomeUnknown, Sent: chat.SentUnknown}},
		"page of a gateway, 520":     {status: 520, want: chat.Error{Reason: chat.ReasonOutcomeUnknown, Sent: chat.SentUnknown}},
		"page, 500":                  {status: 500, body: "oops", want: chat.Error{Reason: chat.ReasonUpstreamError}},
		"page, 503 with Retry-After": {status: 503, header: "7", want: chat.Error{Reason: chat.ReasonUpstreamError, RetryAfter: 7 * time.Second}},
		"page, 429":                  {status: 429, want: chat.Error{Reason: chat.ReasonRateLimited, RetryAfter: time.Second}},
		"page, 401":                  {status: 401, body: "{}", want: chat.Error{Reason: chat.ReasonCredentialsRejected, Permanent: true}},
		"page, 403":                  {status: 403, want: chat.Error{Reason: chat.ReasonPermissionDenied, Permanent: true}},
		"page, 404":                  {status: 404, body: `"x"`, want: chat.Error{Reason: chat.ReasonMisconfigured, Permanent: true}},
		"page, 413":                  {status: 413, want: chat.Error{Reason: chat.ReasonContentRejected, Permanent: true}},
		"error that is a string":     {status: 400, body: `{"error":"no"}`, want: chat.Error{Reason: chat.ReasonContentRejected, Permanent: true}},
		"redirect":                   {status: 307, want: chat.Error{Reason: chat.ReasonMisconfigured, Permanent: true}},
		"200 without an id":          {status: 200, body: `{"messages":[{}]}`, want: chat.Error{Reason: chat.ReasonOutcomeUnknown, Sent: chat.SentUnknown}},
		"200 of a captive portal":    {status: 200, body: `<html>Welcome`, want: chat.Error{Reason: chat.ReasonOutcomeUnknown, Sent: chat.SentUnknown}},
		"200 and far too long":       {status: 200, body: `{"messages":[{"id":"x"}],"x":"` + strings.Repeat("y", 2<<20) + `"}`, want: chat.Error{Reason: chat.ReasonOutcomeUnknown, Sent: chat.SentUnknown}},
		"Retry-After that is absurd": {status: 503, header: "999999999", want: chat.Error{Reason: chat.ReasonUpstreamError, RetryAfter: time.Hour}},
		"Retry-After of nonsense":    {status: 503, header: "-5", want: chat.Error{Reason: chat.ReasonUpstreamError}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl := client(t, func(w http.ResponseWriter, _ *http.Request) {
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			got := send(t, cl, c.attempt)
			if got == nil {
				t.Fatal("no error")
			}
			if got.Text == "" {
				t.Error("no text")
			}
			facts := *got
			facts.Text, facts.Hint, facts.Err = "", "", nil
			if d := cmp.Diff(c.want, facts); d != "" {
				t.Error(d)
			}
			api, ok := errors.AsType[*graph.Error](error(got))
			if ok != (c.want.PlatformCode != "") {
				t.Errorf("Meta's error: %v", ok)
			}
			if ok && api.HTTPStatus != c.status {
				t.Errorf("status %d", api.HTTPStatus)
			}
		})
	}
}

func TestRetryAfterDate(t *testing.T) {
	t.Parallel()
	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(90*time.Second).UTC().Format(http.TimeFormat))
		w.WriteHeader(503)
	})
	if e := send(t, c, 1); e.RetryAfter < 80*time.Second || e.RetryAfter > 90*time.Second {
		t.Errorf("%v", e.RetryAfter)
	}
}

// Nothing listens: nothing can have been sent.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	e := send(t, clientOf(t, graph.Settings{BaseURL: "http://" + l.Addr().String()}), 1)
	if e.Reason != chat.ReasonUpstreamError || e.Sent != chat.SentNo || e.Permanent {
		t.Errorf("%+v", e)
	}
}

// A server that cannot prove who it is gets no request.
func TestUntrustedServer(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("got a request") }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	e := send(t, clientOf(t, graph.Settings{BaseURL: srv.URL}), 1)
	if e.Reason != chat.ReasonUpstreamError || e.Sent != chat.SentNo {
		t.Errorf("%+v", e)
	}
}

// The server takes the request and hangs up: it may have done what it was asked. The transport must not
// ask again by itself, on a used connection either.
func TestHangUpAfterRequest(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if requests.Add(1) == 1 {
			_, _ = io.WriteString(w, `{"messages":[{"id":"1"}]}`)
			return
		}
		panic(http.ErrAbortHandler)
	})
	if e := send(t, c, 1); e != nil {
		t.Fatal(e)
	}
	e := send(t, c, 1)
	if e == nil || e.Reason != chat.ReasonOutcomeUnknown || e.Sent != chat.SentUnknown {
		t.Errorf("%+v", e)
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("%d requests for 2 calls", n)
	}
}

func TestNoAnswerInTime(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-release
	}))
	defer srv.Close()
	defer close(release)
	e := send(t, clientOf(t, graph.Settings{BaseURL: srv.URL, Timeout: 100 * time.Millisecond}), 1)
	if e.Reason != chat.ReasonOutcomeUnknown || e.Sent != chat.SentUnknown || !errors.Is(e, context.DeadlineExceeded) {
		t.Errorf("%+v", e)
	}
}

// A call that is over before it began has sent nothing.
func TestCancelledBefore(t *testing.T) {
	t.Parallel()
	c := client(t, func(http.ResponseWriter, *http.Request) { t.Error("got a request") })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Send(ctx, hello, 1)
	if e := chat.AsError(err); e.Sent != chat.SentNo || e.Reason != chat.ReasonUpstreamError {
		t.Errorf("%+v", e)
	}
}

// The answer breaks off. With a good status the message may be out; with a bad one it is not.
func TestAnswerBreaksOff(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]chat.Certainty{200: chat.SentUnknown, 400: chat.SentNo} {
		c := client(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "500")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"messages":[{"id":"1"`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		if e := send(t, c, 1); e == nil || e.Sent != want {
			t.Errorf("%d: %+v", status, e)
		}
	}
}

// A redirect is not followed: the token would go along.
func TestRedirect(t *testing.T) {
	t.Parallel()
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("followed") }))
	defer thief.Close()
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL, http.StatusPermanentRedirect)
	})
	if e := send(t, c, 1); e.Reason != chat.ReasonMisconfigured || e.Sent != chat.SentNo {
		t.Errorf("%+v", e)
	}
}

func TestNativeBody(t *testing.T) {
	t.Parallel()
	m := graph.Message{
		MessagingProduct: "whatsapp", RecipientType: "individual", To: "+1", Type: "future",
		Native: map[string]json.RawMessage{"future": json.RawMessage(`{"a":"<"}`), "to": json.RawMessage(`"+2"`)},
	}
	got, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"future":{"a":"\u003c"},"messaging_product":"whatsapp","recipient_type":"individual","to":"+1","type":"future"}`
	if string(got) != want {
		t.Errorf("%s", got)
	}
}
