// Package agent is what one writes an agent with that runs as a server of its own: a program that takes
// messages from aofd and answers them, over gRPC (aof.agent.v1).
//
//	func main() {
//		agent.Main(agent.Spec{
//			Name: "shout",
//			Handle: func(_ context.Context, run chat.Run, _ func(chat.Event) error) (chat.Response, error) {
//				return chat.Response{Text: strings.ToUpper(run.Message.Text)}, nil
//			},
//		})
//	}
//
// Main brings everything that is not about the answer: the address, health checks, reflection, panics,
// cancelling, and a clean end. In aofd's configuration the agent's file names the address:
//
//	kind: Agent
//	metadata: {name: shout}
//	spec:
//	  grpc: {address: "127.0.0.1:50051"}
//
// The connection is not encrypted. Listen on a loopback address or a unix socket, and put a proxy in front
// of an agent that others reach over a network.
package agent
