// Package store keeps every message safe: the inbox, the lanes in which conversations take their turns,
// the outbox, the history and the trace. It speaks of events, lanes, deliveries and leases; only its
// sub-packages know SQL.
//
// All methods of a Store may be called by many goroutines. A method that returned nil has its effect on
// disk. A method that returned an error may or may not have had its effect: every one may be repeated.
package store

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/aof-dev/aofd/sdk/chat"
)

// Store is all that the hosts of a deployment keep on disk about messages. Each host has one.
type Store interface {
	Inbox
	Lanes
	Outbox
	Journal
	Ledger
	Operator

	// Changed receives when another host may have stored something that this one could take: a hint, since it
	// may come late, too often or not at all. It is nil for a store that has one host. It has one reader.
	Changed() <-chan struct{}
	// Leave gives back all that the owner holds, so that others take over at once: lanes, as Release does,
	// and accounts. What it was still sending becomes unknown. It is for an owner that ends.
	Leave(ctx context.Context, owner string) error
	// Ping returns an error when the store takes no writes, or no messages since it is full.
	Ping(ctx context.Context) error
	// Prune forgets what is past its retention. A message or a delivery that is not settled stays, and so do
	// the ids of the messages that wait.
	Prune(ctx context.Context, r Retention) error
	// Backup writes a copy of everything, as it is at one moment, to a new SQLite file at path, readable for
	// this user only. Writes go on meanwhile.
	Backup(ctx context.Context, path string) error
	// Close waits for writes in flight and closes the store. It may be called twice.
	Close() error
}

// Retention is how long what is settled is kept, by kind.
type Retention struct {
	IDs     time.Duration // what duplicates are known by; from the arrival. Less than 7 days counts as 7 days
	Ledger  time.Duration // messages without their bodies, deliveries, attempts, receipts, notices
	Bodies  time.Duration // what messages said, from the end of their turn: no replay after that
	Trace   time.Duration // trace and webhooks as they came
	History time.Duration // what agents get of earlier turns
}

// ErrFenced means that the turn does not hold its lane any more, because another worker took it over or the
// turn is finished: its writes are void.
var ErrFenced = errors.New("store: the turn's lease was lost")

// ErrNotFound means that nothing has this id.
var ErrNotFound = errors.New("store: no such id")

// ErrBusy means that the context ended while the write still waited for others; nothing was stored.
var ErrBusy = errors.New("store: too busy")

// ErrFull means that as much waits as may: nothing was stored or taken. It passes when turns end, or when
// deliveries are sent.
var ErrFull = errors.New("store: full")

// ErrState means that nothing was changed, since what was asked for makes no sense in the state that the
// message or delivery is in.
var ErrState = errors.New("store: not possible in this state")

// MaxID is how many bytes an id of a platform may have. Indexes hold up to three of them, and that of a
// conversation escaped; a row that has no place in an index could never be stored.
const MaxID = 512

// Inbox keeps what comes in.
type Inbox interface {
	// Accept stores all that one webhook said, or nothing of it. Filing it may take place a little later, also after
	// a crash, and in the order of acceptance; filed is called then, from a goroutine of the store: it must be
	// quick and not call the store. It may be called before Accept returns. Errors are those of Append.
	Accept(ctx context.Context, in Inbound, filed func(Appended)) error
	// Append accepts all that one webhook said, and returns once it is filed. Messages whose (platform, account, id)
	// or (platform, account, semantic key) is known are counted as duplicates and change nothing. Receipts
	// are applied to the deliveries that they are about, in any order of arrival. A message from a user makes
	// the held deliveries of its conversation queued again. It returns ErrFull when too much waits already;
	// receipts and notices alone are always taken.
	Append(ctx context.Context, in Inbound) (Appended, error)
}

// Inbound is what one webhook said.
type Inbound struct {
	Messages []InboundMessage
	Receipts []chat.Receipt
	Notices  []chat.Notice
	// Trace is written for each message that is new, with the message's cause filled in.
	Trace []TraceEvent
	// Request is what came over the wire. It is kept as long as the trace when a message is new, and not at
	// all when it is nil. The signature is among its headers.
	Request *chat.Request
	// MaxPerUser is how many messages of one user may wait or run in LaneTurn; further ones get
	// Lane LaneBusy. 0 means no limit.
	MaxPerUser int
}

// InboundMessage is a message and where it waits.
type InboundMessage struct {
	Message      chat.Message
	Conversation string
	// Aliases are other keys of the same conversation, such as that of the user's number before it changed.
	// The conversation that is known under one of these keys goes on: the message is filed there, and so is
	// whatever comes later under any of the keys. Of two that are known the one that was there first goes on.
	Aliases []string
	Lane    LaneKind
}

// LaneKind is which queue of a conversation a message waits in. The queues do not wait for each other.
type LaneKind string

// The lanes of a conversation.
const (
	LaneTurn LaneKind = "turn" // answered by agents, one after another
	LaneNow  LaneKind = "now"  // answered by the host at once
	LaneBusy LaneKind = "busy" // refused: the user has too many tasks
)

// Appended is what Append did.
type Appended struct {
	New        []string   // causes of new messages, in order
	Lanes      []LaneKind // in which they wait, each once
	Duplicates int        // messages that were known
}

// Lanes hands out work: a lane (conversation and kind) is held by one worker at a time, and its messages
// are taken in the order of their arrival.
type Lanes interface {
	// Claim takes up to limit lanes of the given kind that have work and no live lease, oldest work
	// first, and returns the first message of each. What the owner holds already is never claimed again. It returns
	// ErrFull while as many deliveries wait as may; what was claimed before may add to them all the same.
	Claim(ctx context.Context, owner string, kind LaneKind, limit int, lease time.Duration) ([]Turn, error)
	// Renew prolongs all leases of the owner, on lanes, accounts and deliveries, to lease from now at least.
	Renew(ctx context.Context, owner string, lease time.Duration) error
	// Release gives a lane back without a result; its message will be claimed again and the attempt is not
	// counted. A turn that lost its lease changes nothing.
	Release(ctx context.Context, t Turn) error
	// Enqueue adds deliveries while the turn goes on. A delivery whose id exists is left alone.
	// It returns ErrFenced when the lease was lost.
	Enqueue(ctx context.Context, t Turn, d []Delivery, trace []TraceEvent) error
	// Finish records the outcome, the deliveries, the choice of an agent and the history of a turn in one
	// step and frees the lane. It returns ErrFenced when the lease was lost, and nil when this turn was finished
	// before.
	Finish(ctx context.Context, t Turn, r Result) error
	// Cancel ends a message that waits or runs, by its cause, with a result of which Merged, SetAgent and the history
	// do not count. Whoever works on it is fenced. It returns ErrNotFound, and ErrState when the message is done.
	Cancel(ctx context.Context, cause string, r Result) error
	// Holds returns which messages the owner works on, by Seq, with the epochs of its leases.
	Holds(ctx context.Context, owner string) (map[int64]int64, error)
	// Following returns up to limit messages that wait right behind a turn's in its lane, oldest first.
	Following(ctx context.Context, t Turn, limit int) ([]Turn, error)
	// QueueOf returns the messages of a user that wait or run in LaneTurn, oldest first.
	QueueOf(ctx context.Context, platform, account, userID string) ([]Queued, error)
}

// Turn is a claimed message.
type Turn struct {
	Cause        string // id of the message in the store: platform/account/event id
	Seq          int64  // order of arrival
	Conversation string
	Lane         LaneKind
	Epoch        int64 // of the lease; a later claim has a higher one
	Attempt      int   // from 1; higher when an earlier lease ended without Finish or Release
	Message      chat.Message
}

// Queued is a message that waits or runs.
type Queued struct {
	Cause      string
	Seq        int64
	ReceivedAt time.Time
	Running    bool
}

// Result is how a turn ended.
type Result struct {
	Outcome    Outcome
	Reason     string // one sentence
	Merged     []Turn // messages of Following that are answered together with this one, from the first one on
	Deliveries []Delivery
	// SetAgent, when not nil, is the user's explicit choice in this conversation from now on; empty
	// takes the choice back.
	SetAgent *string
	// History is appended to the history of (conversation, HistoryAgent).
	HistoryAgent string
	History      []chat.Turn
	Trace        []TraceEvent
}

// Outcome is what became of a cause. Every cause ends with exactly one.
type Outcome string

// The outcomes.
const (
	OutcomeAnswered    Outcome = "answered"
	OutcomeInterrupted Outcome = "interrupted"
	OutcomeRefused     Outcome = "refused" // policy, limits, no agent
	OutcomeFailed      Outcome = "failed"
	OutcomeNothing     Outcome = "nothing" // nothing to say
	OutcomeMerged      Outcome = "merged"  // answered together with an earlier message
)

// Outbox keeps what is to be sent and what became of it.
type Outbox interface {
	// ClaimDeliveries takes up to limit due deliveries, at most one of a conversation and only the
	// oldest unsettled one of it, counts the attempt and marks them as being sent, before anything is
	// sent. It takes from accounts that the owner sends for, and becomes the sender of those that have none
	// (see HoldSenders); paused ones are left out. What another owner was sending when its lease ended becomes
	// unknown, and what is over its time expires. What is not Bulk goes first. From the accounts in rests nothing
	// is taken for a while, by nobody.
	ClaimDeliveries(ctx context.Context, owner string, limit int, lease time.Duration, rests ...Rest) ([]Delivery, error)
	// Join claims up to limit of the deliveries that wait right behind one that the owner is sending, in the same
	// conversation, until fits says no. They go out in one message with it: Settle of the first settles all of
	// them, as it is sent, unknown or held; with any other end each waits for a try of its own. fits must not
	// call the store, and may be called several times.
	Join(ctx context.Context, owner string, first Delivery, limit int, fits func(Delivery) bool) ([]Delivery, error)
	// Settle records how an attempt ended. Settling an attempt that is not the current one changes
	// nothing. Receipts that came before are applied.
	Settle(ctx context.Context, s Settlement) error
	// HoldSenders makes the owner the only sender of those of the accounts that have none, for lease from now,
	// prolongs what it has of them, and returns which of them it holds then.
	HoldSenders(ctx context.Context, owner string, accounts []Account, lease time.Duration) ([]Account, error)
	// RecentSends returns the attempts of an account that ended since then, oldest first: what the next sender
	// needs to know to keep to the platform's limits.
	RecentSends(ctx context.Context, a Account, since time.Time) ([]Send, error)
	// NextDue returns when the earliest waiting delivery may be tried; zero when there is none. What is paused,
	// or of an account that rests, does not count.
	NextDue(ctx context.Context) (time.Time, error)
	// Delivery returns one delivery, or ErrNotFound.
	Delivery(ctx context.Context, id string) (Delivery, error)
}

// DeliveryState is where a delivery is.
type DeliveryState string

// The states. Queued and sending are the only ones that hold back the conversation's later deliveries.
const (
	StateQueued     DeliveryState = "queued"
	StateSending    DeliveryState = "sending"
	StateSent       DeliveryState = "sent"
	StateDelivered  DeliveryState = "delivered"
	StateRead       DeliveryState = "read"
	StateFailed     DeliveryState = "failed"
	StateExpired    DeliveryState = "expired"
	StateSuppressed DeliveryState = "suppressed"
	StateUnknown    DeliveryState = "unknown" // nobody can prove that it was or was not sent
	StateHeld       DeliveryState = "held"    // waits for the recipient to write; then it is queued again
)

// Account is an identity of ours on a platform.
type Account struct{ Platform, Account string }

// Rest is an account that has sent as much as it may, and for how long.
type Rest struct {
	Account
	For time.Duration
}

// Send is an attempt, as far as limits count it.
type Send struct {
	ChannelID string
	At        time.Time // when it ended
	Messages  int       // that went out with it
}

// Attempt is one attempt of a delivery that has ended.
type Attempt struct {
	N         int // from 1
	Owner     string
	StartedAt time.Time
	EndedAt   time.Time
	State     DeliveryState // that it led to
	Messages  int           // that went out with it
	Error     *chat.DeliveryError
}

// Delivery is one entry of the outbox.
type Delivery struct {
	ID           string // derived from the cause and the ordinal, so that a repeated turn adds nothing
	Cause        string
	Ordinal      int
	Platform     string
	Account      string
	Conversation string
	ChannelID    string
	Agent        string // whose answer it is; empty: the host's own
	Response     chat.Response
	CreatedAt    time.Time
	ExpiresAt    time.Time // zero: never
	NextAt       time.Time // not tried before; zero: at once
	Bulk         bool      // nobody waits for it: it goes out after what is not

	// Set by the store.
	State      DeliveryState
	Attempt    int      // from 1 once it was claimed
	PartsSent  int      // messages that are out, as many as MessageIDs
	MessageIDs []string // the platform's, in order
	LastError  *chat.DeliveryError
	SettledAt  time.Time // zero: not settled
	// LastInboundAt is when the user last wrote in this conversation, by the platform's clock; zero: never.
	// ClaimDeliveries and Delivery fill it in.
	LastInboundAt time.Time
	// QueuedAt is CreatedAt, or when the operator last had it sent again; Before is how many attempts there
	// were until then, which do not count against it.
	QueuedAt time.Time
	Before   int
}

// Retry decides whether a delivery is sent again that failed after the platform had taken it, and after which
// time. It must not call the store.
type Retry func(d Delivery, e chat.DeliveryError, now time.Time) (wait time.Duration, again bool)

// Settlement is how an attempt ended.
type Settlement struct {
	DeliveryID   string
	Account      Account // the delivery's; like Conversation it only spares the store from looking
	Conversation string
	Attempt      int // that of the claimed delivery
	// State is StateSent, StateQueued (to be tried again at NextAt), StateHeld, StateFailed, StateExpired,
	// StateSuppressed or StateUnknown.
	State  DeliveryState
	NextAt time.Time
	// Deferred, with StateQueued, means that the attempt is not counted.
	Deferred   bool
	MessageIDs []string // of all parts that went out, earlier attempts included
	Error      *chat.DeliveryError
	Trace      []TraceEvent
	// Instead is enqueued in the same step: what the user gets when this delivery has failed.
	Instead []Delivery
}

// Journal remembers what users chose, the history and the trace, and counts.
type Journal interface {
	// AgentChoice returns the user's explicit choice in a conversation; empty when there is none.
	AgentChoice(ctx context.Context, conversation, userID string) (string, error)
	// OfferedBy returns the agent whose answer a platform's message is part of; empty when it is nobody's.
	OfferedBy(ctx context.Context, platform, account, messageID string) (string, error)
	// LastDelivery returns the delivery of a conversation that was enqueued last, or ErrNotFound.
	LastDelivery(ctx context.Context, conversation string) (Delivery, error)
	// History returns the last n entries of a conversation's history with an agent, oldest first.
	History(ctx context.Context, conversation, agent string, n int) ([]chat.Turn, error)
	// AppendTrace writes trace events that belong to no other step.
	AppendTrace(ctx context.Context, events []TraceEvent) error
	// Trace returns what happened to a message, oldest first, by its event id, cause or reference, a delivery
	// id or a platform's message id. It returns ErrNotFound when nothing has this id.
	Trace(ctx context.Context, id string) ([]TraceEvent, error)
	// TraceAfter returns the trace of all messages in the order in which it was written, from behind a
	// position: limit durable points, each with all its events. last is the position to go on from; it is that
	// of the end, without events, when after is negative.
	TraceAfter(ctx context.Context, after int64, limit int) (events []TraceEvent, last int64, err error)
	// Webhook returns what came over the wire with a message, by its cause, or ErrNotFound.
	Webhook(ctx context.Context, cause string) (chat.Request, error)
	// Backlog counts what waits and what failed. It is cheap; from 10,000 of a kind on it may be a little behind.
	Backlog(ctx context.Context) (Backlog, error)
	// LastTimes returns when the last message of each platform came in and went out.
	LastTimes(ctx context.Context) (map[string]Times, error)
}

// Ledger shows what was stored, newest first, a page at a time.
type Ledger interface {
	// Messages returns a page of messages.
	Messages(ctx context.Context, f Filter) ([]MessageRecord, Cursor, error)
	// Message returns the message of a cause, or ErrNotFound.
	Message(ctx context.Context, cause string) (MessageRecord, error)
	// Deliveries returns a page of deliveries.
	Deliveries(ctx context.Context, f Filter) ([]Delivery, Cursor, error)
	// Attempts returns the attempts of a delivery that have ended and counted, oldest first; none when it has
	// none or is not known.
	Attempts(ctx context.Context, deliveryID string) ([]Attempt, error)
	// Conversations returns a page of conversations. Of the filter only Platform, Account, Conversation,
	// UserID, Search, Since, Until, Limit and Before count; they are in the order of their first message.
	Conversations(ctx context.Context, f Filter) ([]Conversation, Cursor, error)
	// Loads returns how much each account of a platform has to do, by account; open is since when a person must
	// have written for OpenWindows.
	Loads(ctx context.Context, platform string, open time.Time) (map[string]Load, error)
}

// Load is how much an account has to do.
type Load struct {
	Pending     int // deliveries that are queued, being sent or held
	OpenWindows int // conversations whose person wrote a short time ago
}

// Filter says what a page shows: what agrees with all fields that are set.
type Filter struct {
	Platform, Account string
	Conversation      string
	UserID            string          // of messages and conversations
	Cause             string          // of deliveries
	States            []DeliveryState // of deliveries, any of them
	Outcomes          []Outcome       // of messages, any of them; "" is one without
	// Search is a part, in any case, of a message's beginning, of an answer's text, or of a name, or the whole of
	// an id.
	Search       string
	Since, Until time.Time // from when on, and before when, it came in or was created
	Limit        int       // of entries; 0 is 50, and more than 1000 is 1000
	Before       Cursor    // of the page before; 0: the first page
}

// Cursor is where the next page begins; 0: there is none.
type Cursor int64

// MessageRecord is a message in the ledger.
type MessageRecord struct {
	Cause        string
	Conversation string
	Lane         LaneKind
	Platform     string
	Account      string
	UserID       string
	UserName     string
	ReceivedAt   time.Time
	Preview      string        // the beginning of its text; empty once its body is forgotten
	Message      *chat.Message // nil once its body is forgotten
	Outcome      Outcome       // empty: it waits or runs
	Reason       string
	DoneAt       time.Time // zero: not done
	ReplayOf     string    // the cause that it repeats; empty: none
}

// Conversation is a chat with everything that was ever said in it, under one key.
type Conversation struct {
	Key       string
	Platform  string
	Account   string
	ChannelID string
	ThreadID  string
	// UserID and UserName are those of who wrote last.
	UserID         string
	UserName       string
	CreatedAt      time.Time
	LastInboundAt  time.Time // by the platform's clock; zero: never
	LastOutboundAt time.Time // when the last answer was sent; zero: never
}

// Operator lets people step in. What was done, and the reason, is in the trace.
type Operator interface {
	// Send enqueues a delivery that answers nothing, with the beginning of its trace. Its conversation need not
	// be known. One whose id exists is left alone. It returns ErrFull a little before Claim does, so that answers have
	// a place.
	Send(ctx context.Context, d Delivery, trace []TraceEvent) error
	// Pause keeps the deliveries of an account, or of a whole platform when a.Account is empty, from being
	// sent. What comes in is still stored and answered; the answers wait. Pausing twice changes the reason.
	Pause(ctx context.Context, a Account, reason string) error
	// Resume is the reverse. It returns ErrNotFound when exactly this was not paused.
	Resume(ctx context.Context, a Account) error
	// Paused returns what is paused, in order.
	Paused(ctx context.Context) ([]Pause, error)
	// Redeliver has a delivery sent again, or tried again now, that is queued, held, unknown, failed, expired
	// or suppressed. What had been sent of it stays sent. It does not expire any more. It returns ErrNotFound
	// or ErrState.
	Redeliver(ctx context.Context, id, reason string) error
	// Drop makes a delivery suppressed that is queued, held, unknown, failed or expired. It returns ErrNotFound
	// or ErrState.
	Drop(ctx context.Context, id, reason string) error
	// Replay has a message that is done answered anew and returns the cause of the new turn, whose answers are
	// new deliveries. While an earlier replay of it waits or runs, that one is returned. It returns ErrNotFound,
	// also when the body is forgotten, ErrState when the message is not done, and ErrFull as Append does.
	Replay(ctx context.Context, cause, reason string) (string, error)
}

// Pause is an account, or a platform, whose deliveries wait.
type Pause struct {
	Account
	Reason string
	Since  time.Time
}

// TraceEvent is one hop of a message.
type TraceEvent struct {
	At         time.Time     `json:"at"`
	Hop        string        `json:"hop"`              // such as webhook.received, route.chosen, send.attempt
	Detail     string        `json:"detail,omitempty"` // one sentence: what and why; no secrets
	Duration   time.Duration `json:"duration_ns,omitempty"`
	Cause      string        `json:"-"`
	DeliveryID string        `json:"delivery_id,omitempty"`
}

// Backlog counts what waits and what failed.
type Backlog struct {
	InboxPending  int
	TurnsRunning  int
	OutboxPending int
	OutboxHeld    int
	OutboxUnknown int
	OutboxFailed  int
}

// Times are the last times of a platform; zero means never.
type Times struct{ In, Out time.Time }

// CauseOf returns the cause of a message: the id that it has in the store.
func CauseOf(m chat.Message) string { return m.Platform + "/" + m.Account + "/" + m.ID }

// DeliveryID returns the id of the delivery in a cause's n-th slot, from 1. It is the same for a repeated
// turn and says nothing about the message to those who see it.
func DeliveryID(cause string, n int) string {
	sum := sha256.Sum256([]byte(cause))
	return fmt.Sprintf("d-%s-%d", hex.EncodeToString(sum[:16]), n)
}

// RunID returns the id of the agent run that a cause leads to; the same for a repeated turn.
func RunID(cause string) string {
	sum := sha256.Sum256([]byte("run:" + cause))
	return "r-" + hex.EncodeToString(sum[:16])
}

// Reference returns a short code for people: it is shown in an apology and stands in log and trace. Two
// causes may share one, so it is no key.
func Reference(cause string) string {
	sum := sha256.Sum256([]byte("ref:" + cause))
	return base32.StdEncoding.EncodeToString(sum[:5])[:6]
}
