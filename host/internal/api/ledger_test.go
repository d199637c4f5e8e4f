package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/aof-dev/aofd/host/internal/api"
	"github.com/aof-dev/aofd/host/internal/store"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
	"github.com/aof-dev/aofd/sdk/chat"
)

const (
	phone   = "4915112345678"
	secret  = "what only Ada and her doctor know"
	session = "0123456789abcdef-signature"
)

// tell has a person say something, and an agent answer it.
func tell(t *testing.T, s store.Store, n int, text string) (cause string, d store.Delivery) {
	t.Helper()
	m := chat.Message{
		ID: fmt.Sprintf("e%d", n), Platform: "echo", Account: "106540352242922", ChannelID: phone, Text: text,
		User: chat.User{ID: phone, DisplayName: "Ada Lovelace"}, SentAt: time.Now(), ReceivedAt: time.Now(),
		Content: chat.Content{Interaction: &chat.Interaction{
			Kind: chat.InteractionForm, ID: "form", Data: json.RawMessage(`{"reason":"a bad knee","more":{"status":"in pain"},"weight":71613}`),
		}},
	}
	raw := fmt.Sprintf(`{"object":"messages","from":"%s","profile":{"name":"Ada Lovelace"},"text":{"body":%q},"lat":48.13}`, phone, text)
	added, err := s.Append(t.Context(), store.Inbound{
		Messages: []store.InboundMessage{{Message: m, Conversation: "echo/106540352242922/" + phone, Lane: store.LaneTurn}},
		Trace:    []store.TraceEvent{{At: time.Now(), Hop: store.HopReceived, Duration: time.Millisecond, Detail: "of " + phone}},
		Request: &chat.Request{Method: "POST", URI: "/webhook/echo?token=abc", Body: []byte(raw), Headers: []chat.Header{
			{Name: "content-type", Value: "application/json"}, {Name: "x-signature", Value: session},
		}},
	})
	if err != nil || len(added.New) != 1 {
		t.Fatalf("%+v, %v", added, err)
	}
	turns, err := s.Claim(t.Context(), "w", store.LaneTurn, 1, time.Minute)
	if err != nil || len(turns) != 1 {
		t.Fatalf("%v, %v", turns, err)
	}
	d = store.Delivery{
		ID: store.DeliveryID(added.New[0], 1), Cause: added.New[0], Ordinal: 1, Platform: "echo", Account: m.Account,
		Conversation: turns[0].Conversation, ChannelID: phone, Agent: "a",
		Response: chat.Response{Text: "about " + secret}, CreatedAt: time.Now(),
	}
	if err := s.Finish(t.Context(), turns[0], store.Result{
		Outcome: store.OutcomeAnswered, Deliveries: []store.Delivery{d},
		Trace: []store.TraceEvent{{At: time.Now(), Hop: store.HopTurnEnd, Detail: "answered"}},
	}); err != nil {
		t.Fatal(err)
	}
	return added.New[0], d
}

// settle ends an attempt of the next delivery.
func settle(t *testing.T, s store.Store, state store.DeliveryState, e *chat.DeliveryError) {
	t.Helper()
	due, err := s.ClaimDeliveries(t.Context(), "w", 1, time.Minute)
	if err != nil || len(due) != 1 {
		t.Fatalf("%v, %v", due, err)
	}
	v := store.Settlement{
		DeliveryID: due[0].ID, Attempt: due[0].Attempt, State: state, Error: e,
		Trace: []store.TraceEvent{{At: time.Now(), Hop: store.HopAttempt, Detail: "attempt 1: " + string(state), DeliveryID: due[0].ID}},
	}
	if state == store.StateSent {
		v.MessageIDs = []string{"m-" + due[0].ID}
	}
	if err := s.Settle(t.Context(), v); err != nil {
		t.Fatal(err)
	}
}

func reason(t *testing.T, err error) string {
	t.Helper()
	e, ok := errors.AsType[*connect.Error](err)
	if !ok {
		t.Fatalf("%v is no error of the API", err)
	}
	for _, d := range e.Details() {
		if v, err := d.Value(); err == nil {
			if info, ok := v.(*errdetails.ErrorInfo); ok {
				return info.GetReason()
			}
		}
	}
	return ""
}

func TestLedgerInPages(t *testing.T) {
	t.Parallel()
	s := opened(t)
	client := dial(t, daemon{store: s, status: api.Status{Platforms: []api.Platform{{
		ID: "echo", Accounts: []api.Account{{ID: "106540352242922"}}, Limits: chat.Limits{ReplyWindow: 24 * time.Hour},
	}}}})
	for n := range 5 {
		tell(t, s, n, fmt.Sprintf("word%d", n))
		settle(t, s, store.StateSent, nil)
	}
	var seen []string
	r := &hostv1.ListMessagesRequest{PageSize: 2, Platform: "echo", States: []string{"answered"}}
	for {
		page, err := client.ListMessages(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.GetMessages() {
			seen = append(seen, m.GetText())
		}
		if r.PageToken = page.GetNextPageToken(); r.GetPageToken() == "" {
			break
		}
	}
	if got := strings.Join(seen, " "); got != "word4 word3 word2 word1 word0" {
		t.Errorf("messages %s", got)
	}
	found, err := client.ListMessages(t.Context(), &hostv1.ListMessagesRequest{Query: "WORD3"})
	if err != nil || len(found.GetMessages()) != 1 || found.GetMessages()[0].GetEventId() != "e3" {
		t.Errorf("found %v, %v", found, err)
	}
	c, err := client.ListConversations(t.Context(), &hostv1.ListConversationsRequest{Query: "lovelace"})
	if err != nil || len(c.GetConversations()) != 1 || c.GetConversations()[0].GetWindowClosesAt() == nil {
		t.Errorf("conversations %v, %v", c, err)
	}
	one, err := client.GetConversation(t.Context(), &hostv1.GetConversationRequest{Key: c.GetConversations()[0].GetKey()})
	if err != nil || one.GetConversation().GetUserId() != phone {
		t.Errorf("conversation %v, %v", one, err)
	}
	d, err := client.ListDeliveries(t.Context(), &hostv1.ListDeliveriesRequest{States: []string{"sent"}, PageSize: 1})
	if err != nil || len(d.GetDeliveries()) != 1 || d.GetNextPageToken() == "" {
		t.Fatalf("deliveries %v, %v", d, err)
	}
	whole, err := client.GetDelivery(t.Context(), &hostv1.GetDeliveryRequest{Id: d.GetDeliveries()[0].GetId()})
	if err != nil || len(whole.GetDelivery().GetAttempts()) != 1 || !strings.Contains(whole.GetDelivery().GetResponseJson(), secret) {
		t.Errorf("delivery %v, %v", whole, err)
	}
	for want, call := range map[string]func() error{
		"BAD_CURSOR": func() error {
			_, err := client.ListMessages(t.Context(), &hostv1.ListMessagesRequest{PageToken: "!"})
			return err
		},
		"BAD_ARGUMENT": func() error {
			_, err := client.ListDeliveries(t.Context(), &hostv1.ListDeliveriesRequest{States: []string{"lost"}})
			return err
		},
		"BAD_ARGUMENT of a long query": func() error {
			_, err := client.ListMessages(t.Context(), &hostv1.ListMessagesRequest{Query: strings.Repeat("%a", 30_000)})
			return err
		},
		"UNKNOWN_ID": func() error {
			_, err := client.GetDelivery(t.Context(), &hostv1.GetDeliveryRequest{Id: "x"})
			return err
		},
	} {
		want, _, _ := strings.Cut(want, " ")
		if got := reason(t, call()); got != want {
			t.Errorf("reason %s, want %s", got, want)
		}
	}
	// More states than a database takes parameters.
	if _, err := client.ListMessages(t.Context(), &hostv1.ListMessagesRequest{
		States: slices.Repeat([]string{"open", "answered"}, 50_000),
	}); err != nil {
		t.Error(err)
	}
	if _, err := client.ListDeliveries(t.Context(), &hostv1.ListDeliveriesRequest{
		States: slices.Repeat([]string{"sent", "queued"}, 50_000),
	}); err != nil {
		t.Error(err)
	}
}

// A trace can be passed on: it shows nothing that people said or who they are, and no secret, unless the caller
// is on the machine and asks for it.
func TestTraceIsMaskedUntilAskedFor(t *testing.T) {
	t.Parallel()
	s := opened(t)
	d := daemon{store: s}
	client := dial(t, d)
	cause, _ := tell(t, s, 1, secret)
	settle(t, s, store.StateFailed, &chat.DeliveryError{Reason: "REJECTED", Message: "to " + phone, Hint: "mend it"})
	private := []string{phone, secret, "Ada", session, "abc", "48.13", "a bad knee", "in pain", `weight\":71613`}
	for _, id := range []string{cause, "e1", store.Reference(cause), store.DeliveryID(cause, 1), "last"} {
		masked, err := client.GetTrace(t.Context(), &hostv1.GetTraceRequest{Id: id})
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		text := fmt.Sprint(masked) + string(masked.GetWebhooks()[0].GetBody())
		for _, p := range private {
			if strings.Contains(text, p) {
				t.Errorf("%s is shown in %s", p, text)
			}
		}
		if !masked.GetMasked() || masked.GetCause() != cause || len(masked.GetHops()) != 3 || masked.GetTotalUs() == 0 ||
			masked.GetHops()[2].GetLevel() != "error" || masked.GetHops()[2].GetHint() != "mend it" ||
			!json.Valid(masked.GetWebhooks()[0].GetBody()) || !strings.Contains(text, `"object":"messages"`) {
			t.Errorf("%s: %v", id, masked)
		}
	}
	shown, err := client.GetTrace(t.Context(), &hostv1.GetTraceRequest{Id: cause, Reveal: true})
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(shown) + string(shown.GetWebhooks()[0].GetBody())
	for _, p := range private {
		if !strings.Contains(text, p) {
			t.Errorf("revealed, %s is not in %s", p, text)
		}
	}
	// From another machine, or through a proxy, nothing is revealed.
	srv := httptest.NewServer(api.Guard{}.Protect(handler(t, d), nil))
	t.Cleanup(srv.Close)
	for _, header := range []string{"X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"} {
		far := hostv1connect.NewHostServiceClient(srv.Client(), srv.URL, connect.WithInterceptors(connect.UnaryInterceptorFunc(
			func(next connect.UnaryFunc) connect.UnaryFunc {
				return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
					r.Header().Set(header, "203.0.113.9")
					return next(ctx, r)
				}
			})))
		_, err := far.GetTrace(t.Context(), &hostv1.GetTraceRequest{Id: cause, Reveal: true})
		if reason(t, err) != "REVEAL_REFUSED" {
			t.Errorf("from afar, by %s: %v", header, err)
		}
	}
	if _, err := client.GetTrace(t.Context(), &hostv1.GetTraceRequest{Id: "nobody"}); reason(t, err) != "UNKNOWN_ID" {
		t.Errorf("unknown id: %v", err)
	}
}

// A stream that breaks is resumed without a gap and without telling anything twice.
func TestTailResumes(t *testing.T) {
	t.Parallel()
	s := opened(t)
	client := dial(t, daemon{store: s, stopped: make(chan struct{})})
	tell(t, s, 0, "before")
	settle(t, s, store.StateSent, nil)
	var names []string
	cursor := ""
	read := func(n int, r *hostv1.TailEventsRequest) {
		t.Helper()
		stream, err := client.TailEvents(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = stream.Close() }()
		for stream.Receive() {
			m := stream.Msg()
			cursor = m.GetCursor()
			if h := m.GetHop(); h != nil {
				names = append(names, m.GetMessage().GetEventId()+" "+h.GetName()+" "+m.GetDelivery().GetState())
				n--
			}
			if n == 0 {
				return
			}
		}
		t.Fatalf("the stream ended: %v", stream.Err())
	}
	read(2, &hostv1.TailEventsRequest{Last: 100})
	read(1, &hostv1.TailEventsRequest{Cursor: cursor})
	go func() {
		tell(t, s, 1, "later")
		settle(t, s, store.StateUnknown, nil)
	}()
	read(3, &hostv1.TailEventsRequest{Cursor: cursor})
	want := "e0 webhook.received ,e0 turn.end ,e0 send.attempt sent,e1 webhook.received ,e1 turn.end ,e1 send.attempt unknown"
	if got := strings.Join(names, ","); got != want {
		t.Errorf("told %s\nwant %s", got, want)
	}
	names = nil
	read(1, &hostv1.TailEventsRequest{Last: 100, FailedOnly: true, Platform: "echo"})
	if names[0] != "e1 send.attempt unknown" {
		t.Errorf("failed only: %v", names)
	}
	stream, err := client.TailEvents(t.Context(), &hostv1.TailEventsRequest{Cursor: "x"})
	if err == nil {
		stream.Receive()
		err = stream.Err()
	}
	if reason(t, err) != "BAD_CURSOR" {
		t.Errorf("a bad cursor: %v", err)
	}
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	s := opened(t)
	client := dial(t, daemon{store: s})
	ctx := t.Context()
	_, failed := tell(t, s, 1, "one")
	settle(t, s, store.StateFailed, &chat.DeliveryError{Reason: "REJECTED", Message: "no"})
	_, unknown := tell(t, s, 2, "two")
	settle(t, s, store.StateUnknown, nil)
	_, sent := tell(t, s, 3, "three")
	settle(t, s, store.StateSent, nil)
	list, err := client.ListDeadLetters(ctx, &hostv1.ListDeadLettersRequest{})
	if err != nil || len(list.GetDeliveries()) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	state := func(d *hostv1.Delivery, err error) string {
		if err != nil {
			return reason(t, err)
		}
		return d.GetState()
	}
	retry := func(id string) string {
		r, err := client.RetryDeadLetter(ctx, &hostv1.RetryDeadLetterRequest{Id: id})
		return state(r.GetDelivery(), err)
	}
	drop := func(id, why string) string {
		r, err := client.DropDeadLetter(ctx, &hostv1.DropDeadLetterRequest{Id: id, Reason: why})
		return state(r.GetDelivery(), err)
	}
	resend := func(id string) string {
		r, err := client.ResendDeadLetter(ctx, &hostv1.ResendDeadLetterRequest{Id: id})
		return state(r.GetDelivery(), err)
	}
	for _, c := range []struct{ what, got, want string }{
		{"retry what may be out", retry(unknown.ID), "MAY_BE_SENT"},
		{"retry what is out", retry(sent.ID), "NO_DEAD_LETTER"},
		{"retry nothing", retry("x"), "UNKNOWN_ID"},
		{"drop without a reason", drop(unknown.ID, ""), "BAD_ARGUMENT"},
		{"drop what is out", drop(sent.ID, "why"), "NO_DEAD_LETTER"},
		{"retry what failed", retry(failed.ID), "queued"},
		{"drop it on its way", drop(failed.ID, "changed my mind"), "suppressed"},
		{"resend what may be out", resend(unknown.ID), "queued"},
		{"resend what is out", resend(sent.ID), "NO_DEAD_LETTER"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
}

func TestSendAndPause(t *testing.T) {
	t.Parallel()
	s := opened(t)
	client := dial(t, daemon{store: s, status: api.Status{Platforms: []api.Platform{{ID: "echo", Accounts: []api.Account{{ID: "1"}}}}}})
	ctx := t.Context()
	for name, r := range map[string]*hostv1.SendMessageRequest{
		"no target":        {Text: "hello"},
		"two targets":      {Text: "hello", Conversation: "c", Platform: "echo"},
		"nothing to say":   {Platform: "echo", ChannelId: "u"},
		"a long channel":   {Platform: "echo", ChannelId: strings.Repeat("u", 513), Text: "a"},
		"two answers":      {Platform: "echo", ChannelId: "u", Text: "a", ResponseJson: `{"text":"b"}`},
		"unknown members":  {Platform: "echo", ChannelId: "u", ResponseJson: `{"txt":"b"}`},
		"an unknown state": {Platform: "echo", ChannelId: "u", Text: "a", Wait: "seen"},
	} {
		if _, err := client.SendMessage(ctx, r); reason(t, err) != "BAD_ARGUMENT" {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := &hostv1.SendMessageRequest{Platform: "echo", Account: "1", ChannelId: "u", Text: "hello", IdempotencyKey: "k", DryRun: true}
	if out, err := client.SendMessage(ctx, r); err != nil || len(out.GetWarnings()) != 1 {
		t.Errorf("dry: %v, %v", out, err)
	}
	r.DryRun, r.Wait = false, "sent"
	go settleSoon(t, s)
	if out, err := client.SendMessage(ctx, r); err != nil || out.GetDelivery().GetState() != "sent" {
		t.Errorf("sent: %v, %v", out, err)
	}
	r.Wait, r.WaitSeconds = "read", 1
	if _, err := client.SendMessage(ctx, r); reason(t, err) != "STILL_WAITING" {
		t.Errorf("nobody reads it: %v", err)
	}
	if _, err := client.PausePlatform(ctx, &hostv1.PausePlatformRequest{Platform: "echo", Account: "1", Reason: "lunch"}); err != nil {
		t.Fatal(err)
	}
	st, err := client.GetStatus(ctx, &hostv1.GetStatusRequest{})
	if err != nil || st.GetPlatforms()[0].GetAccountDetails()[0].GetPause().GetReason() != "lunch" || st.GetPlatforms()[0].GetPause() != nil {
		t.Errorf("paused: %v, %v", st, err)
	}
	for range 2 { // resuming what is not paused changes nothing
		if _, err := client.ResumePlatform(ctx, &hostv1.ResumePlatformRequest{Platform: "echo", Account: "1"}); err != nil {
			t.Error(err)
		}
	}
	if _, err := client.PausePlatform(ctx, &hostv1.PausePlatformRequest{Platform: "echo", Account: "2"}); reason(t, err) != "UNKNOWN_ACCOUNT" {
		t.Errorf("unknown account: %v", err)
	}
	if _, err := client.ResumePlatform(ctx, &hostv1.ResumePlatformRequest{Platform: "x"}); reason(t, err) != "UNKNOWN_PLATFORM" {
		t.Errorf("unknown platform: %v", err)
	}
}

// TestSendWhileTooMuchWaits refuses what the outbox has no place for.
func TestSendWhileTooMuchWaits(t *testing.T) {
	t.Parallel()
	client := dial(t, daemon{err: store.ErrFull})
	_, err := client.SendMessage(t.Context(), &hostv1.SendMessageRequest{Platform: "echo", ChannelId: "u", Text: "hello"})
	if reason(t, err) != "STORE_FULL" || connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Error(err)
	}
}

func TestCancelMessage(t *testing.T) {
	t.Parallel()
	s := opened(t)
	for _, cause := range []string{"x/runs", "x/done"} {
		if err := s.AppendTrace(t.Context(), []store.TraceEvent{{At: time.Now(), Hop: store.HopReceived, Cause: cause}}); err != nil {
			t.Fatal(err)
		}
	}
	client := dial(t, daemon{store: s})
	for id, want := range map[string]string{"x/runs": "", "x/done": "NOT_RUNNING", "x/nobody": "UNKNOWN_ID"} {
		_, err := client.CancelMessage(t.Context(), &hostv1.CancelMessageRequest{Id: id})
		if want == "" && err != nil || want != "" && reason(t, err) != want {
			t.Errorf("%s: %v, want %q", id, err, want)
		}
	}
}

// settleSoon sends what comes.
func settleSoon(t *testing.T, s store.Store) {
	for {
		due, err := s.ClaimDeliveries(t.Context(), "w", 1, time.Minute)
		if err != nil {
			return // the test is over
		}
		for _, d := range due {
			_ = s.Settle(t.Context(), store.Settlement{DeliveryID: d.ID, Attempt: d.Attempt, State: store.StateSent, MessageIDs: []string{"m"}})
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A bar of a waterfall stands where its hop began, also when it was told at its end.
func TestHopsStandWhereTheyBegan(t *testing.T) {
	t.Parallel()
	s := opened(t)
	client := dial(t, daemon{store: s})
	at := time.Now().Truncate(time.Second)
	m := chat.Message{ID: "e1", Platform: "echo", Account: "1", ChannelID: phone, Text: "hi", SentAt: at, ReceivedAt: at}
	added, err := s.Append(t.Context(), store.Inbound{
		Messages: []store.InboundMessage{{Message: m, Conversation: "echo/1/" + phone, Lane: store.LaneTurn}},
		Trace: []store.TraceEvent{
			{At: at, Hop: store.HopReceived, Duration: 2 * time.Millisecond},
			{At: at.Add(50 * time.Millisecond), Hop: store.HopAgentEnd, Duration: 40 * time.Millisecond},
			{At: at.Add(60 * time.Millisecond), Hop: store.HopAttempt, Duration: 5 * time.Millisecond},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	trace, err := client.GetTrace(t.Context(), &hostv1.GetTraceRequest{Id: added.New[0]})
	if err != nil {
		t.Fatal(err)
	}
	var offsets []uint64
	for _, h := range trace.GetHops() {
		offsets = append(offsets, h.GetOffsetUs())
	}
	if want := []uint64{0, 10_000, 60_000}; !slices.Equal(offsets, want) || trace.GetTotalUs() != 65_000 {
		t.Errorf("offsets %v, total %d; want %v, 65000", offsets, trace.GetTotalUs(), want)
	}
}
