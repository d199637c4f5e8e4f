package catalog_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aof-dev/aofd/host/internal/catalog"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Plugins are killed while many requests share the stream: each is repeated on the next process.
func TestKillsUnderTheStreamLoseNothing(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "good")
	p := f.start(t, "good")
	var wg sync.WaitGroup
	var answers atomic.Int64
	stop := make(chan struct{})
	for g := range 32 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				body := fmt.Sprint(g, "-", i)
				if got, err := say(t.Context(), p, body); err != nil || got != body {
					t.Errorf("asked %s, got %q, %v", body, got, err)
				}
				answers.Add(1)
			}
		})
	}
	for range 5 {
		before := answers.Load()
		eventually(t, "the process to answer all for a while", func() bool { return answers.Load() > before+1000 })
		pid := p.Status().PID
		kill(t, pid, syscall.SIGKILL)
		eventually(t, "the next process", func() bool {
			st := p.Status()
			return st.State == catalog.StateReady && st.PID != pid
		})
	}
	close(stop)
	wg.Wait()
}

// A slow item is waited for by its caller alone.
func TestSlowWebhookHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "good")
	p := f.start(t, "good")
	dir := t.TempDir()
	slow := make(chan error, 4)
	for n := range cap(slow) {
		file := filepath.Join(dir, fmt.Sprint(n))
		go func() { _, err := say(context.WithoutCancel(t.Context()), p, "wait "+file); slow <- err }()
		eventually(t, "the slow call to begin", func() bool { return exists(file + ".begun") })
	}
	for range 50 {
		mustSay(t, p, "quick")
	}
	if len(slow) > 0 {
		t.Errorf("a slow call ended early: %v", <-slow)
	}
	for n := range cap(slow) {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(n)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range cap(slow) {
		if err := <-slow; err != nil {
			t.Error(err)
		}
	}
}

// A plugin that says which headers it reads gets no others, however it spells them.
func TestPluginGetsTheHeadersThatItAskedFor(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "good", "picky")
	r := chat.Request{Method: "POST", URI: "/", Body: []byte("headers"), Headers: []chat.Header{
		{Name: "cookie", Value: "of a proxy"}, {Name: "x-signature", Value: "a"}, {Name: "x-signature", Value: "b"}, {Name: "x-time", Value: "1"},
	}}
	for id, want := range map[string]string{
		"good":  "[{cookie of a proxy} {x-signature a} {x-signature b} {x-time 1}]",
		"picky": "[{x-signature a} {x-signature b} {x-time 1}]",
	} {
		b, err := f.start(t, id).ParseMessage(t.Context(), r)
		if err != nil || len(b.Messages) != 1 || b.Messages[0].ID != want {
			t.Errorf("%s was told %+v, %v", id, b.Messages, err)
		}
	}
	if len(r.Headers) != 4 {
		t.Errorf("the caller's own headers are changed: %v", r.Headers)
	}
}

// What does not fit into a message is refused, and costs nobody else anything.
func TestRequestThatIsTooLarge(t *testing.T) {
	t.Parallel()
	f := open(t, quick, "good")
	p := f.start(t, "good")
	pid := p.Status().PID
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 20 {
			mustSay(t, p, "small")
		}
	})
	if got, err := say(t.Context(), p, strings.Repeat("x", 100<<20)); err == nil {
		t.Errorf("100 MB were taken: %d bytes", len(got))
	}
	large := strings.Repeat("x", 1<<20) // not too large, but by a call of its own
	if got := mustSay(t, p, large); got != large {
		t.Errorf("1 MB came back as %d bytes", len(got))
	}
	wg.Wait()
	if st := p.Status(); st.PID != pid || st.Crashes > 0 {
		t.Errorf("the plugin suffered: %+v", st)
	}
}
