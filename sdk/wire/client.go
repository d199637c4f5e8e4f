package wire

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"

	agentv1 "github.com/aof-dev/aofd/proto/gen/aof/agent/v1"
	platformv1 "github.com/aof-dev/aofd/proto/gen/aof/platform/v1"
	pluginv1 "github.com/aof-dev/aofd/proto/gen/aof/plugin/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

// PluginClient calls the life of a plugin. Its methods may be called by many goroutines; their errors are
// *chat.Error.
type PluginClient struct{ rpc pluginv1.PluginServiceClient }

// NewPluginClient returns a client over conn.
func NewPluginClient(conn grpc.ClientConnInterface) *PluginClient {
	return &PluginClient{pluginv1.NewPluginServiceClient(conn)}
}

// GetInfo asks what the plugin is.
func (c *PluginClient) GetInfo(ctx context.Context, hostVersion string) (chat.PluginInfo, error) {
	out, err := c.rpc.GetInfo(ctx, &pluginv1.GetInfoRequest{HostVersion: hostVersion})
	return fromInfo(out), fromStatus(err, false)
}

// ValidateConfig asks what the plugin thinks of a configuration, a JSON object.
func (c *PluginClient) ValidateConfig(ctx context.Context, config []byte) ([]chat.Diagnostic, error) {
	out, err := c.rpc.ValidateConfig(ctx, &pluginv1.ValidateConfigRequest{ConfigJson: config})
	return each(out.GetDiagnostics(), fromDiagnostic), fromStatus(err, false)
}

// Configure gives the plugin its configuration; generation rises with each change, from 1.
func (c *PluginClient) Configure(ctx context.Context, config []byte, generation uint64) ([]chat.Account, []chat.Diagnostic, error) {
	out, err := c.rpc.Configure(ctx, &pluginv1.ConfigureRequest{ConfigJson: config, Generation: generation})
	return each(out.GetAccounts(), fromAccount), each(out.GetDiagnostics(), fromDiagnostic), fromStatus(err, false)
}

// CheckHealth asks how the plugin is.
func (c *PluginClient) CheckHealth(ctx context.Context) (chat.Health, error) {
	out, err := c.rpc.CheckHealth(ctx, &pluginv1.CheckHealthRequest{})
	return fromHealth(out), fromStatus(err, false)
}

// Drain asks the plugin to finish.
func (c *PluginClient) Drain(ctx context.Context) error {
	_, err := c.rpc.Drain(ctx, &pluginv1.DrainRequest{})
	return fromStatus(err, false)
}

// PlatformClient calls a platform. Its methods may be called by many goroutines; their errors are
// *chat.Error.
type PlatformClient struct {
	rpc   platformv1.TriggerPlatformServiceClient
	media platformv1.MediaServiceClient
}

// NewPlatformClient returns a client over conn.
func NewPlatformClient(conn grpc.ClientConnInterface) *PlatformClient {
	return &PlatformClient{platformv1.NewTriggerPlatformServiceClient(conn), platformv1.NewMediaServiceClient(conn)}
}

// VerifySignature asks whether a request is from the platform.
func (c *PlatformClient) VerifySignature(ctx context.Context, r chat.Request) (chat.Verification, error) {
	out, err := c.rpc.VerifySignature(ctx, &platformv1.VerifySignatureRequest{Request: toRequest(r)})
	return fromVerification(out), fromStatus(err, false)
}

// ParseMessage asks what a request says.
func (c *PlatformClient) ParseMessage(ctx context.Context, r chat.Request) (chat.Batch, error) {
	out, err := c.rpc.ParseMessage(ctx, &platformv1.ParseMessageRequest{Request: toRequest(r)})
	return fromBatch(out), fromStatus(err, false)
}

// SendResponse has an answer sent. When the call was cut in flight the error's Sent is SentUnknown.
func (c *PlatformClient) SendResponse(ctx context.Context, d chat.Delivery) (chat.Sent, error) {
	out, err := c.rpc.SendResponse(ctx, toDelivery(d))
	return fromSent(out), fromStatus(err, true)
}

// SendSignal shows a courtesy and returns how long it lasts by itself; 0 when nobody knows.
func (c *PlatformClient) SendSignal(ctx context.Context, signal chat.Courtesy) (time.Duration, error) {
	out, err := c.rpc.SendSignal(ctx, toCourtesy(signal))
	return time.Duration(out.GetLastsMs()) * time.Millisecond, fromStatus(err, false)
}

// FetchMedia calls begin once and then write for each piece of the file, in order. An error of either ends
// the call and is returned as it is. What was written is worth nothing when FetchMedia returns an error.
func (c *PlatformClient) FetchMedia(
	ctx context.Context, r chat.MediaRef, begin func(chat.MediaInfo) error, write func([]byte) error,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // so that a stream that is left early ends on the other side, too
	stream, err := c.media.FetchMedia(ctx, &platformv1.FetchMediaRequest{
		Account: r.Account, MediaId: r.MediaID, MaxBytes: r.MaxBytes,
	})
	if err != nil {
		return fromStatus(err, false)
	}
	for begun := false; ; {
		piece, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF) && begun:
			return nil
		case errors.Is(err, io.EOF):
			return &chat.Error{Reason: chat.ReasonInternal, Text: "the plugin ended the stream without saying what the file is"}
		case err != nil:
			return fromStatus(err, false)
		}
		switch info := piece.GetInfo(); {
		case info != nil && !begun:
			begun = true
			err = begin(chat.MediaInfo{MimeType: info.GetMimeType(), Size: info.GetSize(), SHA256: info.GetSha256()})
		case info == nil && begun:
			err = write(piece.GetData())
		default:
			err = &chat.Error{Reason: chat.ReasonInternal, Text: "the plugin's stream of the file is out of order"}
		}
		if err != nil {
			return err
		}
	}
}

// AgentInfo describes an agent.
type AgentInfo struct {
	Name, Description, Version string
	Capabilities               []string
}

// AgentClient calls an agent. Its methods may be called by many goroutines; their errors are *chat.Error.
type AgentClient struct{ rpc agentv1.AgentServiceClient }

// NewAgentClient returns a client over conn.
func NewAgentClient(conn grpc.ClientConnInterface) *AgentClient {
	return &AgentClient{agentv1.NewAgentServiceClient(conn)}
}

// Describe asks what the agent is.
func (c *AgentClient) Describe(ctx context.Context) (AgentInfo, error) {
	out, err := c.rpc.Describe(ctx, &agentv1.DescribeRequest{})
	return AgentInfo{
		Name: out.GetName(), Description: out.GetDescription(), Version: out.GetVersion(), Capabilities: out.GetCapabilities(),
	}, fromStatus(err, false)
}

// Handle runs the agent once and hands each event to emit, in order, until the stream ends. An error of
// emit ends the call and is returned as it is.
func (c *AgentClient) Handle(ctx context.Context, r chat.Run, emit func(chat.Event) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // so that a stream that is left early ends on the other side, too
	stream, err := c.rpc.Handle(ctx, toRun(r))
	if err != nil {
		return fromStatus(err, false)
	}
	for {
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fromStatus(err, false)
		}
		if err := emit(fromEvent(event)); err != nil {
			return err
		}
	}
}

// Cancel stops a run.
func (c *AgentClient) Cancel(ctx context.Context, runID, reason string) error {
	_, err := c.rpc.Cancel(ctx, &agentv1.CancelRequest{RunId: runID, Reason: reason})
	return fromStatus(err, false)
}
