package sqlstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Append implements store.Inbox.
func (s *Store) Append(ctx context.Context, in store.Inbound) (store.Appended, error) {
	filed := make(chan store.Appended, 1)
	if err := s.Accept(ctx, in, func(out store.Appended) { filed <- out }); err != nil {
		return store.Appended{}, err
	}
	select {
	case out := <-filed:
		return out, nil
	case <-ctx.Done():
		return store.Appended{}, fmt.Errorf("store: it is stored, and not filed in time: %w", ctx.Err())
	}
}

// Accept implements store.Inbox.
func (s *Store) Accept(ctx context.Context, in store.Inbound, filed func(store.Appended)) error {
	a, err := s.prepare(in)
	if err != nil {
		return err
	}
	a.filed = filed
	return s.commit.submit(ctx, &operation{
		keys: a.keys,
		run: func(w *Writer) (err error) {
			if w.crowded {
				return writeDown(w, a)
			}
			a.at, a.webhook, a.arrival = w.now, 0, 0
			a.out, err = s.take(w, a)
			return err
		},
		committed: func() {
			if a.arrival != 0 {
				s.arrivals.add(a)
				return
			}
			a.filed(a.out)
		},
	})
}

// take files all that a webhook said.
func (s *Store) take(w *Writer, a *appending) (out store.Appended, err error) {
	for i := range a.Messages {
		if err := s.insert(w, a, i, &out); err != nil {
			return out, err
		}
	}
	for _, r := range a.Receipts {
		if err := s.receive(w, r); err != nil {
			return out, err
		}
	}
	return out, notices(w, a.Notices)
}

// appending is an Inbound on its way in.
type appending struct {
	store.Inbound
	filed func(store.Appended) // called once out is final

	// Made ready outside of the transaction.
	bodies  [][]byte // of the messages
	size    int64    // of all bodies
	keys    []string
	request []byte // the Request without its body
	said    []byte // for the table arrival, where there is one writer

	// Set by the transaction.
	at      time.Time // when it was accepted
	webhook int64     // id of the stored Request; 0: not stored
	arrival int64     // id of the row that it was written down in; 0: it was filed at once
	out     store.Appended

	since time.Time // it waits to be filed
	ended bool      // it was filed, or set aside
}

func (a *appending) updates() int { return len(a.Messages) + len(a.Receipts) + len(a.Notices) }

// bytes is about how much memory it holds.
func (a *appending) bytes() int64 {
	n := 3*a.size + int64(len(a.request)+len(a.said))
	if a.Request != nil {
		n += int64(len(a.Request.Body))
	}
	return n
}

func (s *Store) prepare(in store.Inbound) (*appending, error) {
	if len(in.Messages) > 0 {
		if err := s.inboxFull(); err != nil {
			return nil, err
		}
	}
	a := &appending{Inbound: in, bodies: make([][]byte, len(in.Messages))}
	for i, m := range in.Messages {
		body, err := encode(m.Message)
		if err != nil {
			return nil, err
		}
		a.bodies[i] = body
		a.size += int64(len(body))
		a.keys = append(a.keys, conversationKey(m.Conversation))
		for _, alias := range m.Aliases {
			a.keys = append(a.keys, conversationKey(alias))
		}
	}
	for _, r := range in.Receipts {
		a.keys = append(a.keys, partKey(r.Platform, r.Account, r.MessageID))
		if r.DeliveryID != "" {
			a.keys = append(a.keys, deliveryKey(r.DeliveryID))
		}
	}
	if in.Request != nil {
		bare := *in.Request
		bare.Body = nil
		var err error
		if a.request, err = encode(bare); err != nil {
			return nil, err
		}
	}
	if s.Writers == 1 {
		var err error
		if a.said, err = a.encode(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// The keys that transactions lock.
func conversationKey(c string) string { return "c:" + c }
func deliveryKey(id string) string    { return "d:" + id }
func partKey(platform, account, part string) string {
	return "m:" + platform + "/" + account + "/" + part
}

// seenKey is what a cause is known by. It begins with the bits of its reference.
func seenKey(cause string) []byte {
	sum := sha256.Sum256([]byte("ref:" + cause))
	return sum[:16]
}

// semanticKey is what a message is known by that the platform may send under several ids.
func semanticKey(m chat.Message) []byte {
	sum := sha256.Sum256([]byte("semantic:" + m.Platform + "/" + m.Account + "/" + m.SemanticKey))
	return sum[:16]
}

// errRace means that the same event came in twice at once under two conversations.
var errRace = errors.New("store: the same event is being stored by another transaction")

// insert adds a message and its lane, or counts it as a duplicate.
func (s *Store) insert(w *Writer, a *appending, i int, out *store.Appended) error {
	m := a.Messages[i]
	c, cause := m.Message, store.CauseOf(m.Message)
	key, semantic := seenKey(cause), []byte(nil)
	if c.SemanticKey != "" {
		semantic = semanticKey(c)
	}
	known, err := isKnown(w, key, semantic)
	if err != nil {
		return err
	}
	if known != 0 {
		out.Duplicates++
		return again(w, known, cause)
	}
	conversation, err := s.converse(w, m, a.at)
	if err != nil {
		return err
	}
	lane, err := laneOf(w, m, a.MaxPerUser)
	if err != nil {
		return err
	}
	if a.Request != nil && a.webhook == 0 {
		if err := keepRequest(w, a); err != nil {
			return err
		}
	}
	seq, err := s.file(w, row{
		message: c, body: a.bodies[i], cause: cause, conversation: conversation, lane: lane, webhook: a.webhook, at: a.at,
	})
	if err != nil {
		return err
	}
	for _, k := range [][]byte{key, semantic} {
		if k == nil {
			continue
		}
		n, err := w.Exec(`INSERT INTO seen (key, message, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			k, seq, micros(w.now))
		if err != nil {
			return err
		}
		if n == 0 {
			return errRace
		}
	}
	out.New = append(out.New, cause)
	if !slices.Contains(out.Lanes, lane) {
		out.Lanes = append(out.Lanes, lane)
	}
	w.happened(c.Platform, c.Account, false)
	events := a.Trace
	if sys := c.Content.System; sys != nil && sys.PreviousID != "" {
		events = append(slices.Clone(events), store.TraceEvent{
			At: w.now, Hop: store.HopIdentity, Detail: "the user's id changed; the conversation goes on under the key " + conversation,
		})
	}
	return trace(w, cause, events)
}

// keepRequest stores what came over the wire.
func keepRequest(w *Writer, a *appending) (err error) {
	a.webhook, err = w.add(`INSERT INTO webhook (at, request, body) VALUES ($1, $2, $3)`, "id",
		micros(a.at), a.request, bytesOf(a.Request.Body))
	return err
}

// isKnown returns the seq of the message that one of the keys stands for; 0: none was seen before, as a nil key
// never was.
func isKnown(w *Writer, key, semantic []byte) (seq int64, err error) {
	if semantic == nil {
		_, err = w.Row(`SELECT message FROM seen WHERE key = $1`, []any{key}, &seq)
	} else {
		_, err = w.Row(`SELECT message FROM seen WHERE key IN ($1, $2) LIMIT 1`, []any{key, semantic}, &seq)
	}
	return seq, err
}

// again says in the trace of a message that it came once more, and how that is known.
func again(w *Writer, seq int64, as string) error {
	var cause string
	ok, err := w.Row(`SELECT cause FROM message WHERE seq = $1`, []any{seq}, &cause)
	if err != nil || !ok {
		return err // what it said is forgotten, its id is not
	}
	why := "the platform delivered it again under the same id"
	if cause != as {
		why = "the platform delivered it again as " + as + ", which is the same message"
	}
	return trace(w, cause, []store.TraceEvent{{At: w.now, Hop: store.HopDuplicate, Detail: why + ": dropped"}})
}

// row is a message on its way into the inbox.
type row struct {
	message      chat.Message
	body         []byte
	cause        string
	conversation string
	lane         store.LaneKind
	at           time.Time // when it came
	webhook      int64
	replayOf     string
}

// file puts a message at the end of its lane.
func (s *Store) file(w *Writer, r row) (seq int64, err error) {
	c := r.message
	if seq, err = w.add(`INSERT INTO message (cause, conversation, lane, platform, account, user_id, user_name,
			received_at, webhook, size, preview, body, replay_of)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`, "seq",
		r.cause, r.conversation, string(r.lane), c.Platform, c.Account, c.User.ID, nameOf(c.User),
		micros(r.at), r.webhook, len(r.body), preview(c.Shown()), r.body, r.replayOf); err != nil {
		return 0, err
	}
	w.changed = true
	w.pending.in.add(1, int64(len(r.body)))
	// A lane that is there keeps its head, which is older.
	err = w.later(`INSERT INTO lane (conversation, kind, head) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		r.conversation, string(r.lane), seq)
	return seq, err
}

func nameOf(u chat.User) string {
	if u.DisplayName != "" {
		return u.DisplayName
	}
	return u.Username
}

// previewMax is how many bytes of a text the ledger shows.
const previewMax = 160

// preview is the beginning of a text.
func preview(text string) string {
	if len(text) <= previewMax {
		return text
	}
	end := 0
	for i := range text { // the last rune that ends in time
		if i > previewMax {
			break
		}
		end = i
	}
	return text[:end]
}

// laneOf moves a message to the lane of refusals when its user has too many that wait or run.
func laneOf(w *Writer, m store.InboundMessage, most int) (store.LaneKind, error) {
	if m.Lane != store.LaneTurn || most <= 0 || m.Message.Refusal != nil {
		return m.Lane, nil
	}
	var n int
	c := m.Message
	_, err := w.Row(`SELECT count(*) FROM (SELECT 1 FROM message WHERE platform = $1 AND account = $2 AND user_id = $3
			AND outcome IS NULL AND lane = 'turn' LIMIT $4) AS pending`,
		[]any{c.Platform, c.Account, c.User.ID, most}, &n)
	if err == nil && n >= most {
		return store.LaneBusy, nil
	}
	return m.Lane, err
}

func notices(w *Writer, notices []chat.Notice) error {
	for _, n := range notices {
		body, err := encode(n)
		if err != nil {
			return err
		}
		if err := w.later(`INSERT INTO notice (id, platform, account, body, stored_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT DO NOTHING`, n.ID, n.Platform, n.Account, body, micros(w.now)); err != nil {
			return err
		}
	}
	return nil
}

// spoke is when the user said something, by the platform's clock; zero for what the platform itself says.
func spoke(m chat.Message, now time.Time) time.Time {
	switch {
	case m.Content.System != nil:
		return time.Time{}
	case m.SentAt.IsZero() || m.SentAt.After(now):
		return now
	}
	return m.SentAt
}
