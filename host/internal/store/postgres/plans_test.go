package postgres_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/store/postgres"
	"github.com/aof-dev/aofd/host/internal/store/postgres/pgtest"
)

// What stores a message, takes a turn and sends an answer reads a few rows, however many wait: also while the database takes the
// tables for nearly empty, since they have filled only now.
func TestWorkWalksNoQueue(t *testing.T) {
	ctx := t.Context()
	url, schema := pgtest.Schema(t)
	// Without limits, which so many messages pass once they are counted.
	s, err := postgres.Open(ctx, url, postgres.Options{Logger: slog.New(slog.DiscardHandler), Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }() // it is closed before
	const (
		waiting      = "5000"
		rounds, each = 20, 5

		messages = `INSERT INTO message (cause, conversation, lane, platform, account, user_id, user_name, received_at, webhook, size, preview, body)
			SELECT 'p/a/' || n, 'c:' || n, 'turn', 'p', 'a', n::text, '', 0, 0, 2, '', '{}' FROM generate_series(1, ` + waiting + `) n`
		lanes      = `INSERT INTO lane (conversation, kind, head) SELECT conversation, lane, seq FROM message`
		deliveries = `INSERT INTO delivery (id, cause, ordinal, platform, account, conversation, channel_id, agent, response, created_at, queued_at,
				expires_at, state, behind, bulk)
			SELECT 'd' || n, 'p/a/' || n, 1, 'p', 'a', 'c:' || n, '', '', '{}', 1, 1, 0, 'queued', 0, 0 FROM generate_series(1, ` + waiting + `) n`
		conversations = `INSERT INTO conversation (key, platform, account, channel_id, thread_id, user_id, user_name, created_at)
			SELECT 'c:' || n, 'p', 'a', n::text, '', n::text, '', 1 FROM generate_series(1, ` + waiting + `) n`
	)
	few := func(query string) string { return strings.Replace(query, waiting, "10", 1) }
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(ctx, `SET search_path TO `+schema); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		// There was a load of lanes before, and the database learnt how much was left of it: nearly nothing.
		messages, lanes,
		`DELETE FROM lane WHERE head < ` + waiting, `DELETE FROM message`, `VACUUM ANALYZE lane`, `DELETE FROM lane`,
		// Of the others it knows how they began.
		few(messages), few(deliveries), few(conversations),
		`ANALYZE`,
		`DELETE FROM message`, `DELETE FROM delivery`, `DELETE FROM conversation`,
		messages, lanes, deliveries, conversations,
	} {
		if _, err := conn.Exec(ctx, query); err != nil {
			t.Fatal(err)
		}
	}
	for round := range rounds {
		for i, err := range atOnce(each, func(i int) error {
			_, err := s.Append(ctx, inbound(message(fmt.Sprint(1000+i), round)))
			return err
		}) {
			if err != nil {
				t.Errorf("append %d: %v", i, err)
			}
		}
		turns, err := s.Claim(ctx, "h", store.LaneTurn, each, time.Hour)
		if err != nil || len(turns) != each {
			t.Fatalf("%d turns, %v", len(turns), err)
		}
		for i, err := range atOnce(each, func(i int) error {
			return s.Finish(ctx, turns[i], store.Result{Outcome: store.OutcomeAnswered})
		}) {
			if err != nil {
				t.Errorf("finish %d: %v", i, err)
			}
		}
		due, err := s.ClaimDeliveries(ctx, "h", each, time.Hour)
		if err != nil || len(due) != each {
			t.Fatalf("%d deliveries, %v", len(due), err)
		}
		for i, err := range atOnce(each, func(i int) error {
			d := due[i]
			return s.Settle(ctx, store.Settlement{
				DeliveryID: d.ID, Attempt: d.Attempt, State: store.StateSent, MessageIDs: []string{"m" + d.ID}, Conversation: d.Conversation,
			})
		}) {
			if err != nil {
				t.Errorf("settle %d: %v", i, err)
			}
		}
	}
	if err := s.Close(); err != nil { // so that its connections tell what they read
		t.Fatal(err)
	}
	read := func() (rows int) {
		if err := conn.QueryRow(ctx, `SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0) FROM pg_stat_user_tables WHERE schemaname = $1`,
			schema).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	for still := 1; still > 0; {
		if err := conn.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'aofd'`).Scan(&still); err != nil {
			t.Fatal(err)
		}
	}
	// Filling the tables reads each row once or twice, and the store counts what waits once a second.
	if rows := read(); rows == 0 || rows > 50_000 {
		t.Errorf("%d rows were read to answer %d of %s messages", rows, rounds*each, waiting)
	} else {
		t.Logf("%d rows were read", rows)
	}
}
