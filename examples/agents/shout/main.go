// shout is an agent that is a server of its own: it takes messages over gRPC. Start it with
//
//	go run ./examples/agents/shout --listen 127.0.0.1:50051
package main

import (
	"context"
	"strings"

	"github.com/aof-dev/aofd/sdk/agent"
	"github.com/aof-dev/aofd/sdk/chat"
)

func main() {
	agent.Main(agent.Spec{Name: "shout", Description: "Says it louder.", Version: "1.0.0", Handle: shout})
}

func shout(_ context.Context, run chat.Run, emit func(chat.Event) error) (chat.Response, error) {
	if err := emit(chat.Event{Progress: &chat.Progress{Text: "taking a breath"}}); err != nil {
		return chat.Response{}, err
	}
	return chat.Response{
		Text:    strings.ToUpper(run.Message.Text),
		Actions: []chat.Action{{ID: "louder", Label: "Louder"}},
	}, nil
}
