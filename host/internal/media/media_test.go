package media_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/aof-dev/aofd/host/internal/media"
	"github.com/aof-dev/aofd/sdk/chat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var file = bytes.Repeat([]byte("voice"), 30000)

// whole brings the file.
func whole(_ context.Context, platform string, r chat.MediaRef, begin func(chat.MediaInfo) error, write func([]byte) error) error {
	if platform != "chatter" || r.Account != "a1" || r.MediaID != "m1" || r.MaxBytes == 0 {
		return &chat.Error{Reason: chat.ReasonInternal, Text: "another file"}
	}
	if err := begin(chat.MediaInfo{MimeType: "audio/ogg; codecs=opus", Size: uint64(len(file)), SHA256: "00ff"}); err != nil {
		return err
	}
	if err := write(file[:70000]); err != nil {
		return err
	}
	return write(file[70000:])
}

var note = chat.Media{Type: chat.MediaAudio, ID: "m1", MimeType: "audio/ogg", Filename: "a \"b\".ogg", Voice: true}

func serve(t *testing.T, fetch media.Fetch) *media.Server {
	t.Helper()
	s, err := media.Listen(fetch, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

func get(t *testing.T, url string) (*http.Response, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return res, body, err
}

func TestFileComes(t *testing.T) {
	s := serve(t, whole)
	url, withdraw := s.Offer("reader", "chatter", "a1", note)
	if !strings.HasPrefix(url, "http://127.0.0.1:") || len(url) < 50 {
		t.Errorf("address %s", url)
	}
	res, body, err := get(t, url)
	if err != nil || res.StatusCode != http.StatusOK || !bytes.Equal(body, file) {
		t.Fatalf("%v, %s, %d bytes", err, res.Status, len(body))
	}
	for name, want := range map[string]string{
		"Content-Type": "audio/ogg; codecs=opus", "Content-Length": "150000", "X-Content-Type-Options": "nosniff",
		"Content-Disposition": `attachment; filename="a \"b\".ogg"`, "Repr-Digest": "sha-256=:AP8=:",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	other, withdrawOther := s.Offer("reader", "chatter", "a1", note)
	defer withdrawOther()
	if other == url {
		t.Error("two runs share an address")
	}
	withdraw()
	if res, body, _ := get(t, url); res.StatusCode != http.StatusNotFound || !strings.Contains(string(body), "over") {
		t.Errorf("after the run: %s %s", res.Status, body)
	}
}

// Nobody who does not know the address gets anything.
func TestGuesses(t *testing.T) {
	s := serve(t, whole)
	url, withdraw := s.Offer("reader", "chatter", "a1", note)
	defer withdraw()
	base, key := url[:strings.LastIndexByte(url, '/')+1], url[strings.LastIndexByte(url, '/')+1:]
	for _, guess := range []string{"", "x", key[:len(key)-1], key + "A", strings.ToLower(key), "../" + key} {
		if res, body, _ := get(t, base+guess); res.StatusCode != http.StatusNotFound || bytes.Contains(body, []byte("voice")) {
			t.Errorf("%q: %s", guess, res.Status)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %v, %v", res, err)
	}
	_ = res.Body.Close()
}

// A run that fetches again and again is told to keep the file.
func TestTimesAreBounded(t *testing.T) {
	s := serve(t, whole)
	url, withdraw := s.Offer("reader", "chatter", "a1", note)
	defer withdraw()
	for i := range 6 {
		want := http.StatusOK
		if i == 5 {
			want = http.StatusTooManyRequests
		}
		if res, _, _ := get(t, url); res.StatusCode != want {
			t.Errorf("%d: %s", i, res.Status)
		}
	}
}

// An agent that reads slowly, in however many runs, keeps nobody else from its file, and a run reads one at a time.
func TestSlowAgentLeavesPlaces(t *testing.T) {
	var reading, ofOne, mostOfOne atomic.Int32
	s := serve(t, func(ctx context.Context, _ string, r chat.MediaRef, begin func(chat.MediaInfo) error, write func([]byte) error) error {
		_ = begin(chat.MediaInfo{})
		switch r.Account {
		case "one":
			mostOfOne.Store(max(mostOfOne.Load(), ofOne.Add(1)))
			defer ofOne.Add(-1)
			time.Sleep(10 * time.Millisecond) // time for another request to come
			return write(file)
		case "quick":
			return write(file)
		}
		reading.Add(1)
		defer reading.Add(-1)
		<-ctx.Done()
		return ctx.Err()
	})
	var requests sync.WaitGroup
	ask := func(url string, times int) {
		for range times {
			requests.Go(func() { _, _, _ = get(t, url) })
		}
	}
	url, end := s.Offer("one", "chatter", "one", note)
	ask(url, 4)
	requests.Wait()
	end()
	if n := mostOfOne.Load(); n != 1 {
		t.Errorf("one run reads %d files at once", n)
	}
	var ends []func()
	for range 20 {
		url, end := s.Offer("slow", "chatter", "slow", note)
		ends = append(ends, end)
		ask(url, 1)
	}
	for reading.Load() < 8 {
		time.Sleep(time.Millisecond)
	}
	for range 20 {
		url, end := s.Offer("quick", "chatter", "quick", note)
		if _, body, err := get(t, url); err != nil || len(body) != len(file) {
			t.Errorf("another agent: %d bytes, %v", len(body), err)
		}
		end()
	}
	if n := reading.Load(); n != 8 {
		t.Errorf("the slow agent reads %d files at once", n)
	}
	for _, end := range ends {
		end()
	}
	requests.Wait()
}

// What goes wrong before the first piece is told; what goes wrong later breaks the response.
func TestFailures(t *testing.T) {
	for reason, want := range map[chat.Reason]int{
		chat.ReasonContentRejected: 422, chat.ReasonRateLimited: 429, chat.ReasonUpstreamError: 502, chat.ReasonUnavailable: 503,
		chat.ReasonTimeout: 504, chat.ReasonUnsupportedContent: 501, chat.ReasonCredentialsRejected: 502,
	} {
		s := serve(t, func(_ context.Context, _ string, _ chat.MediaRef, begin func(chat.MediaInfo) error, _ func([]byte) error) error {
			_ = begin(chat.MediaInfo{MimeType: "image/png", Size: 5, SHA256: "00"})
			return &chat.Error{Reason: reason, Text: "platform(chatter): that is why", Hint: "for the operator", RetryAfter: 90 * time.Second}
		})
		url, withdraw := s.Offer("reader", "chatter", "a1", note)
		res, body, err := get(t, url)
		var told struct{ Reason, Error string }
		if err != nil || res.StatusCode != want || json.Unmarshal(body, &told) != nil || told.Error != "that is why" || told.Reason != string(reason) {
			t.Errorf("%s: %v, %s, %s", reason, err, res.Status, body)
		}
		if res.Header.Get("Retry-After") != "90" || strings.Contains(string(body), "operator") {
			t.Errorf("%s: %v %s", reason, res.Header, body)
		}
		withdraw()
	}
	for _, size := range []uint64{0, uint64(len(file))} {
		s := serve(t, func(_ context.Context, _ string, _ chat.MediaRef, begin func(chat.MediaInfo) error, write func([]byte) error) error {
			_ = begin(chat.MediaInfo{Size: size})
			_ = write(file[:100000])
			return &chat.Error{Reason: chat.ReasonContentRejected, Text: "its digest differs"}
		})
		url, withdraw := s.Offer("reader", "chatter", "a1", note)
		if _, body, err := get(t, url); err == nil {
			t.Errorf("size %d: %d bytes came without an error", size, len(body))
		}
		withdraw()
	}
}

// The end of the run cuts whoever still reads.
func TestEndOfTheRunCuts(t *testing.T) {
	reading, ended := make(chan struct{}), make(chan error, 1)
	s := serve(t, func(ctx context.Context, _ string, _ chat.MediaRef, begin func(chat.MediaInfo) error, write func([]byte) error) error {
		_ = begin(chat.MediaInfo{})
		_ = write(file[:10])
		close(reading)
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	})
	url, withdraw := s.Offer("reader", "chatter", "a1", note)
	go func() { <-reading; withdraw() }()
	if _, _, err := get(t, url); err == nil {
		t.Error("the rest came")
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
