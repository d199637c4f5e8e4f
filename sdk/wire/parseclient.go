package wire

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	platformv1 "github.com/aof-dev/aofd/proto/gen/aof/platform/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

// How requests share the stream. A batch is whatever waits when it may leave: there is no timer, so a single
// request leaves at once, and the busier it gets the larger the batches are.
const (
	batchItems  = 64
	batchBytes  = 512 << 10 // about
	batchesOut  = 2         // at once; one is worked on while the next one crosses
	parseQueue  = 256       // requests that wait to be sent
	streamBytes = 256 << 10 // a larger body goes by a call of its own, since all others would wait behind it
	// slowBatch is when a batch that was not answered counts as out no more, so that slow items hold up nobody.
	slowBatch = 5 * time.Millisecond
)

// ParseClient calls ParseMessage over one stream that all callers share, as long as the plugin serves one. Its
// methods may be called by many goroutines; their errors are *chat.Error.
type ParseClient struct {
	unary *PlatformClient
	life  context.Context // of all streams
	end   context.CancelFunc
	plain atomic.Bool // the plugin serves no stream

	mu     sync.Mutex
	stream *parseStream // nil before the first call
}

// NewParseClient returns a client over conn. Close must be called.
func NewParseClient(conn grpc.ClientConnInterface) *ParseClient {
	c := &ParseClient{unary: NewPlatformClient(conn)}
	c.life, c.end = context.WithCancel(context.Background())
	return c
}

// Close ends the stream; what is still asked fails. It may be called twice.
func (c *ParseClient) Close() {
	c.end()
	c.mu.Lock()
	s := c.stream
	c.mu.Unlock()
	if s != nil {
		s.running.Wait()
	}
}

// ParseMessage asks what a request says, as PlatformClient's does. When ctx ends, the request's answer is not
// waited for any more.
func (c *ParseClient) ParseMessage(ctx context.Context, r chat.Request) (chat.Batch, error) {
	if c.plain.Load() || len(r.Body) > streamBytes {
		return c.unary.ParseMessage(ctx, r)
	}
	s, err := c.open()
	if err == nil {
		var out *platformv1.ParseResult
		if out, err = s.ask(ctx, r); err == nil {
			return fromResult(out)
		}
	}
	if status.Code(err) == codes.Unimplemented {
		c.plain.Store(true)
		return c.unary.ParseMessage(ctx, r)
	}
	return chat.Batch{}, fromStatus(err, false)
}

// open returns the stream; a broken one is replaced.
func (c *ParseClient) open() (*parseStream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stream != nil && c.stream.alive() {
		return c.stream, nil
	}
	ctx, cancel := context.WithCancel(c.life)
	rpc, err := c.unary.rpc.ParseMessages(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	s := &parseStream{
		rpc: rpc, queue: make(chan *parseCall, parseQueue), broken: make(chan struct{}), freed: make(chan struct{}, 1),
		pending: map[uint64]*parseCall{},
	}
	s.running.Go(func() { defer cancel(); s.send() })
	s.running.Go(s.receive)
	c.stream = s
	return s, nil
}

func fromResult(r *platformv1.ParseResult) (chat.Batch, error) {
	if b := r.GetResponse(); b != nil {
		return fromBatch(b), nil
	}
	return chat.Batch{}, fromStatus(decodeStatus(r.GetStatus()), false)
}

// parseStream is one stream, from its opening until it breaks.
type parseStream struct {
	rpc     platformv1.TriggerPlatformService_ParseMessagesClient
	queue   chan *parseCall
	running sync.WaitGroup // its sender and its receiver
	freed   chan struct{}  // a batch was answered; holds one note
	broken  chan struct{}  // closed once err is set
	err     error

	mu      sync.Mutex
	pending map[uint64]*parseCall // sent and not answered
	out     []*parseBatch         // those that count; at most batchesOut
}

// parseBatch is what left together. Guarded by the stream's mu.
type parseBatch struct {
	left int // items without an answer
	sent time.Time
}

// parseCall is one caller.
type parseCall struct {
	item   *platformv1.ParseItem
	bytes  int
	answer chan *platformv1.ParseResult // holds one, since the caller may have left
	batch  *parseBatch                  // nil until it was sent; guarded by the stream's mu
	gone   bool                         // the caller left before it was sent; guarded by the stream's mu
}

func (s *parseStream) alive() bool {
	select {
	case <-s.broken:
		return false
	default:
		return true
	}
}

// ask returns the answer to one request. Its errors are gRPC's.
func (s *parseStream) ask(ctx context.Context, r chat.Request) (*platformv1.ParseResult, error) {
	c := &parseCall{
		item:   &platformv1.ParseItem{Traceparent: chat.Traceparent(ctx)},
		answer: make(chan *platformv1.ParseResult, 1),
	}
	var err error
	if c.bytes, err = embed(c.item, requestOfItem, toRequest(r)); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	if deadline, ok := ctx.Deadline(); ok {
		c.item.TimeoutMs = uint32(max(time.Until(deadline).Milliseconds(), 1))
	}
	select {
	case s.queue <- c:
	case <-s.broken:
		return nil, s.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case out := <-c.answer:
		return out, nil
	case <-s.broken:
	case <-ctx.Done():
		s.forget(c)
	}
	select { // the answer may have come at the same moment
	case out := <-c.answer:
		return out, nil
	default:
	}
	if !s.alive() {
		return nil, s.err
	}
	return nil, ctx.Err()
}

// forget is for a caller that leaves: the plugin may never answer.
func (s *parseStream) forget(c *parseCall) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.gone = true
	if c.batch != nil {
		s.answeredLocked(c)
	}
}

// answeredLocked takes a call out of what is pending.
func (s *parseStream) answeredLocked(c *parseCall) {
	if _, ok := s.pending[c.item.GetNumber()]; !ok {
		return
	}
	delete(s.pending, c.item.GetNumber())
	if c.batch.left--; c.batch.left == 0 {
		select {
		case s.freed <- struct{}{}:
		default:
		}
	}
}

// send takes what waits and sends it, whenever a batch may leave, until the stream breaks.
func (s *parseStream) send() {
	patience := time.NewTimer(slowBatch)
	defer patience.Stop()
	calls := make([]*parseCall, 0, batchItems)
	for number := uint64(0); ; {
		calls = calls[:0]
		select {
		case <-s.broken:
			return
		case c := <-s.queue:
			calls = append(calls, c)
		}
		for !s.mayLeave() {
			patience.Reset(slowBatch)
			select {
			case <-s.broken:
				return
			case <-s.freed:
			case <-patience.C:
			}
		}
		calls = s.gather(calls)
		items := s.register(calls, &number)
		if len(items) == 0 {
			continue
		}
		if err := s.rpc.Send(&platformv1.ParseMessagesRequest{Items: items}); err != nil {
			<-s.broken // the receiver gets the reason
			return
		}
	}
}

// gather adds what waits behind the first call, as much as a batch holds.
func (s *parseStream) gather(calls []*parseCall) []*parseCall {
	for bytes := calls[0].bytes; len(calls) < batchItems && bytes < batchBytes; {
		select {
		case c := <-s.queue:
			calls = append(calls, c)
			bytes += c.bytes
		default:
			return calls
		}
	}
	return calls
}

// mayLeave says whether fewer batches are out than may be.
func (s *parseStream) mayLeave() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.out[:0]
	for _, b := range s.out {
		if b.left > 0 && time.Since(b.sent) < slowBatch {
			kept = append(kept, b)
		}
	}
	s.out = kept
	return len(kept) < batchesOut
}

// register numbers the calls whose callers still wait and makes them pending.
func (s *parseStream) register(calls []*parseCall, number *uint64) []*platformv1.ParseItem {
	batch := &parseBatch{sent: time.Now()}
	items := make([]*platformv1.ParseItem, 0, len(calls))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range calls {
		if c.gone {
			continue
		}
		*number++
		c.item.Number, c.batch = *number, batch
		s.pending[*number] = c
		items = append(items, c.item)
	}
	batch.left = len(items)
	if batch.left > 0 {
		s.out = append(s.out, batch)
	}
	return items
}

// receive hands out answers until the stream breaks.
func (s *parseStream) receive() {
	for {
		in, err := s.rpc.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = status.Error(codes.Unavailable, "the plugin ended its stream")
			}
			s.err = err
			close(s.broken)
			return
		}
		s.mu.Lock()
		for _, r := range in.GetResults() {
			if c := s.pending[r.GetNumber()]; c != nil { // else nobody waits for it any more
				s.answeredLocked(c)
				c.answer <- r
			}
		}
		s.mu.Unlock()
	}
}
