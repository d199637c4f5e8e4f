package emulator

import (
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/scenario"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

// getScenario writes a chat as a scenario file.
func (e *Emulator) getScenario(w http.ResponseWriter, r *http.Request) {
	name, err := chatName(r)
	if err != nil {
		problem(w, http.StatusBadRequest, err)
		return
	}
	v := e.world.ChatOf(name, e.settings.History, "")
	messages := v.Messages
	if from := r.URL.Query().Get("from"); from != "" {
		i := slices.IndexFunc(messages, func(m world.Message) bool { return m.ID == from })
		if i < 0 {
			problem(w, http.StatusNotFound, unknown("the chat has no message %.80q", from))
			return
		}
		messages = messages[i:]
	}
	if len(messages) == 0 {
		problem(w, http.StatusConflict, world.ErrState)
		return
	}
	raw, err := e.copyChat(v, messages)
	if err != nil {
		problem(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	_, _ = w.Write(raw) // that the peer has gone is its own affair
}

func (e *Emulator) copyChat(v world.View, messages []world.Message) ([]byte, error) {
	people, names := map[string]scenario.Person{}, map[string]string{}
	add := func(id string) {
		p, err := e.world.Person(id)
		if err != nil || names[id] != "" {
			return
		}
		name := word(p.Name)
		if _, taken := people[name]; taken || name == "" {
			name = p.ID
		}
		names[id] = name
		known := scenario.Person{Name: p.Name, Phone: p.Phone}
		if p.Phone == "" {
			known.UserID = p.UserID
		}
		people[name] = known
	}
	var group []string
	title := "A chat with " + v.User
	if v.Kind == "group" {
		g, err := e.world.Group(v.ID)
		if err != nil {
			return nil, err
		}
		title = g.Subject
		for _, id := range g.People {
			add(id)
			group = append(group, names[id])
		}
	} else {
		add(v.ID)
	}
	chat := make([]scenario.Spoken, 0, len(messages))
	for _, m := range messages {
		add(m.From)
		s := scenario.Spoken{ID: m.ID, FromUser: m.Direction == world.FromUser, Who: names[m.From], Body: m.Body}
		if m.Template != nil {
			s.Template = m.Template
		}
		chat = append(chat, s)
	}
	return scenario.Copy(title, people, group, chat)
}

// word is the first one of a name, in small letters.
func word(name string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(name), " ")
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, first)
}
