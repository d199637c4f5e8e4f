package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
)

// senderLease is how long who claims a delivery is its account's only sender, unless the lease is renewed.
const senderLease = 10 * time.Second

// holdSender makes the owner the sender of an account, if that has no other one, and reports whether it is.
func holdSender(w *Writer, owner string, a store.Account, lease time.Duration) (bool, error) {
	n, err := w.Exec(`INSERT INTO sender (platform, account, owner, lease_until) VALUES ($1, $2, $3, $4)
		ON CONFLICT (platform, account) DO UPDATE SET owner = excluded.owner, lease_until =
			CASE WHEN sender.owner = excluded.owner AND sender.lease_until > excluded.lease_until
				THEN sender.lease_until ELSE excluded.lease_until END
		WHERE sender.owner = excluded.owner OR sender.lease_until <= $5`,
		a.Platform, a.Account, owner, micros(w.now.Add(lease)), micros(w.now))
	return n > 0, err
}

// HoldSenders implements store.Outbox.
func (s *Store) HoldSenders(
	ctx context.Context, owner string, accounts []store.Account, lease time.Duration,
) ([]store.Account, error) {
	var held []store.Account
	err := s.commit.do(ctx, nil, func(w *Writer) (err error) {
		held, err = holdSenders(w, owner, accounts, lease)
		return err
	})
	if err != nil {
		return nil, err
	}
	return held, nil
}

// holdSenders makes the owner the sender of those accounts that have no other one, and returns them. It goes about
// it in order, so that two hosts that want the same accounts do not wait for each other.
func holdSenders(w *Writer, owner string, accounts []store.Account, lease time.Duration) (held []store.Account, err error) {
	accounts = slices.SortedFunc(slices.Values(accounts), func(a, b store.Account) int {
		return cmp.Or(strings.Compare(a.Platform, b.Platform), strings.Compare(a.Account, b.Account))
	})
	for _, a := range accounts {
		ok, err := holdSender(w, owner, a, lease)
		if err != nil {
			return nil, err
		}
		if ok {
			held = append(held, a)
		}
	}
	return held, nil
}

// RecentSends implements store.Outbox.
func (s *Store) RecentSends(ctx context.Context, a store.Account, since time.Time) (out []store.Send, err error) {
	rows, err := s.Reads.QueryContext(ctx, `SELECT channel_id, ended_at, messages FROM attempt
		WHERE platform = $1 AND account = $2 AND ended_at >= $3 ORDER BY ended_at`, a.Platform, a.Account, micros(since))
	return out, drain(rows, err, func(rows *sql.Rows) error {
		var d store.Send
		var at int64
		err := rows.Scan(&d.ChannelID, &at, &d.Messages)
		d.At = moment(at)
		out = append(out, d)
		return err
	})
}

// Pause implements store.Operator.
func (s *Store) Pause(ctx context.Context, a store.Account, reason string) error {
	return s.commit.do(ctx, nil, func(w *Writer) error {
		err := w.later(`INSERT INTO pause (platform, account, reason, since) VALUES ($1, $2, $3, $4)
			ON CONFLICT (platform, account) DO UPDATE SET reason = excluded.reason`,
			a.Platform, a.Account, reason, micros(w.now))
		return err
	})
}

// Resume implements store.Operator.
func (s *Store) Resume(ctx context.Context, a store.Account) error {
	return s.commit.do(ctx, nil, func(w *Writer) error {
		n, err := w.Exec(`DELETE FROM pause WHERE platform = $1 AND account = $2`, a.Platform, a.Account)
		if err == nil && n == 0 {
			return store.ErrNotFound
		}
		w.changed = true
		return err
	})
}

// Paused implements store.Operator.
func (s *Store) Paused(ctx context.Context) (out []store.Pause, err error) {
	rows, err := s.Reads.QueryContext(ctx, `SELECT platform, account, reason, since FROM pause ORDER BY platform, account`)
	return out, drain(rows, err, func(rows *sql.Rows) error {
		var p store.Pause
		var since int64
		err := rows.Scan(&p.Platform, &p.Account.Account, &p.Reason, &since)
		p.Since = moment(since)
		out = append(out, p)
		return err
	})
}
