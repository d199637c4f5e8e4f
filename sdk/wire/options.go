package wire

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/aof-dev/aofd/sdk/chat"
)

// Flow control is for slow networks. Between two processes windows that hold a batch spare the messages that it is
// made of.
const (
	streamWindow = 1 << 20
	connWindow   = 4 << 20
)

// DialOptions are those of a connection to a plugin or an agent, whose messages may have up to maxAnswer bytes.
func DialOptions(maxAnswer int) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer), grpc.MaxCallSendMsgSize(MaxMessageBytes)),
		grpc.WithStaticStreamWindowSize(streamWindow), grpc.WithStaticConnWindowSize(connWindow),
		grpc.WithUnaryInterceptor(tellUnary), grpc.WithStreamInterceptor(tellStream),
	}
}

// ServerOptions are those of a plugin's or an agent's server.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessageBytes), grpc.MaxSendMsgSize(MaxMessageBytes),
		grpc.StaticStreamWindowSize(streamWindow), grpc.StaticConnWindowSize(connWindow),
		grpc.UnaryInterceptor(hearUnary), grpc.StreamInterceptor(hearStream),
	}
}

// traceparent is the metadata that names the work which a call belongs to, as in W3C Trace Context.
const traceparent = "traceparent"

func tell(ctx context.Context) context.Context {
	if t := chat.Traceparent(ctx); t != "" {
		return metadata.AppendToOutgoingContext(ctx, traceparent, t)
	}
	return ctx
}

func tellUnary(ctx context.Context, method string, in, out any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, o ...grpc.CallOption) error {
	return invoke(tell(ctx), method, in, out, conn, o...)
}

func tellStream(
	ctx context.Context, d *grpc.StreamDesc, conn *grpc.ClientConn, method string, stream grpc.Streamer, o ...grpc.CallOption,
) (grpc.ClientStream, error) {
	return stream(tell(ctx), d, conn, method, o...)
}

func hear(ctx context.Context) context.Context {
	if t := metadata.ValueFromIncomingContext(ctx, traceparent); len(t) == 1 {
		return chat.WithTraceparent(ctx, t[0])
	}
	return ctx
}

func hearUnary(ctx context.Context, in any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	return handle(hear(ctx), in)
}

func hearStream(server any, s grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	return handle(server, heard{s, hear(s.Context())})
}

// heard is a stream with another context.
type heard struct {
	grpc.ServerStream
	ctx context.Context
}

func (h heard) Context() context.Context { return h.ctx }
