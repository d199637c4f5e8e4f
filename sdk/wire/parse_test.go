package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	platformv1 "github.com/aof-dev/aofd/proto/gen/aof/platform/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

// parsing is a platform whose ParseMessage is the test's.
type parsing struct {
	Platform
	parse func(ctx context.Context, r chat.Request) (chat.Batch, error)
}

func (p parsing) ParseMessage(ctx context.Context, r chat.Request) (chat.Batch, error) {
	return p.parse(ctx, r)
}

// echo answers with the body as the id of a message, and does what some bodies say.
func echo(ctx context.Context, r chat.Request) (chat.Batch, error) {
	id := string(r.Body)
	switch {
	case id == "wait":
		<-ctx.Done()
		return chat.Batch{}, ctx.Err()
	case id == "garbage":
		id = "\xff\xfe"
	case strings.HasPrefix(id, "huge"):
		return chat.Batch{
			Verification: chat.Verification{Verdict: chat.VerdictValid},
			Issues:       []chat.Issue{{Raw: bytes.Repeat([]byte("x"), MaxMessageBytes)}},
		}, nil
	case id == "trace":
		id = chat.Traceparent(ctx)
	case strings.HasPrefix(id, "bad"):
		return chat.Batch{}, &chat.Error{Reason: chat.ReasonParseFailed, Permanent: true, Text: id}
	case strings.HasPrefix(id, "forged"):
		return chat.Batch{Messages: []chat.Message{{ID: id}}}, nil
	}
	return chat.Batch{Verification: chat.Verification{Verdict: chat.VerdictValid}, Messages: []chat.Message{{ID: id}}}, nil
}

// dial serves through memory, so that it works in a bubble, too. The result must be called at the end.
func dial(t *testing.T, register func(*grpc.Server)) (c *ParseClient, end func()) {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	s := grpc.NewServer(grpc.MaxRecvMsgSize(MaxMessageBytes))
	register(s)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:memory", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessageBytes)),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	c = NewParseClient(conn)
	return c, func() { c.Close(); _ = conn.Close(); s.Stop(); <-done }
}

func stream(t *testing.T) *ParseClient {
	t.Helper()
	c, end := dial(t, func(s *grpc.Server) { RegisterPlatform(s, parsing{parse: echo}) })
	t.Cleanup(end)
	return c
}

func ask(ctx context.Context, c *ParseClient, body string) (string, error) {
	b, err := c.ParseMessage(ctx, chat.Request{Method: "POST", URI: "/", Body: []byte(body)})
	if len(b.Messages) == 1 {
		return b.Messages[0].ID, err
	}
	return "", err
}

func reasonOf(err error) chat.Reason {
	if e, ok := errors.AsType[*chat.Error](err); ok {
		return e.Reason
	}
	return ""
}

// Each caller gets the answer to its own request, whatever else is asked at the same time.
func TestStreamAnswersEachItem(t *testing.T) {
	t.Parallel()
	c := stream(t)
	var wg sync.WaitGroup
	for g := range 64 {
		wg.Go(func() {
			for i := range 50 {
				good, bad := fmt.Sprint(g, "-", i), fmt.Sprint("bad ", g, "-", i)
				if got, err := ask(t.Context(), c, good); got != good || err != nil {
					t.Errorf("asked %s, got %q, %v", good, got, err)
				}
				if _, err := ask(t.Context(), c, bad); reasonOf(err) != chat.ReasonParseFailed || !strings.HasSuffix(err.Error(), bad) {
					t.Errorf("asked %s, got %v", bad, err)
				}
				if got, err := ask(t.Context(), c, "forged"); got != "" || err != nil {
					t.Errorf("an item without a verdict gave %q, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
	if got, err := ask(chat.WithTraceparent(t.Context(), "00-ab-cd-01"), c, "trace"); got != "00-ab-cd-01" || err != nil {
		t.Errorf("the traceparent came as %q, %v", got, err)
	}
}

// What cannot be sent, in either direction, is the error of one item; the stream and its other items go on.
func TestStreamOutlivesWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	c := stream(t)
	if _, err := ask(t.Context(), c, "hi"); err != nil {
		t.Fatal(err)
	}
	first := c.stream
	for _, body := range []string{"garbage", "huge"} {
		if _, err := ask(t.Context(), c, body); reasonOf(err) != chat.ReasonInternal {
			t.Errorf("an answer that is %s: %v", body, err)
		}
	}
	_, err := c.ParseMessage(t.Context(), chat.Request{Method: "POST", URI: "/\xff"})
	if reasonOf(err) != chat.ReasonBadRequest {
		t.Errorf("a request that is no UTF-8: %v", err)
	}
	_, err = c.ParseMessage(t.Context(), chat.Request{})
	if reasonOf(err) != chat.ReasonBadRequest {
		t.Errorf("an empty request: %v", err)
	}
	if got, err := ask(t.Context(), c, "hi"); got != "hi" || err != nil || c.stream != first {
		t.Errorf("afterwards: %q, %v, same stream %v", got, err, c.stream == first)
	}
}

// TestAnswerThatIsTooLarge: what no message can carry is an error that says so, and that asking again is of no use.
func TestAnswerThatIsTooLarge(t *testing.T) {
	t.Parallel()
	c := stream(t)
	_, err := ask(t.Context(), c, "huge"+strings.Repeat("x", streamBytes))
	if reasonOf(err) != chat.ReasonParseFailed {
		t.Error(err)
	}
}

// Items that wait until their time is over hold up no others, however many batches they are.
func TestSlowItemsHoldUpNoOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, end := dial(t, func(s *grpc.Server) { RegisterPlatform(s, parsing{parse: echo}) })
		defer end()
		var wg sync.WaitGroup
		begin := time.Now()
		for range 10 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				if _, err := ask(ctx, c, "wait"); reasonOf(err) != chat.ReasonTimeout {
					t.Errorf("a slow item: %v", err)
				}
			})
			synctest.Wait() // it has left, in a batch of its own
		}
		for range 100 {
			if got, err := ask(t.Context(), c, "quick"); got != "quick" || err != nil {
				t.Fatalf("a quick item: %q, %v", got, err)
			}
		}
		if took := time.Since(begin); took > 10*slowBatch {
			t.Errorf("quick items took %s beside slow ones", took)
		}
		wg.Wait()
		if took := time.Since(begin); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("slow items took %s", took)
		}
		if n := len(c.stream.pending); n > 0 {
			t.Errorf("%d items are still waited for", n)
		}
	})
}

// A stream that breaks fails what was asked and is opened again for what is asked next.
func TestBrokenStreamIsOpenedAgain(t *testing.T) {
	t.Parallel()
	fragile := &breaking{echo: platformServer{impl: parsing{parse: echo}}}
	c, end := dial(t, func(s *grpc.Server) { platformv1.RegisterTriggerPlatformServiceServer(s, fragile) })
	defer end()
	if _, err := ask(t.Context(), c, "hi"); reasonOf(err) != chat.ReasonUnavailable {
		t.Errorf("over a stream that breaks: %v", err)
	}
	if got, err := ask(t.Context(), c, "hi"); got != "hi" || err != nil {
		t.Errorf("over the next one: %q, %v", got, err)
	}
}

// breaking breaks its first stream.
type breaking struct {
	platformv1.UnimplementedTriggerPlatformServiceServer
	echo    platformServer
	streams int
}

func (b *breaking) ParseMessages(s platformv1.TriggerPlatformService_ParseMessagesServer) error {
	if b.streams++; b.streams > 1 {
		return b.echo.ParseMessages(s)
	}
	if _, err := s.Recv(); err != nil {
		return err
	}
	return status.Error(codes.Unavailable, "gone")
}

// A plugin without the stream, or one that answers nothing of an item, is no trouble.
func TestPluginWithoutAStream(t *testing.T) {
	t.Parallel()
	c, end := dial(t, func(s *grpc.Server) { platformv1.RegisterTriggerPlatformServiceServer(s, unary{}) })
	defer end()
	for range 2 {
		if got, err := ask(t.Context(), c, "hi"); got != "by unary" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if _, err := fromResult(&platformv1.ParseResult{}); reasonOf(err) != chat.ReasonInternal {
		t.Errorf("a result without content: %v", err)
	}
}

type unary struct {
	platformv1.UnimplementedTriggerPlatformServiceServer
}

func (unary) ParseMessage(context.Context, *platformv1.ParseMessageRequest) (*platformv1.ParseMessageResponse, error) {
	return &platformv1.ParseMessageResponse{
		Verdict: platformv1.Verdict_VERDICT_VALID, Messages: []*platformv1.TriggerMessage{{Id: "by unary"}},
	}, nil
}
