package wire

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	platformv1 "github.com/aof-dev/aofd/proto/gen/aof/platform/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

// parseWidth is how many items of a stream are worked on at once. When as many are slow, further ones wait.
const parseWidth = 128

// ParseMessages implements platformv1.TriggerPlatformServiceServer.
func (s platformServer) ParseMessages(stream platformv1.TriggerPlatformService_ParseMessagesServer) error {
	w := &parseWorkers{
		server: s, ctx: stream.Context(), items: make(chan *platformv1.ParseItem),
		results: make(chan parseResult, parseWidth),
	}
	sent := make(chan error, 1)
	go func() { sent <- sendResults(stream, w.results) }()
	err := w.receive(stream)
	close(w.items)
	w.running.Wait()
	close(w.results)
	return errors.Join(err, <-sent)
}

// parseWorkers work on the items of one stream. Their goroutines stay, since their stacks have grown.
type parseWorkers struct {
	server  platformServer
	ctx     context.Context // of the stream
	items   chan *platformv1.ParseItem
	results chan parseResult
	running sync.WaitGroup
	count   int
}

// receive hands out items until the host ends the stream.
func (w *parseWorkers) receive(stream platformv1.TriggerPlatformService_ParseMessagesServer) error {
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, item := range in.GetItems() {
			select {
			case w.items <- item: // somebody is free
				continue
			default:
			}
			if w.count < parseWidth {
				w.count++
				w.running.Go(func() { w.work(item) })
				continue
			}
			select {
			case w.items <- item:
			case <-w.ctx.Done():
				return w.ctx.Err()
			}
		}
	}
}

func (w *parseWorkers) work(item *platformv1.ParseItem) {
	for ok := true; ok; item, ok = <-w.items {
		w.results <- w.server.parseItem(w.ctx, item)
	}
}

// parseItem answers one item.
func (s platformServer) parseItem(ctx context.Context, item *platformv1.ParseItem) parseResult {
	out := parseResult{ParseResult: &platformv1.ParseResult{Number: item.GetNumber()}}
	ctx = chat.WithTraceparent(ctx, item.GetTraceparent())
	if ms := item.GetTimeoutMs(); ms > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
		defer cancel()
	}
	b, err := s.ParseMessage(ctx, &platformv1.ParseMessageRequest{Request: item.GetRequest()})
	if err == nil {
		if out.bytes, err = embed(out.ParseResult, responseOfResult, b); err == nil {
			return out
		}
		err = status.Error(codes.Internal, err.Error())
	}
	st := encodeStatus(err)
	out.Outcome, out.bytes = &platformv1.ParseResult_Status{Status: st}, len(st)
	return out
}

// parseResult is an answer that is ready to be sent.
type parseResult struct {
	*platformv1.ParseResult
	bytes int
}

// sendResults sends what is ready, in as few messages as possible, until results is closed.
func sendResults(stream platformv1.TriggerPlatformService_ParseMessagesServer, results <-chan parseResult) (err error) {
	for r := range results {
		runtime.Gosched() // whoever is about to be done joins in; when nobody works this costs nothing
		ready := gatherResults(r, results)
		if err == nil { // else the stream is broken, and the rest of its results is nobody's
			err = stream.Send(&platformv1.ParseMessagesResponse{Results: ready})
		}
	}
	return err
}

func gatherResults(first parseResult, results <-chan parseResult) []*platformv1.ParseResult {
	ready := []*platformv1.ParseResult{first.ParseResult}
	for bytes := first.bytes; len(ready) < batchItems && bytes < batchBytes; {
		select {
		case next, ok := <-results:
			if !ok {
				return ready
			}
			ready = append(ready, next.ParseResult)
			bytes += next.bytes
		default:
			return ready
		}
	}
	return ready
}
