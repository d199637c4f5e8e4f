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

// Store is all that a host keeps on disk about messages.
type Store interface {
	Inbox
	Lanes
	Outbox
	Journal

	// Ping returns an error when the store takes no writes.
	Ping(ctx context.Context) error
	// Prune forgets what was settled before t: bodies, deliveries, traces and, with them, the ids that
	// duplicates are known by. It also forgets history, receipts and notices that are older than t. A message
	// or a delivery that is not settled stays.
	Prune(ctx context.Context, t time.Time) error
	// Close waits for writes in flight and closes the store. It may be called twice.
	Close() error
}

// ErrFenced means that the turn does not hold its lane any more, because another worker took it over or the
// turn is finished: its writes are void.
var ErrFenced = errors.New("store: the turn's lease was lost")

// ErrNotFound means that nothing has this id.
var ErrNotFound = errors.New("store: no such id")

// ErrBusy means that the context ended while the write still waited for others; nothing was stored.
var ErrBusy = errors.New("store: too busy")

// Inbox keeps what comes in.
type Inbox interface {
	// Append stores all that one webhook said, or nothing of it. Messages whose (platform, account, id)
	// or (platform, account, semantic key) is known are counted as duplicates and change nothing. Receipts
	// are applied to the deliveries that they are about, in any order of arrival.
	Append(ctx context.Context, in Inbound) (Appended, error)
}

// Inbound is what one webhook said.
type Inbound struct {
	Messages []InboundMessage
	Receipts []chat.Receipt
	Notices  []chat.Notice
	// Trace is written for each message that is new, with the message's cause filled in.
	Trace []TraceEvent
	// MaxPerUser is how many messages of one user may wait or run in LaneTurn; further ones get
	// Lane LaneBusy. 0 means no limit.
	MaxPerUser int
}

// InboundMessage is a message and where it waits.
type InboundMessage struct {
	Message      chat.Message
	Conversation string
	Lane         LaneKind
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
	New        []string // causes of new messages, in order
	Duplicates int      // messages that were known
}

// Lanes hands out work: a lane (conversation and kind) is held by one worker at a time, and its messages
// are taken in the order of their arrival.
type Lanes interface {
	// Claim takes up to limit lanes of the given kind that have work and no live lease, oldest work
	// first, and returns the first message of each. What the owner holds already is never claimed again.
	Claim(ctx context.Context, owner string, kind LaneKind, limit int, lease time.Duration) ([]Turn, error)
	// Renew prolongs all leases of the owner, on lanes and on deliveries, to lease from now at least.
	Renew(ctx context.Context, owner string, lease time.Duration) error
	// Release gives a lane back without a result; its message will be claimed again and the attempt is not
	// counted. A turn that lost its lease changes nothing.
	Release(ctx context.Context, t Turn) error
	// Enqueue adds deliveries while the turn goes on. A delivery whose id exists is left alone.
	// It returns ErrFenced when the lease was lost.
	Enqueue(ctx context.Context, t Turn, d []Delivery, trace []TraceEvent) error
	// Finish records the outcome, the deliveries, the choice of an agent and the history of a turn in one
	// step and frees the lane. It returns ErrFenced when the lease was lost.
	Finish(ctx context.Context, t Turn, r Result) error
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
	ReceivedAt time.Time
	Running    bool
}

// Result is how a turn ended.
type Result struct {
	Outcome    Outcome
	Reason     string // one sentence
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
)

// Outbox keeps what is to be sent and what became of it.
type Outbox interface {
	// ClaimDeliveries takes up to limit due deliveries, at most one of a conversation and only the
	// oldest unsettled one of it, counts the attempt and marks them as being sent, before anything is
	// sent. What another owner was sending when its lease ended becomes unknown, and what is over its
	// time expires.
	ClaimDeliveries(ctx context.Context, owner string, limit int, lease time.Duration) ([]Delivery, error)
	// Settle records how an attempt ended. Settling an attempt that is not the current one changes
	// nothing. Receipts that came before are applied.
	Settle(ctx context.Context, s Settlement) error
	// NextDue returns when the earliest waiting delivery may be tried; zero when there is none.
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
)

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

	// Set by the store.
	State      DeliveryState
	Attempt    int      // from 1 once it was claimed
	PartsSent  int      // messages that are out, as many as MessageIDs
	MessageIDs []string // the platform's, in order
	LastError  *chat.DeliveryError
}

// Settlement is how an attempt ended.
type Settlement struct {
	DeliveryID string
	Attempt    int // that of the claimed delivery
	// State is StateSent, StateQueued (to be tried again at NextAt), StateFailed, StateExpired,
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
	// Backlog counts what waits and what failed.
	Backlog(ctx context.Context) (Backlog, error)
	// LastTimes returns when the last message of each platform came in and went out.
	LastTimes(ctx context.Context) (map[string]Times, error)
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
