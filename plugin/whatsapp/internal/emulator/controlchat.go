package emulator

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/hook"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

func (e *Emulator) chatRoutes(control registrar) {
	control("POST /_emulator/send", e.postSend)
	control("POST /_emulator/read", e.postRead)
	control("GET /_emulator/chats", func(*http.Request) (any, error) { return e.world.Chats(), nil })
	control("GET /_emulator/chat", e.getChat)
	control("POST /_emulator/truncate", e.postTruncate)
}

// postSend does what somebody does on a phone.
func (e *Emulator) postSend(r *http.Request) (any, error) {
	if !isJSON(r) {
		return nil, errNotJSON
	}
	var a Action
	if err := read(r, &a); err != nil {
		return nil, err
	}
	id, err := e.Send(a)
	return map[string]string{"id": id}, err
}

func (e *Emulator) postRead(r *http.Request) (any, error) {
	var b struct {
		From      string `json:"from"`
		Group     string `json:"group"`
		MessageID string `json:"message_id"`
		Played    bool   `json:"played"`
	}
	if err := read(r, &b); err != nil {
		return nil, err
	}
	p, err := e.world.Person(b.From)
	if err != nil {
		return nil, err
	}
	chat := p.ID
	if b.Group != "" {
		g, err := e.world.Group(b.Group)
		if err != nil {
			return nil, err
		}
		chat = g.ID
	}
	return map[string]int{"read": e.read(p, chat, b.MessageID, b.Played)}, nil
}

const (
	chatPage    = 200
	maxChatPage = 10_000
)

// chatName is whom a request is about.
func chatName(r *http.Request) (string, error) {
	q := r.URL.Query()
	if g := q.Get("group"); g != "" {
		return g, nil
	}
	if u := q.Get("user"); u != "" {
		return u, nil
	}
	return "", errors.New("whose chat? ask for ?user=4915112345678 or ?group=<id>")
}

func (e *Emulator) getChat(r *http.Request) (any, error) {
	name, err := chatName(r)
	if err != nil {
		return nil, err
	}
	limit := chatPage
	if s := r.URL.Query().Get("limit"); s != "" {
		if limit, err = strconv.Atoi(s); err != nil || limit < 1 {
			return nil, errors.New("limit is no number from 1 on")
		}
	}
	_, unknownPerson := e.world.Person(name)
	_, unknownGroup := e.world.Group(name)
	if unknownPerson != nil && unknownGroup != nil && !world.IsUser(name) {
		return nil, unknownPerson
	}
	return e.world.ChatOf(name, min(limit, maxChatPage), r.URL.Query().Get("before")), nil
}

func (e *Emulator) postTruncate(r *http.Request) (any, error) {
	var b struct {
		User  string `json:"user"`
		Group string `json:"group"`
		From  string `json:"from"`
	}
	if err := read(r, &b); err != nil {
		return nil, err
	}
	ids, err := e.world.Truncate(b.User+b.Group, b.From)
	return map[string]any{"removed": ids}, err
}

func (e *Emulator) logRoutes(control registrar) {
	control("GET /_emulator/webhooks", func(r *http.Request) (any, error) {
		limit, before, err := limitOf(r, 100, 1000)
		return e.poster.Attempts(before, limit), err
	})
	control("GET /_emulator/webhooks/{n}", func(r *http.Request) (any, error) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		if a, ok := e.poster.Attempt(n); ok {
			return a, nil
		}
		return nil, unknown("no attempt %.20q is kept", r.PathValue("n"))
	})
	control("POST /_emulator/webhooks/{n}/redeliver", func(r *http.Request) (any, error) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		if _, ok := e.poster.Attempt(n); !ok {
			return nil, unknown("no attempt %.20q is kept", r.PathValue("n"))
		}
		return map[string]bool{"submitted": true}, e.poster.Redeliver(n)
	})
	control("POST /_emulator/webhooks", e.postWebhook)
	control("GET /_emulator/calls", func(r *http.Request) (any, error) {
		limit, before, err := limitOf(r, 100, maxCalls)
		return e.calls.list(before, limit), err
	})
	control("GET /_emulator/calls/{n}", func(r *http.Request) (any, error) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		if c, ok := e.calls.get(n); ok {
			return c, nil
		}
		return nil, unknown("no call %.20q is kept", r.PathValue("n"))
	})
}

// postWebhook posts a webhook of somebody's own making.
func (e *Emulator) postWebhook(r *http.Request) (any, error) {
	var b struct {
		Field string          `json:"field"`
		Value json.RawMessage `json:"value"`
		Body  *string         `json:"body"`
	}
	if err := readUpTo(r, &b, 4<<20); err != nil {
		return nil, err
	}
	u := &hook.Update{Lane: "own", What: "own webhook", Field: b.Field, Time: e.clock.Now().Unix(), Type: "own"}
	switch {
	case b.Body != nil:
		u.Raw = []byte(*b.Body)
	case b.Field == "" || len(b.Value) == 0:
		return nil, errors.New("say field and value, or body")
	default:
		u.Value = b.Value
	}
	return map[string]bool{"submitted": true}, e.poster.Submit(u)
}
