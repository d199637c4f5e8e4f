package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// AgentChoice implements store.Journal.
func (s *Store) AgentChoice(ctx context.Context, conversation, userID string) (agent string, err error) {
	err = s.Reads.QueryRowContext(ctx, `SELECT agent FROM choice WHERE conversation = $1 AND user_id IN ($2, $3)
		ORDER BY user_id DESC LIMIT 1`, conversation, userID, everybody).Scan(&agent)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return agent, err
}

// OfferedBy implements store.Journal.
func (s *Store) OfferedBy(ctx context.Context, platform, account, messageID string) (agent string, err error) {
	err = s.Reads.QueryRowContext(ctx, `SELECT d.agent FROM part p JOIN delivery d ON d.id = p.delivery_id
		WHERE p.message_id = $1 AND p.platform = $2 AND p.account = $3`, messageID, platform, account).Scan(&agent)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return agent, err
}

// LastDelivery implements store.Journal.
func (s *Store) LastDelivery(ctx context.Context, conversation string) (store.Delivery, error) {
	d, _, err := scanDelivery(s.Reads.QueryRowContext(ctx,
		deliveries+` WHERE d.conversation = $1 ORDER BY d.seq DESC LIMIT 1`, conversation))
	if errors.Is(err, sql.ErrNoRows) {
		return d, store.ErrNotFound
	}
	return d, err
}

// History implements store.Journal.
func (s *Store) History(ctx context.Context, conversation, agent string, n int) ([]chat.Turn, error) {
	if n <= 0 {
		return nil, nil
	}
	var out []chat.Turn
	rows, err := s.Reads.QueryContext(ctx, `SELECT turn FROM history WHERE conversation = $1 AND agent = $2
		ORDER BY seq DESC LIMIT $3`, conversation, agent, n)
	err = drain(rows, err, func(rows *sql.Rows) error {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return err
		}
		out = append(out, chat.Turn{})
		return decode(body, &out[len(out)-1])
	})
	slices.Reverse(out)
	return out, err
}

// LastTimes implements store.Journal.
func (s *Store) LastTimes(ctx context.Context) (map[string]store.Times, error) {
	out := map[string]store.Times{}
	rows, err := s.Reads.QueryContext(ctx, `SELECT platform, max(last_in), max(last_out) FROM last_time GROUP BY platform`)
	return out, drain(rows, err, func(rows *sql.Rows) error {
		var platform string
		var in, sent int64
		if err := rows.Scan(&platform, &in, &sent); err != nil {
			return err
		}
		out[platform] = store.Times{In: moment(in), Out: moment(sent)}
		return nil
	})
}
