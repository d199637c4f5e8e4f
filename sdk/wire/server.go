package wire

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	agentv1 "github.com/aof-dev/aofd/proto/gen/aof/agent/v1"
	platformv1 "github.com/aof-dev/aofd/proto/gen/aof/platform/v1"
	pluginv1 "github.com/aof-dev/aofd/proto/gen/aof/plugin/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Plugin is the life of a plugin, as the server half calls it.
type Plugin interface {
	Info(ctx context.Context, hostVersion string) (chat.PluginInfo, error)
	ValidateConfig(ctx context.Context, config []byte) ([]chat.Diagnostic, error)
	Configure(ctx context.Context, config []byte, generation uint64) ([]chat.Account, []chat.Diagnostic, error)
	CheckHealth(ctx context.Context) (chat.Health, error)
	Drain(ctx context.Context) error
}

// Platform is a platform, as the server half calls it.
type Platform interface {
	VerifySignature(ctx context.Context, r chat.Request) (chat.Verification, error)
	ParseMessage(ctx context.Context, r chat.Request) (chat.Batch, error)
	SendResponse(ctx context.Context, d chat.Delivery) (chat.Sent, error)
	// SendSignal returns how long the signal lasts by itself; 0 when nobody knows.
	SendSignal(ctx context.Context, c chat.Courtesy) (time.Duration, error)
	// FetchMedia calls begin once and then write for each piece, in order.
	FetchMedia(ctx context.Context, r chat.MediaRef, begin func(chat.MediaInfo) error, write func([]byte) error) error
}

// Agent is an agent, as the server half calls it. Handle's events end with exactly one terminal event.
type Agent interface {
	Describe(ctx context.Context) (AgentInfo, error)
	Handle(ctx context.Context, r chat.Run, emit func(chat.Event) error) error
	Cancel(ctx context.Context, runID, reason string) error
}

// RegisterPlugin serves p on s.
func RegisterPlugin(s grpc.ServiceRegistrar, p Plugin) {
	pluginv1.RegisterPluginServiceServer(s, pluginServer{impl: p})
}

// RegisterPlatform serves p on s.
func RegisterPlatform(s grpc.ServiceRegistrar, p Platform) {
	platformv1.RegisterTriggerPlatformServiceServer(s, platformServer{impl: p})
	platformv1.RegisterMediaServiceServer(s, mediaServer{impl: p})
}

// RegisterAgent serves a on s.
func RegisterAgent(s grpc.ServiceRegistrar, a Agent) {
	agentv1.RegisterAgentServiceServer(s, agentServer{impl: a})
}

type pluginServer struct {
	pluginv1.UnimplementedPluginServiceServer
	impl Plugin
}

func (s pluginServer) GetInfo(ctx context.Context, r *pluginv1.GetInfoRequest) (*pluginv1.GetInfoResponse, error) {
	info, err := s.impl.Info(ctx, r.GetHostVersion())
	if err != nil {
		return nil, toStatus(err)
	}
	return toInfo(info), nil
}

func (s pluginServer) ValidateConfig(ctx context.Context, r *pluginv1.ValidateConfigRequest) (*pluginv1.ValidateConfigResponse, error) {
	found, err := s.impl.ValidateConfig(ctx, r.GetConfigJson())
	if err != nil {
		return nil, toStatus(err)
	}
	return &pluginv1.ValidateConfigResponse{Diagnostics: each(found, toDiagnostic)}, nil
}

func (s pluginServer) Configure(ctx context.Context, r *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	accounts, found, err := s.impl.Configure(ctx, r.GetConfigJson(), r.GetGeneration())
	if err != nil {
		return nil, toStatus(err)
	}
	return &pluginv1.ConfigureResponse{
		Accounts: each(accounts, toAccount), Diagnostics: each(found, toDiagnostic),
	}, nil
}

func (s pluginServer) CheckHealth(ctx context.Context, _ *pluginv1.CheckHealthRequest) (*pluginv1.CheckHealthResponse, error) {
	h, err := s.impl.CheckHealth(ctx)
	if err != nil {
		return nil, toStatus(err)
	}
	return &pluginv1.CheckHealthResponse{State: healthStates.number[h.State], Message: h.Message}, nil
}

func (s pluginServer) Drain(ctx context.Context, _ *pluginv1.DrainRequest) (*pluginv1.DrainResponse, error) {
	return &pluginv1.DrainResponse{}, toStatus(s.impl.Drain(ctx))
}

type platformServer struct {
	platformv1.UnimplementedTriggerPlatformServiceServer
	impl Platform
}

var errNoRequest = &chat.Error{
	Reason: chat.ReasonBadRequest, Permanent: true, Text: "the call has no request with a method and a uri",
}

func (s platformServer) VerifySignature(ctx context.Context, r *platformv1.VerifySignatureRequest) (*platformv1.VerifySignatureResponse, error) {
	if r.GetRequest().GetMethod() == "" || r.GetRequest().GetUri() == "" {
		return nil, toStatus(errNoRequest)
	}
	v, err := s.impl.VerifySignature(ctx, fromRequest(r.GetRequest()))
	if err != nil {
		return nil, toStatus(err)
	}
	return toVerification(v), nil
}

func (s platformServer) ParseMessage(ctx context.Context, r *platformv1.ParseMessageRequest) (*platformv1.ParseMessageResponse, error) {
	if r.GetRequest().GetMethod() == "" || r.GetRequest().GetUri() == "" {
		return nil, toStatus(errNoRequest)
	}
	b, err := s.impl.ParseMessage(ctx, fromRequest(r.GetRequest()))
	if err != nil {
		return nil, toStatus(err)
	}
	out := toBatch(b)
	if len(r.GetRequest().GetBody()) > streamBytes { // no other one says so much
		if size := proto.Size(out); size > maxEmbedded && b.Verdict == chat.VerdictValid {
			return nil, toStatus(&chat.Error{
				Reason: chat.ReasonParseFailed, Permanent: true,
				Text: fmt.Sprintf("it is signed and says too much: %d bytes, and %d can be handed on", size, maxEmbedded),
			})
		}
	}
	return out, nil
}

func (s platformServer) SendResponse(ctx context.Context, r *platformv1.SendResponseRequest) (*platformv1.SendResponseResponse, error) {
	sent, err := s.impl.SendResponse(ctx, fromDelivery(r))
	if err != nil {
		return nil, toStatus(err)
	}
	return toSent(sent), nil
}

func (s platformServer) SendSignal(ctx context.Context, r *platformv1.SendSignalRequest) (*platformv1.SendSignalResponse, error) {
	lasts, err := s.impl.SendSignal(ctx, fromCourtesy(r))
	if err != nil {
		return nil, toStatus(err)
	}
	return &platformv1.SendSignalResponse{LastsMs: uint32(max(lasts/time.Millisecond, 0))}, nil
}

type mediaServer struct {
	platformv1.UnimplementedMediaServiceServer
	impl Platform
}

// maxPiece is the most bytes of a file in one message of a stream.
const maxPiece = 256 << 10

func (s mediaServer) FetchMedia(r *platformv1.FetchMediaRequest, stream platformv1.MediaService_FetchMediaServer) error {
	begin := func(i chat.MediaInfo) error {
		return stream.Send(&platformv1.FetchMediaResponse{Piece: &platformv1.FetchMediaResponse_Info{
			Info: &platformv1.MediaInfo{MimeType: i.MimeType, Size: i.Size, Sha256: i.SHA256},
		}})
	}
	write := func(data []byte) error {
		for piece := range slices.Chunk(data, maxPiece) {
			if err := stream.Send(&platformv1.FetchMediaResponse{Piece: &platformv1.FetchMediaResponse_Data{Data: piece}}); err != nil {
				return err
			}
		}
		return nil
	}
	ref := chat.MediaRef{Account: r.GetAccount(), MediaID: r.GetMediaId(), MaxBytes: r.GetMaxBytes()}
	return toStatus(s.impl.FetchMedia(stream.Context(), ref, begin, write))
}

type agentServer struct {
	agentv1.UnimplementedAgentServiceServer
	impl Agent
}

func (s agentServer) Describe(ctx context.Context, _ *agentv1.DescribeRequest) (*agentv1.DescribeResponse, error) {
	info, err := s.impl.Describe(ctx)
	if err != nil {
		return nil, toStatus(err)
	}
	return &agentv1.DescribeResponse{
		Name: info.Name, Description: info.Description, Version: info.Version, Capabilities: info.Capabilities,
	}, nil
}

func (s agentServer) Handle(r *agentv1.HandleRequest, stream agentv1.AgentService_HandleServer) error {
	return toStatus(s.impl.Handle(stream.Context(), fromRun(r), func(e chat.Event) error {
		event := toEvent(e)
		if event == nil {
			return errors.New("an event without content")
		}
		return stream.Send(event)
	}))
}

func (s agentServer) Cancel(ctx context.Context, r *agentv1.CancelRequest) (*agentv1.CancelResponse, error) {
	return &agentv1.CancelResponse{}, toStatus(s.impl.Cancel(ctx, r.GetRunId(), r.GetReason()))
}
