package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/store/postgres"
	"github.com/aof-dev/aofd/host/internal/store/postgres/pgtest"
	"github.com/aof-dev/aofd/sdk/chat"
)

func message(user string, n int) store.InboundMessage {
	m := chat.Message{
		ID: fmt.Sprintf("%s-%d", user, n), Platform: "p", Account: "a", ChannelID: user, User: chat.User{ID: user},
		Text: fmt.Sprint(n),
	}
	return store.InboundMessage{Message: m, Conversation: "c:" + user, Lane: store.LaneTurn}
}

func inbound(ms ...store.InboundMessage) store.Inbound { return store.Inbound{Messages: ms} }

// Two hosts get the same webhooks in the same moment: each event is stored once, by one of them.
func TestHostsStoreAnEventOnce(t *testing.T) {
	url, schema := pgtest.Schema(t)
	hosts := []*postgres.Store{open(t, url, schema, nil), open(t, url, schema, nil)}
	const rounds, each = 50, 4
	var fresh, known atomic.Int64
	for round := range rounds {
		start := make(chan struct{})
		var wg sync.WaitGroup
		for _, h := range hosts {
			wg.Go(func() {
				<-start
				var in store.Inbound
				for n := range each {
					m := message(fmt.Sprint("u", n), round)
					if n == 0 { // the same message under another id on each host
						m.Message.SemanticKey = fmt.Sprint("same", round)
						m.Message.ID += fmt.Sprintf("-%p", h)
					}
					in.Messages = append(in.Messages, m)
				}
				a, err := h.Append(context.Background(), in)
				if err != nil {
					t.Error(err)
				}
				fresh.Add(int64(len(a.New)))
				known.Add(int64(a.Duplicates))
			})
		}
		close(start)
		wg.Wait()
	}
	if fresh.Load() != rounds*each || known.Load() != rounds*each {
		t.Errorf("%d new, %d known, want %d of each", fresh.Load(), known.Load(), rounds*each)
	}
}

// The lane and the account of a host that died are taken over once its lease has ended, by the database's clock;
// what it writes later is void. A host that leaves is replaced at once.
func TestTakeover(t *testing.T) {
	ctx := t.Context()
	url, schema := pgtest.Schema(t)
	dead, next := open(t, url, schema, nil), open(t, url, schema, nil)
	const lease = time.Second
	if _, err := dead.Append(ctx, inbound(message("ann", 1))); err != nil {
		t.Fatal(err)
	}
	claim := func(s *postgres.Store, owner string) []store.Turn {
		t.Helper()
		turns, err := s.Claim(ctx, owner, store.LaneTurn, 10, lease)
		if err != nil {
			t.Fatal(err)
		}
		return turns
	}
	old := claim(dead, "dead")
	began := time.Now()
	if len(old) != 1 || len(claim(next, "next")) != 0 {
		t.Fatal("the lane is not held by one host")
	}
	var turns []store.Turn
	for len(turns) == 0 {
		turns = claim(next, "next")
	}
	if took := time.Since(began); took < lease-50*time.Millisecond {
		t.Errorf("taken over after %v, before the lease of %v ended", took, lease)
	}
	if err := dead.Finish(ctx, old[0], store.Result{Outcome: store.OutcomeAnswered}); !errors.Is(err, store.ErrFenced) {
		t.Errorf("the dead host's finish: %v", err)
	}
	if err := next.Leave(ctx, "next"); err != nil {
		t.Fatal(err)
	}
	if again := claim(dead, "third"); len(again) != 1 || again[0].Attempt != turns[0].Attempt {
		t.Errorf("after a clean stop: %+v", again)
	}
}

// A host hears of what another one stored.
func TestHint(t *testing.T) {
	url, schema := pgtest.Schema(t)
	writer, reader := open(t, url, schema, nil), open(t, url, schema, nil)
	deadline := time.After(time.Minute)
	for n := 0; ; n++ { // the reader may not listen yet
		if _, err := writer.Append(t.Context(), inbound(message("ann", n))); err != nil {
			t.Fatal(err)
		}
		select {
		case <-reader.Changed():
			select {
			case <-writer.Changed():
				t.Error("a host was told of its own writes")
			default:
			}
			return
		case <-time.After(50 * time.Millisecond):
		case <-deadline:
			t.Fatal("no hint")
		}
	}
}

// work drives hosts: each conversation's messages are appended in order through any host, and all hosts claim,
// answer and send, until everything was sent.
type work struct {
	*testing.T
	conversations, each int

	mu    sync.Mutex
	turns map[string][]string // texts by conversation, in the order in which they were claimed
	sent  map[string][]string // the same of deliveries
}

// sender appends the messages of a user in order, each until it is stored.
func (w *work) append(hosts []*postgres.Store, user string) {
	for n := range w.each {
		for {
			ctx, cancel := context.WithTimeout(w.Context(), 2*time.Second)
			_, err := hosts[rand.N(len(hosts))].Append(ctx, inbound(message(user, n)))
			cancel()
			if err == nil {
				break
			}
			if w.Context().Err() != nil {
				return
			}
		}
	}
}

func (w *work) serve(ctx context.Context, h *postgres.Store, owner string, lease time.Duration) {
	for ctx.Err() == nil {
		call, cancel := context.WithTimeout(ctx, 2*time.Second)
		turns, err := h.Claim(call, owner, store.LaneTurn, 3, lease)
		cancel()
		for _, t := range turns {
			w.finish(ctx, h, t)
		}
		call, cancel = context.WithTimeout(ctx, 2*time.Second)
		ds, err2 := h.ClaimDeliveries(call, owner, 3, lease)
		cancel()
		for _, d := range ds {
			w.send(ctx, h, d)
		}
		if err != nil || err2 != nil || len(turns)+len(ds) == 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func (w *work) finish(ctx context.Context, h *postgres.Store, t store.Turn) {
	d := store.Delivery{
		ID: store.DeliveryID(t.Cause, 1), Cause: t.Cause, Ordinal: 1, Platform: "p", Account: t.Message.User.ID,
		Conversation: t.Conversation, ChannelID: t.Message.ChannelID, Response: chat.Response{Text: t.Message.Text},
		CreatedAt: time.Now(),
	}
	w.mu.Lock()
	w.turns[t.Conversation] = append(w.turns[t.Conversation], t.Message.Text)
	w.mu.Unlock()
	for ctx.Err() == nil {
		call, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := h.Finish(call, t, store.Result{Outcome: store.OutcomeAnswered, Deliveries: []store.Delivery{d}})
		cancel()
		switch {
		case err == nil:
			return
		case errors.Is(err, store.ErrFenced):
			w.Errorf("%s was fenced, though no lease ends in this test", t.Cause)
			return
		}
	}
}

func (w *work) send(ctx context.Context, h *postgres.Store, d store.Delivery) {
	w.mu.Lock()
	w.sent[d.Conversation] = append(w.sent[d.Conversation], d.Response.Text)
	w.mu.Unlock()
	for ctx.Err() == nil {
		call, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := h.Settle(call, store.Settlement{
			DeliveryID: d.ID, Attempt: d.Attempt, State: store.StateSent, MessageIDs: []string{"m-" + d.ID},
		})
		cancel()
		if err == nil {
			return
		}
	}
}

// run returns when everything was sent.
func (w *work) run(hosts []*postgres.Store) {
	w.turns, w.sent = map[string][]string{}, map[string][]string{}
	ctx, stop := context.WithCancel(w.Context())
	defer stop()
	var serving, appending sync.WaitGroup
	for i, h := range hosts {
		serving.Go(func() { w.serve(ctx, h, fmt.Sprint("host-", i), time.Hour) })
	}
	for c := range w.conversations {
		appending.Go(func() { w.append(hosts, fmt.Sprint("u", c)) })
	}
	appending.Wait()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		b, err := hosts[0].Backlog(ctx)
		if err == nil && b.InboxPending+b.OutboxPending == 0 {
			break
		}
		if time.Now().After(deadline) {
			w.Fatalf("not done: %+v %v", b, err)
		}
	}
	stop()
	serving.Wait()
	var want []string
	for n := range w.each {
		want = append(want, fmt.Sprint(n))
	}
	for c := range w.conversations {
		key := fmt.Sprint("c:u", c)
		if got := w.sent[key]; !slices.Equal(got, want) {
			w.Errorf("%s: sent %v", key, got)
		}
		if got := w.turns[key]; !slices.Equal(got, want) {
			w.Errorf("%s: turns %v", key, got)
		}
	}
}

func TestHostsKeepTheOrder(t *testing.T) {
	url, schema := pgtest.Schema(t)
	var hosts []*postgres.Store
	for range 3 {
		hosts = append(hosts, open(t, url, schema, nil))
	}
	(&work{T: t, conversations: 8, each: 15}).run(hosts)
}

// Connections break at any moment, and many commits lose their answer. No lease ends in this test, so that
// whatever a lost answer left claimed would keep it from ending.
func TestBrokenConnections(t *testing.T) {
	s := pgtest.Shared(t)
	_, schema := pgtest.Schema(t)
	proxy := breaking(t, s.Socket())
	var hosts []*postgres.Store
	for range 2 {
		hosts = append(hosts, open(t, pgtest.URL(proxy.dir), schema, nil))
	}
	proxy.breaks.Store(true)
	(&work{T: t, conversations: 6, each: 10}).run(hosts)
	proxy.breaks.Store(false)
	t.Logf("%d requests were cut off, and %d answers to commits", proxy.requests.Load(), proxy.commits.Load())
	if proxy.requests.Load() < 5 || proxy.commits.Load() < 20 {
		t.Error("hardly anything was cut off")
	}
}

// proxy stands between hosts and the server.
type proxy struct {
	dir               string // of its socket
	breaks            atomic.Bool
	requests, commits atomic.Int64 // that were cut off
}

func breaking(t *testing.T, server string) *proxy {
	t.Helper()
	p := &proxy{dir: t.TempDir()}
	l, err := net.Listen("unix", filepath.Join(p.dir, filepath.Base(server)))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("unix", server)
			if err != nil {
				_ = c.Close()
				continue
			}
			var deaf atomic.Bool // the next answer does not reach the client
			wg.Go(func() {
				defer func() { _ = up.Close() }()
				p.forward(up, c, &deaf)
			})
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				buf := make([]byte, 32<<10)
				for {
					n, err := up.Read(buf)
					if err != nil || deaf.Load() {
						return
					}
					if _, err := c.Write(buf[:n]); err != nil {
						return
					}
				}
			})
		}
	})
	return p
}

// forward passes on what the client says, but for what it cuts off.
func (p *proxy) forward(up, c net.Conn, deaf *atomic.Bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		switch {
		case !p.breaks.Load():
		case bytes.Contains(buf[:n], []byte("\x00aofd_commit\x00")) && rand.N(6) == 0:
			deaf.Store(true)
			p.commits.Add(1)
		case rand.N(200) == 0:
			p.requests.Add(1)
			return
		}
		if _, err := up.Write(buf[:n]); err != nil {
			return
		}
	}
}

// A server that crashes loses nothing that it acknowledged, and hosts go on once it is back.
func TestKilledServer(t *testing.T) {
	s := pgtest.Own(t)
	hosts := []*postgres.Store{open(t, s.URL(), "aofd", nil), open(t, s.URL(), "aofd", nil)}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 2 {
			select {
			case <-done:
				return
			case <-time.After(300 * time.Millisecond):
			}
			if err := errors.Join(s.Kill(), s.Start()); err != nil {
				t.Error(err)
				return
			}
		}
	})
	(&work{T: t, conversations: 6, each: 25}).run(hosts)
	close(done)
	wg.Wait()
}

// While the server is gone every call ends by its deadline, and nothing of it is stored later.
func TestServerGone(t *testing.T) {
	s := pgtest.Own(t)
	h := open(t, s.URL(), "aofd", nil)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
			defer cancel()
			start := time.Now()
			if _, err := h.Append(ctx, inbound(message("ann", n))); err == nil {
				t.Error("stored without a server")
			}
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("answered after %v", took)
			}
			if err := h.Ping(ctx); err == nil {
				t.Error("ready without a server")
			}
		})
	}
	wg.Wait()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err := h.Ping(ctx)
		cancel()
		if err == nil {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
	b, err := h.Backlog(t.Context())
	if err != nil || b.InboxPending != 0 {
		t.Errorf("what had failed was stored: %+v %v", b, err)
	}
}

func TestRefused(t *testing.T) {
	url, schema := pgtest.Schema(t)
	open(t, url, schema, nil)
	for what, o := range map[string]struct {
		url    string
		schema string
	}{
		"a bad schema name": {url, "x; drop"},
		"no server":         {pgtest.URL(t.TempDir()), schema},
		"a bad address":     {"postgres://a:secret@host:port/x", schema},
	} {
		_, err := postgres.Open(t.Context(), o.url, postgres.Options{Logger: slog.New(slog.DiscardHandler), Schema: o.schema})
		if err == nil {
			t.Errorf("%s is taken", what)
			continue
		}
		t.Log(err)
		if slices.Contains([]byte(err.Error()), 0) || errorHas(err, "secret") {
			t.Errorf("%s: %v", what, err)
		}
	}
	exec(t, url, `INSERT INTO `+schema+`.goose_db_version (version_id, is_applied) VALUES (9999, true)`)
	_, err := postgres.Open(t.Context(), url, postgres.Options{Logger: slog.New(slog.DiscardHandler), Schema: schema})
	if err == nil || !errorHas(err, "newer aofd") {
		t.Errorf("a newer schema: %v", err)
	}
}
