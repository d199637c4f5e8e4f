package api

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aof-dev/aofd/host/internal/store"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

// maxPage is the largest page.
const maxPage = 500

// maxQuery is how many bytes may be searched for. Databases take patterns up to a length of their own only.
const maxQuery = 1000

// paged fills in which page is asked for.
func paged(f store.Filter, size uint32, token string) (store.Filter, error) {
	if len(f.Search) > maxQuery {
		return f, badArgument("query has %d bytes: it takes %d at most", len(f.Search), maxQuery)
	}
	f.Limit = int(min(size, maxPage))
	if token == "" {
		return f, nil
	}
	n, err := strconv.ParseInt(token, 36, 64)
	if err != nil || n <= 0 {
		return f, Refuse(connect.CodeInvalidArgument, "BAD_CURSOR", "page_token is not one that an answer gave")
	}
	f.Before = store.Cursor(n)
	return f, nil
}

// token is the reverse of paged; empty: there is no more.
func token(c store.Cursor) string {
	if c == 0 {
		return ""
	}
	return strconv.FormatInt(int64(c), 36)
}

// moment is the zero time for what is not given.
func moment(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

func (s *service) ListConversations(
	ctx context.Context, r *hostv1.ListConversationsRequest,
) (*hostv1.ListConversationsResponse, error) {
	f, err := paged(store.Filter{Platform: r.GetPlatform(), Account: r.GetAccount(), Search: r.GetQuery()}, r.GetPageSize(), r.GetPageToken())
	if err != nil {
		return nil, err
	}
	list, next, err := s.Store.Conversations(ctx, f)
	if err != nil {
		return nil, problem(err)
	}
	out := &hostv1.ListConversationsResponse{NextPageToken: token(next)}
	for _, c := range list {
		out.Conversations = append(out.Conversations, conversation(c, s.Daemon.ReplyWindow(c.Platform)))
	}
	return out, nil
}

func (s *service) GetConversation(
	ctx context.Context, r *hostv1.GetConversationRequest,
) (*hostv1.GetConversationResponse, error) {
	c, err := s.conversation(ctx, r.GetKey())
	if err != nil {
		return nil, problem(err)
	}
	out := conversation(c, s.Daemon.ReplyWindow(c.Platform))
	if out.Agent, err = s.Store.AgentChoice(ctx, c.Key, c.UserID); err != nil {
		return nil, problem(err)
	}
	return &hostv1.GetConversationResponse{Conversation: out}, nil
}

func (s *service) conversation(ctx context.Context, key string) (store.Conversation, error) {
	list, _, err := s.Store.Conversations(ctx, store.Filter{Conversation: key, Limit: 1})
	if err == nil && (key == "" || len(list) == 0) {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Conversation{}, err
	}
	return list[0], nil
}

func conversation(c store.Conversation, window time.Duration) *hostv1.Conversation {
	out := &hostv1.Conversation{
		Key: c.Key, Platform: c.Platform, Account: c.Account, ChannelId: c.ChannelID, UserId: c.UserID,
		UserName: c.UserName, LastInboundAt: stamp(c.LastInboundAt), LastOutboundAt: stamp(c.LastOutboundAt),
	}
	if window > 0 && !c.LastInboundAt.IsZero() {
		out.WindowClosesAt = stamp(c.LastInboundAt.Add(window))
	}
	return out
}

// outcomes are the words of ListMessagesRequest.states.
var outcomes = map[string]store.Outcome{
	"open":     "",
	"answered": store.OutcomeAnswered, "interrupted": store.OutcomeInterrupted, "refused": store.OutcomeRefused,
	"failed": store.OutcomeFailed, "nothing": store.OutcomeNothing,
}

func (s *service) ListMessages(ctx context.Context, r *hostv1.ListMessagesRequest) (*hostv1.ListMessagesResponse, error) {
	f := store.Filter{
		Conversation: r.GetConversation(), Platform: r.GetPlatform(), Account: r.GetAccount(), Search: r.GetQuery(),
		Since: moment(r.GetSince()), Until: moment(r.GetUntil()),
	}
	for _, word := range r.GetStates() {
		o, ok := outcomes[word]
		if !ok {
			return nil, badArgument("states has %q: it takes open, answered, interrupted, refused, failed and nothing", word)
		}
		if !slices.Contains(f.Outcomes, o) {
			f.Outcomes = append(f.Outcomes, o)
		}
	}
	f, err := paged(f, r.GetPageSize(), r.GetPageToken())
	if err != nil {
		return nil, err
	}
	list, next, err := s.Store.Messages(ctx, f)
	if err != nil {
		return nil, problem(err)
	}
	out := &hostv1.ListMessagesResponse{NextPageToken: token(next)}
	for _, m := range list {
		out.Messages = append(out.Messages, message(m))
	}
	return out, nil
}

func message(m store.MessageRecord) *hostv1.Message {
	out := &hostv1.Message{
		Cause: m.Cause, EventId: strings.TrimPrefix(m.Cause, m.Platform+"/"+m.Account+"/"),
		Reference: store.Reference(m.Cause), Conversation: m.Conversation, Platform: m.Platform, Account: m.Account,
		UserId: m.UserID, UserName: m.UserName, Text: m.Preview, ReceivedAt: stamp(m.ReceivedAt), State: "open",
		Reason: m.Reason, DoneAt: stamp(m.DoneAt), Lane: string(m.Lane), ReplayOf: m.ReplayOf, Kind: string(chat.KindText),
	}
	if m.Outcome != "" {
		out.State, out.Outcome = "done", string(m.Outcome)
	}
	if b := m.Message; b != nil {
		out.Text, out.Kind, out.ChannelId = b.Shown(), string(b.Content.Kind()), b.ChannelID
		out.SentAt = stamp(b.SentAt)
	}
	return out
}

// states are the words of ListDeliveriesRequest.states.
var states = []store.DeliveryState{
	store.StateQueued, store.StateSending, store.StateHeld, store.StateSent, store.StateDelivered, store.StateRead,
	store.StateFailed, store.StateExpired, store.StateSuppressed, store.StateUnknown,
}

func (s *service) ListDeliveries(
	ctx context.Context, r *hostv1.ListDeliveriesRequest,
) (*hostv1.ListDeliveriesResponse, error) {
	f := store.Filter{
		Conversation: r.GetConversation(), Platform: r.GetPlatform(), Account: r.GetAccount(), Search: r.GetQuery(),
		Since: moment(r.GetSince()), Until: moment(r.GetUntil()),
	}
	for _, word := range r.GetStates() {
		state := store.DeliveryState(word)
		if !slices.Contains(states, state) {
			return nil, badArgument("states has %q, which is no state of a delivery", word)
		}
		if !slices.Contains(f.States, state) {
			f.States = append(f.States, state)
		}
	}
	list, next, err := s.deliveries(ctx, f, r.GetPageSize(), r.GetPageToken())
	return &hostv1.ListDeliveriesResponse{Deliveries: list, NextPageToken: next}, err
}

func (s *service) deliveries(
	ctx context.Context, f store.Filter, size uint32, page string,
) (out []*hostv1.Delivery, next string, err error) {
	if f, err = paged(f, size, page); err != nil {
		return nil, "", err
	}
	list, cursor, err := s.Store.Deliveries(ctx, f)
	if err != nil {
		return nil, "", problem(err)
	}
	for _, d := range list {
		out = append(out, delivery(d))
	}
	return out, token(cursor), nil
}

func (s *service) GetDelivery(ctx context.Context, r *hostv1.GetDeliveryRequest) (*hostv1.GetDeliveryResponse, error) {
	d, err := s.Store.Delivery(ctx, r.GetId())
	if err != nil {
		return nil, problem(err)
	}
	out, err := s.whole(ctx, d)
	if err != nil {
		return nil, problem(err)
	}
	return &hostv1.GetDeliveryResponse{Delivery: out}, nil
}

// whole is a delivery with all that is known of it.
func (s *service) whole(ctx context.Context, d store.Delivery) (*hostv1.Delivery, error) {
	attempts, err := s.Store.Attempts(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	out := delivery(d)
	for _, a := range attempts {
		out.Attempts = append(out.Attempts, &hostv1.Attempt{
			Number: uint32(a.N), StartedAt: stamp(a.StartedAt), EndedAt: stamp(a.EndedAt), State: string(a.State),
			Messages: uint32(a.Messages), Problem: deliveryProblem(a.Error),
		})
	}
	response, err := json.Marshal(d.Response)
	if err != nil {
		return nil, errors.New("a stored answer cannot be written as JSON")
	}
	out.ResponseJson = string(response)
	return out, nil
}

func delivery(d store.Delivery) *hostv1.Delivery {
	return &hostv1.Delivery{
		Id: d.ID, Cause: d.Cause, Ordinal: uint32(d.Ordinal), Platform: d.Platform, Account: d.Account,
		Conversation: d.Conversation, ChannelId: d.ChannelID, Agent: d.Agent, State: string(d.State),
		Text: d.Response.Text, CreatedAt: stamp(d.CreatedAt), ExpiresAt: stamp(d.ExpiresAt), NextAt: stamp(d.NextAt),
		Attempt: uint32(d.Attempt), MessageIds: d.MessageIDs, Problem: deliveryProblem(d.LastError),
		SettledAt: stamp(d.SettledAt),
	}
}

func deliveryProblem(e *chat.DeliveryError) *hostv1.DeliveryProblem {
	if e == nil {
		return nil
	}
	return &hostv1.DeliveryProblem{
		Reason: string(e.Reason), PlatformCode: e.PlatformCode, Message: e.Message, Hint: e.Hint, Permanent: e.Permanent,
	}
}
