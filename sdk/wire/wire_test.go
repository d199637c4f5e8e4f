package wire_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/aof-dev/aofd/sdk/chat"
	"github.com/aof-dev/aofd/sdk/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// platform answers every send with an error and every webhook with events, whatever the verdict.
type platform struct {
	err     error
	verdict chat.Verdict
	enter   chan struct{} // closed when a send has begun, if not nil
}

func (p platform) VerifySignature(context.Context, chat.Request) (chat.Verification, error) {
	return chat.Verification{Verdict: p.verdict}, p.err
}

func (p platform) ParseMessage(context.Context, chat.Request) (chat.Batch, error) {
	return chat.Batch{
		Verification: chat.Verification{Verdict: p.verdict}, Messages: []chat.Message{{ID: "1"}},
		Issues: []chat.Issue{{Raw: []byte("body")}},
	}, p.err
}

func (p platform) SendResponse(ctx context.Context, _ chat.Delivery) (chat.Sent, error) {
	if p.enter != nil {
		close(p.enter)
		<-ctx.Done()
	}
	return chat.Sent{}, p.err
}

func (p platform) SendSignal(_ context.Context, c chat.Courtesy) (time.Duration, error) {
	if c != courtesy {
		return 0, errors.New("the signal changed on the way")
	}
	return 25 * time.Second, p.err
}

// FetchMedia serves a file of three pieces, one of them larger than a message may be; an error comes after it.
func (p platform) FetchMedia(
	_ context.Context, r chat.MediaRef, begin func(chat.MediaInfo) error, write func([]byte) error,
) error {
	if r != ref {
		return errors.New("the reference changed on the way")
	}
	if err := begin(chat.MediaInfo{MimeType: "image/png", Size: uint64(len(file)), SHA256: "ab"}); err != nil {
		return err
	}
	for _, piece := range [][]byte{file[:10], file[10 : len(file)-7], file[len(file)-7:]} {
		if err := write(piece); err != nil {
			return err
		}
	}
	return p.err
}

var (
	courtesy = chat.Courtesy{Account: "a", ChannelID: "c", MessageID: "m", Signal: chat.SignalTyping}
	ref      = chat.MediaRef{Account: "a", MediaID: "f", MaxBytes: 1 << 30}
	file     = bytes.Repeat([]byte("0123456789abcdef"), 50_000)
)

func TestSignals(t *testing.T) {
	t.Parallel()
	if lasts, err := plain(t, platform{}).SendSignal(t.Context(), courtesy); err != nil || lasts != 25*time.Second {
		t.Errorf("got %v, %v", lasts, err)
	}
}

func TestFilesCrossInPieces(t *testing.T) {
	t.Parallel()
	none := func(chat.MediaInfo) error { return nil }
	t.Run("whole", func(t *testing.T) {
		t.Parallel()
		var got []byte
		var info chat.MediaInfo
		err := plain(t, platform{}).FetchMedia(t.Context(), ref,
			func(i chat.MediaInfo) error { info = i; return nil },
			func(piece []byte) error { got = append(got, piece...); return nil })
		if err != nil || !bytes.Equal(got, file) || info.MimeType != "image/png" || info.Size != uint64(len(file)) {
			t.Errorf("got %d bytes, %+v, %v", len(got), info, err)
		}
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		broken := &chat.Error{Reason: chat.ReasonContentRejected, Text: "the digest differs"}
		err := plain(t, platform{err: broken}).FetchMedia(t.Context(), ref, none, func([]byte) error { return nil })
		if e := chat.AsError(err); e == nil || e.Reason != chat.ReasonContentRejected {
			t.Errorf("got %v", err)
		}
	})
	t.Run("left early", func(t *testing.T) {
		t.Parallel()
		full := errors.New("the disk is full")
		err := plain(t, platform{}).FetchMedia(t.Context(), ref, none, func([]byte) error { return full })
		if !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
	})
}

var request = chat.Request{Method: "POST", URI: "/", Body: []byte("x")}

// serve runs p on a socket and returns a connection to it.
func serve(t *testing.T, p wire.Platform, server, client credentials.TransportCredentials) (*grpc.ClientConn, *grpc.Server) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.Creds(server))
	wire.RegisterPlatform(s, p)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(client))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); s.Stop(); <-done })
	return conn, s
}

func plain(t *testing.T, p wire.Platform) *wire.PlatformClient {
	t.Helper()
	conn, _ := serve(t, p, insecure.NewCredentials(), insecure.NewCredentials())
	return wire.NewPlatformClient(conn)
}

func TestErrorsCrossWhole(t *testing.T) {
	t.Parallel()
	for _, sent := range []chat.Certainty{chat.SentNo, chat.SentYes, chat.SentUnknown} {
		want := &chat.Error{
			Reason: chat.ReasonRateLimited, Text: "too fast", Permanent: true, Sent: sent, RetryAfter: 7 * time.Second,
			Hint: "wait", PlatformCode: "131056", PlatformSubcode: "9", TraceID: "T", MessageIDs: []string{"a", "b"},
		}
		_, err := plain(t, platform{err: want}).SendResponse(t.Context(), chat.Delivery{})
		got, ok := errors.AsType[*chat.Error](err)
		if !ok {
			t.Fatalf("got %T", err)
		}
		if got.Reason != want.Reason || got.Text != want.Text || !got.Permanent || got.Sent != sent ||
			got.RetryAfter != want.RetryAfter || got.Hint != want.Hint || got.PlatformCode != want.PlatformCode ||
			got.PlatformSubcode != want.PlatformSubcode || got.TraceID != want.TraceID ||
			!slices.Equal(got.MessageIDs, want.MessageIDs) {
			t.Errorf("got %+v", got)
		}
	}
}

// An error that no plugin made says by itself whether anything may have gone out.
func TestErrorsOfTheConnection(t *testing.T) {
	t.Parallel()
	t.Run("never connected", func(t *testing.T) {
		t.Parallel()
		conn, err := grpc.NewClient("unix:"+filepath.Join(t.TempDir(), "s"), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_, err = wire.NewPlatformClient(conn).SendResponse(t.Context(), chat.Delivery{})
		if e := chat.AsError(err); e.Reason != chat.ReasonUnavailable || e.Sent != chat.SentNo {
			t.Errorf("got %+v", e)
		}
	})
	t.Run("cut in flight", func(t *testing.T) {
		t.Parallel()
		enter := make(chan struct{})
		conn, s := serve(t, platform{enter: enter}, insecure.NewCredentials(), insecure.NewCredentials())
		go func() { <-enter; s.Stop() }()
		_, err := wire.NewPlatformClient(conn).SendResponse(t.Context(), chat.Delivery{})
		if e := chat.AsError(err); e.Reason != chat.ReasonUnavailable || e.Sent != chat.SentUnknown {
			t.Errorf("got %+v", e)
		}
	})
	t.Run("deadline", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := plain(t, platform{enter: make(chan struct{})}).SendResponse(ctx, chat.Delivery{})
		if e := chat.AsError(err); e.Reason != chat.ReasonTimeout || e.Sent != chat.SentUnknown {
			t.Errorf("got %+v", e)
		}
	})
	t.Run("parse", func(t *testing.T) {
		t.Parallel()
		_, err := plain(t, platform{err: errors.New("boom")}).ParseMessage(t.Context(), request)
		if e := chat.AsError(err); e.Reason != chat.ReasonInternal || e.Sent != chat.SentNo {
			t.Errorf("got %+v", e)
		}
	})
}

// Without a valid signature nothing of the body comes out, whatever the platform's code returns.
func TestParseFailsClosed(t *testing.T) {
	t.Parallel()
	for _, v := range []chat.Verdict{"", chat.VerdictInvalid, chat.VerdictChallenge, "nonsense"} {
		b, err := plain(t, platform{verdict: v}).ParseMessage(t.Context(), request)
		if err != nil || len(b.Messages)+len(b.Issues) != 0 || b.Verdict == chat.VerdictValid {
			t.Errorf("verdict %q: %+v, %v", v, b, err)
		}
	}
	b, err := plain(t, platform{verdict: chat.VerdictValid}).ParseMessage(t.Context(), request)
	if err != nil || len(b.Messages) != 1 {
		t.Errorf("valid: %+v, %v", b, err)
	}
}

func TestARequestIsRequired(t *testing.T) {
	t.Parallel()
	c := plain(t, platform{verdict: chat.VerdictValid})
	if _, err := c.ParseMessage(t.Context(), chat.Request{}); chat.AsError(err).Reason != chat.ReasonBadRequest {
		t.Errorf("got %v", err)
	}
	if _, err := c.VerifySignature(t.Context(), chat.Request{}); chat.AsError(err).Reason != chat.ReasonBadRequest {
		t.Errorf("got %v", err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	keys, other := issue(t), issue(t)
	server := credentials.NewTLS(serverTLS(t, keys))
	call := func(t *testing.T, server, client credentials.TransportCredentials) error {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		conn, _ := serve(t, platform{verdict: chat.VerdictValid}, server, client)
		_, err := wire.NewPlatformClient(conn).ParseMessage(ctx, request)
		return err
	}
	clientTLS := func(k wire.Keys) *tls.Config {
		c, err := k.ClientTLS()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if err := call(t, server, credentials.NewTLS(clientTLS(keys))); err != nil {
		t.Errorf("the issued pair: %v", err)
	}
	mixed := keys
	mixed.ClientCert, mixed.ClientKey = other.ClientCert, other.ClientKey
	noCert := clientTLS(keys)
	noCert.Certificates = nil
	oldTLS := clientTLS(keys)
	oldTLS.MinVersion, oldTLS.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	refused := map[string][2]credentials.TransportCredentials{
		"another host's certificate":   {server, credentials.NewTLS(clientTLS(mixed))},
		"no client certificate":        {server, credentials.NewTLS(noCert)},
		"plaintext to a TLS plugin":    {server, insecure.NewCredentials()},
		"TLS to a plaintext plugin":    {insecure.NewCredentials(), credentials.NewTLS(clientTLS(keys))},
		"another plugin's certificate": {credentials.NewTLS(serverTLS(t, other)), credentials.NewTLS(clientTLS(keys))},
		"TLS 1.2":                      {server, credentials.NewTLS(oldTLS)},
	}
	for name, c := range refused {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := call(t, c[0], c[1]); err == nil {
				t.Error("the call went through")
			}
		})
	}
}

func issue(t *testing.T) wire.Keys {
	t.Helper()
	k, err := wire.IssueKeys()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func serverTLS(t *testing.T, k wire.Keys) *tls.Config {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	c, err := wire.ServerTLS(write("c", k.ServerCert), write("k", k.ServerKey), write("ca", k.ClientCert))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBrokenKeyFilesAreNamed(t *testing.T) {
	t.Parallel()
	_, err := wire.ServerTLS("/no/such/cert", "/no/such/key", "/no/such/ca")
	if err == nil || !strings.Contains(err.Error(), "/no/such/cert") {
		t.Errorf("got %v", err)
	}
}

// What a call belongs to crosses with it.
func TestTraceparentCrosses(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(wire.ServerOptions()...)
	told := make(chan string, 1)
	wire.RegisterPlatform(s, tracing{told: told})
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), append(wire.DialOptions(1<<20), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); s.Stop(); <-done })
	for _, want := range []string{"00-ab-cd-01", ""} {
		ctx := chat.WithTraceparent(t.Context(), want)
		if _, err := wire.NewPlatformClient(conn).SendResponse(ctx, chat.Delivery{}); err != nil {
			t.Fatal(err)
		}
		if got := <-told; got != want {
			t.Errorf("a call of %q came as %q", want, got)
		}
		if err := wire.NewPlatformClient(conn).FetchMedia(ctx, ref, func(chat.MediaInfo) error { return nil }, nil); err != nil {
			t.Fatal(err)
		}
		if got := <-told; got != want {
			t.Errorf("a stream of %q came as %q", want, got)
		}
	}
}

// tracing tells the traceparent of each call.
type tracing struct {
	platform
	told chan string
}

func (p tracing) SendResponse(ctx context.Context, _ chat.Delivery) (chat.Sent, error) {
	p.told <- chat.Traceparent(ctx)
	return chat.Sent{}, nil
}

func (p tracing) FetchMedia(ctx context.Context, _ chat.MediaRef, begin func(chat.MediaInfo) error, _ func([]byte) error) error {
	p.told <- chat.Traceparent(ctx)
	return begin(chat.MediaInfo{})
}
