package ingress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/aof-dev/aofd/host/internal/failpoint"
	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/telemetry"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Parser verifies and parses a webhook: a platform's plugin. It is used by many goroutines. An error means
// that there is no verdict.
type Parser interface {
	ParseMessage(ctx context.Context, r chat.Request) (chat.Batch, error)
}

// Inbox keeps what a webhook said. See store.Inbox.
type Inbox interface {
	Accept(ctx context.Context, in store.Inbound, filed func(store.Appended)) error
}

// Settings of a Handler.
type Settings struct {
	Platform string // id of the platform
	// ContentTypes returns the media types that it sends; empty: any.
	ContentTypes func() []string
	Parser       Parser
	Inbox        Inbox
	// Lane says which lane a message waits in.
	Lane func(chat.Message) store.LaneKind
	// Arrived is called after messages were stored, with the kinds of lanes that they wait in, and after receipts
	// were stored, without any.
	Arrived func(...store.LaneKind)
	// MaxPerUser is how many messages of a user may wait or run; 0: no limit.
	MaxPerUser   int
	MaxBodyBytes int64
	// Timeout bounds the work after the body was read; a large one has more, see perMiB. A body that still needs
	// memory when it is over, from the start of the request, is not taken.
	Timeout time.Duration
	// InFlight bounds the bytes of all bodies that are being worked on; shared by all handlers.
	InFlight *semaphore.Weighted
	Metrics  *telemetry.Metrics
	Tracer   *telemetry.Tracer // nil: no spans
	Logger   *slog.Logger
}

// Handler is the webhook endpoint of one platform. It may be used by many goroutines.
type Handler struct{ Settings }

// New returns the endpoint.
func New(s Settings) *Handler { return &Handler{s} }

// ServeHTTP answers one webhook.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	reply := h.serve(w, r, start)
	write(w, reply)
	h.Metrics.Webhook(h.Platform, reply.Status, time.Since(start))
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, start time.Time) chat.HTTPReply {
	if problem := h.refuse(r); problem != nil {
		if problem.Status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", "GET, POST")
		}
		return *problem
	}
	budget := &budgetReader{ctx: r.Context(), wait: h.Timeout, r: http.MaxBytesReader(w, r.Body, h.MaxBodyBytes), budget: h.InFlight}
	defer budget.release()
	// Room for all of it at once, and for the read that finds the end; large ones grow as they come.
	body := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 0), freeBytes)+bytes.MinRead))
	_, err := body.ReadFrom(budget)
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return text(http.StatusRequestEntityTooLarge, fmt.Sprintf("body over %d bytes", h.MaxBodyBytes))
		}
		if errors.Is(err, errBudget) {
			return h.unavailable(w, "too many webhooks at once", err)
		}
		return text(http.StatusBadRequest, "the body could not be read")
	}
	// The request must not end with a client that hangs up: what it sent whole is worth storing.
	large := time.Duration(body.Len()>>20) * perMiB
	work, done := context.WithTimeout(context.WithoutCancel(r.Context()), h.Timeout+large)
	defer done()
	work, span := h.Tracer.StartAt(work, start, "webhook", "platform", h.Platform)
	reply := h.handle(work, w, request(r, body.Bytes(), start))
	span.Note("http.response.status_code", strconv.Itoa(reply.Status))
	span.End(nil)
	return reply
}

// perMiB is what a body may take longer for its size, so that none comes again for ever since it takes long.
const perMiB = time.Second

// maxDiscard is how many bytes are read of a body that is refused anyway.
const maxDiscard = 16 << 20

// refuse answers what can be told from the headers alone; nil means that the request may be read on.
func (h *Handler) refuse(r *http.Request) *chat.HTTPReply {
	problem := func(status int, msg string) *chat.HTTPReply {
		reply := text(status, msg)
		return &reply
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return problem(http.StatusMethodNotAllowed, "webhooks are POST; GET verifies the address")
	}
	if r.Method == http.MethodGet {
		return nil
	}
	if r.ContentLength > h.MaxBodyBytes {
		// Some clients read no answer before they have written all; the server's read timeout bounds this.
		_, _ = io.CopyN(io.Discard, r.Body, min(r.ContentLength, maxDiscard))
		return problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("body over %d bytes", h.MaxBodyBytes))
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return problem(http.StatusUnsupportedMediaType,
			"compressed bodies are not taken: the signature covers the plain bytes")
	}
	types := h.ContentTypes()
	if ct := r.Header.Get("Content-Type"); ct != "" && len(types) > 0 && !slices.Contains(types, ct) {
		if media, _, err := mime.ParseMediaType(ct); err != nil || !slices.Contains(types, media) {
			return problem(http.StatusUnsupportedMediaType, "content type must be "+strings.Join(types, " or "))
		}
	}
	return nil
}

// handle has the plugin verify and parse the request and does what its verdict asks.
func (h *Handler) handle(ctx context.Context, w http.ResponseWriter, req chat.Request) chat.HTTPReply {
	within, span := h.Tracer.Start(ctx, "plugin.ParseMessage", "platform", h.Platform)
	batch, err := h.Parser.ParseMessage(within, req)
	span.End(err)
	if err != nil {
		if errors.Is(err, &chat.Error{Reason: chat.ReasonParseFailed}) {
			// Signed, but no webhook: the platform would send the same bytes for days.
			h.Metrics.Issue(h.Platform, string(chat.ReasonParseFailed))
			h.Logger.Error("a signed webhook could not be parsed; it is dropped", "platform", h.Platform,
				"bytes", len(req.Body), "err", err)
			return chat.HTTPReply{Status: http.StatusOK}
		}
		return h.unavailable(w, "the plugin did not answer", err)
	}
	switch batch.Verdict {
	case chat.VerdictChallenge:
		if batch.Reply == nil {
			return text(http.StatusForbidden, "no answer to this challenge")
		}
		return *batch.Reply
	case chat.VerdictValid:
		return h.store(ctx, w, req, batch)
	default:
		return h.invalid(batch.Verification)
	}
}

// invalid answers a request that the platform did not sign.
func (h *Handler) invalid(v chat.Verification) chat.HTTPReply {
	h.Logger.Warn("webhook refused", "platform", h.Platform, "reason", v.Reason, "hint",
		"if it came from the platform, a secret or token differs from the one there, or a proxy changes the request")
	if v.Reply != nil && v.Reply.Status >= 400 && v.Reply.Status < 500 {
		return *v.Reply
	}
	return text(http.StatusUnauthorized, "not signed by the platform")
}

// store appends all that a webhook said to the inbox, and only then answers 2xx.
func (h *Handler) store(ctx context.Context, w http.ResponseWriter, req chat.Request, b chat.Batch) chat.HTTPReply {
	for _, i := range b.Issues {
		h.Metrics.Issue(h.Platform, i.Reason)
		h.Logger.Warn("part of a webhook was not understood", "platform", h.Platform,
			"path", i.Path, "reason", i.Reason, "detail", i.Detail)
	}
	for _, n := range b.Notices {
		h.Logger.Info("notice", "platform", h.Platform, "account", n.Account, "kind", n.Kind, "summary", n.Summary)
	}
	for _, r := range b.Receipts {
		h.Metrics.Receipt(h.Platform, string(r.Status))
	}
	if b = h.bounded(b); len(b.Messages)+len(b.Receipts)+len(b.Notices) > 0 {
		failpoint.Here(failpoint.Parsed)
		for i, piece := range pieces(h.inbound(ctx, req, b)) {
			if i > 0 { // each has its time
				var done context.CancelFunc
				ctx, done = context.WithTimeout(context.WithoutCancel(ctx), h.Timeout)
				defer done()
			}
			err := h.accept(ctx, piece)
			if errors.Is(err, store.ErrFull) {
				return h.unavailable(w, "too much waits to be answered", err)
			}
			if err != nil {
				return h.unavailable(w, "the webhook could not be stored", err)
			}
		}
		failpoint.Here(failpoint.Stored)
	}
	if b.Reply != nil && b.Reply.Status >= 200 && b.Reply.Status < 300 {
		return *b.Reply
	}
	return chat.HTTPReply{Status: http.StatusOK}
}

// accept stores one piece. Who works on it is woken once it is filed.
func (h *Handler) accept(ctx context.Context, piece store.Inbound) error {
	begin := time.Now()
	_, span := h.Tracer.Start(ctx, "store.Accept")
	err := h.Inbox.Accept(ctx, piece, func(filed store.Appended) {
		h.Metrics.Filed(h.Platform, len(filed.New), filed.Duplicates)
		h.Arrived(filed.Lanes...)
	})
	span.End(err)
	if err == nil {
		h.Metrics.Accepted(time.Since(begin))
	}
	return err
}

// inbound says where each message waits. The platform is set here, so that a plugin speaks for its own only.
func (h *Handler) inbound(ctx context.Context, req chat.Request, b chat.Batch) store.Inbound {
	in := store.Inbound{
		Receipts: b.Receipts, Notices: b.Notices, MaxPerUser: h.MaxPerUser, Request: &req,
		Trace: []store.TraceEvent{{
			At: req.ReceivedAt, Hop: store.HopReceived, Duration: time.Since(req.ReceivedAt),
			Detail: fmt.Sprintf("%d bytes, signature valid, %d messages, %d receipts",
				len(req.Body), len(b.Messages), len(b.Receipts)),
		}},
	}
	for _, m := range b.Messages {
		m.Platform, m.ReceivedAt = h.Platform, req.ReceivedAt
		m.Metadata = chat.KeepTraceparent(ctx, m.Metadata)
		in.Messages = append(in.Messages, store.InboundMessage{
			Message: m, Conversation: Conversation(m), Aliases: Aliases(m), Lane: h.Lane(m),
		})
	}
	for i := range in.Receipts {
		in.Receipts[i].Platform = h.Platform
	}
	for i := range in.Notices {
		in.Notices[i].Platform = h.Platform
	}
	return in
}

// unavailable asks the platform to deliver again.
func (h *Handler) unavailable(w http.ResponseWriter, what string, err error) chat.HTTPReply {
	h.Logger.Error(what+"; the platform is asked to deliver again", "platform", h.Platform, "err", err)
	w.Header().Set("Retry-After", "5")
	return text(http.StatusServiceUnavailable, what)
}

// request is what the plugin gets: header names in lower case and in order, with the host among them.
func request(r *http.Request, body []byte, at time.Time) chat.Request {
	// Proxies add headers in all sorts of bytes; the wire to the plugin takes UTF-8 only.
	clean := func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
	req := chat.Request{Method: r.Method, URI: clean(r.URL.RequestURI()), Body: body, ReceivedAt: at}
	req.Headers = append(req.Headers, chat.Header{Name: "host", Value: clean(r.Host)})
	for name, values := range r.Header {
		for _, v := range values {
			req.Headers = append(req.Headers, chat.Header{Name: strings.ToLower(name), Value: clean(v)})
		}
	}
	slices.SortStableFunc(req.Headers, func(a, b chat.Header) int { return strings.Compare(a.Name, b.Name) })
	return req
}

var errBudget = errors.New("ingress: no memory left for more bodies")

// budgetReader takes from the shared budget what it has really read, so that neither many large bodies
// nor many slow ones can starve the daemon.
type budgetReader struct {
	ctx    context.Context
	wait   time.Duration // for a part of the budget
	r      io.Reader
	budget *semaphore.Weighted
	read   int64
	taken  int64
}

// freeBytes are the bytes of each body that need no budget: ordinary webhooks come through even while large
// and slow ones hold all of it.
const freeBytes = 64 << 10

func (b *budgetReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.read += int64(n)
	if need := max(0, b.read-freeBytes) - b.taken; need > 0 {
		ctx, cancel := context.WithTimeout(b.ctx, b.wait)
		defer cancel()
		if b.budget.Acquire(ctx, need) != nil {
			return 0, errBudget
		}
		b.taken += need
	}
	return n, err
}

func (b *budgetReader) release() { b.budget.Release(b.taken) }

func text(status int, msg string) chat.HTTPReply {
	return chat.HTTPReply{Status: status, Body: []byte(msg + "\n")}
}

func write(w http.ResponseWriter, r chat.HTTPReply) {
	ct := r.ContentType
	if ct == "" {
		ct = "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", ct)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(r.Status)
	_, _ = w.Write(r.Body) // the client is gone if this fails; nothing is lost
}
