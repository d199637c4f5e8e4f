package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/aof-dev/aofd/host/internal/store"
)

// Cancel implements store.Lanes.
func (s *Store) Cancel(ctx context.Context, cause string, r store.Result) error {
	var conversation string
	seq, err := s.messageOf(ctx, cause)
	if err != nil {
		return err
	}
	err = s.Reads.QueryRowContext(ctx, `SELECT conversation FROM message WHERE seq = $1`, seq).Scan(&conversation)
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrNotFound
	}
	if err != nil {
		return err
	}
	return s.commit.do(ctx, []string{conversationKey(conversation)}, func(w *Writer) error {
		t := store.Turn{Seq: seq, Cause: cause} // of no epoch, so that whoever works on it is fenced
		var lane, outcome string
		ok, err := w.Row(`SELECT conversation, lane, coalesce(outcome, '') FROM message WHERE seq = $1`, []any{seq},
			&t.Conversation, &lane, &outcome)
		t.Lane = store.LaneKind(lane)
		switch {
		case err != nil:
			return err
		case !ok:
			return store.ErrNotFound
		case outcome != "":
			return fmt.Errorf("%w: the message is done: %s", store.ErrState, outcome)
		}
		if err := w.lock(conversationKey(t.Conversation)); err != nil { // it may have another one by now
			return err
		}
		if err := done(w, t, r.Outcome, r.Reason); err != nil {
			return err
		}
		if err := enqueue(w, r.Deliveries); err != nil {
			return err
		}
		if err := trace(w, cause, r.Trace); err != nil {
			return err
		}
		_, first, err := heads(w, t)
		if err != nil || !first {
			return err // its lane passes it over
		}
		return advance(w, t)
	})
}

// Holds implements store.Lanes.
func (s *Store) Holds(ctx context.Context, owner string) (map[int64]int64, error) {
	epochs := map[int64]int64{}
	rows, err := s.Reads.QueryContext(ctx, `SELECT head, epoch FROM lane WHERE owner = $1 AND owner <> ''`, owner)
	return epochs, drain(rows, err, func(rows *sql.Rows) error {
		var seq, epoch int64
		err := rows.Scan(&seq, &epoch)
		epochs[seq] = epoch
		return err
	})
}
