// Package world is what Meta and the phones know: people, groups, chats with their messages, media,
// templates, tokens, and the limits of the number. It decides what becomes of a message; it sends nothing.
package world

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/template"
)

// Bounds of the memory.
type Bounds struct {
	Messages   int   // over all chats
	MediaBytes int64 // over all files
}

// MaxTemplates is how many an account of a verified business has.
const MaxTemplates = 6000

const (
	maxPeople    = 10_000
	maxGroups    = 1000
	maxTokens    = 100
	maxCallbacks = 20_000
)

// Business is who owns the number.
type Business struct {
	PhoneNumberID string `json:"phone_number_id"`
	DisplayNumber string `json:"display_number"`
	AccountID     string `json:"account_id"`
	Name          string `json:"name"`
}

// State is all that is kept; its JSON is what export writes.
type State struct {
	Settings   Settings               `json:"settings"`
	People     []*Person              `json:"people"`
	Groups     []*Group               `json:"groups"`
	Chats      []*Chat                `json:"chats"`
	Messages   []*Message             `json:"messages"`
	Media      []*Media               `json:"media"`
	Templates  []*template.Definition `json:"templates"`
	Tokens     []*Token               `json:"tokens"`
	Counters   Counters               `json:"counters"`
	NextPerson int                    `json:"next_person"`
	NextSeq    int                    `json:"next_seq"`
}

// World holds the state. It may be used by many goroutines; what it returns are copies.
type World struct {
	Business Business
	bounds   Bounds
	now      func() time.Time
	tell     func(kind string, data any)
	defaults Settings
	token    Token // that of the settings, which always is

	mu         sync.Mutex
	state      State
	byID       map[string]*Message
	names      map[string]*Person
	chats      map[string]*Chat
	files      map[string]*Media
	mediaBytes int64
	forgotten  bool                 // some message was, so an unknown id may have been right
	gone       map[string]bool      // numbers and user ids that were given up
	sends      []time.Time          // of the last second
	initiated  map[string]time.Time // when the business last began with whom
	callbacks  map[string]bool
	rng        *rand.Rand
}

// Config of a World.
type Config struct {
	Business Business
	Bounds   Bounds
	Settings Settings
	Token    string
	Now      func() time.Time
	Tell     func(kind string, data any) // about each change, under the lock
}

// New returns a world with nobody in it, and the template that each account begins with.
func New(c Config) *World {
	w := &World{
		Business: c.Business, bounds: c.Bounds, now: c.Now, tell: c.Tell, defaults: c.Settings,
		token: Token{Token: c.Token, Scopes: allScopes},
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.load(State{Settings: c.Settings})
	return w
}

// load replaces the state. The caller holds the lock.
func (w *World) load(s State) {
	w.state = s
	w.byID, w.names, w.chats, w.files = map[string]*Message{}, map[string]*Person{}, map[string]*Chat{}, map[string]*Media{}
	w.gone, w.initiated, w.callbacks = map[string]bool{}, map[string]time.Time{}, map[string]bool{}
	w.sends, w.mediaBytes, w.forgotten = nil, 0, false
	for _, m := range s.Messages {
		w.byID[m.ID] = m
	}
	for _, c := range s.Chats {
		w.chats[c.ID] = c
	}
	for _, m := range s.Media {
		w.files[m.ID] = m
		w.mediaBytes += int64(len(m.Data))
	}
	for _, p := range s.People {
		w.enter(p)
		for _, id := range p.Past {
			w.gone[id] = true
		}
	}
	if len(s.Templates) == 0 {
		w.state.Templates = []*template.Definition{helloWorld()}
	}
	if w.state.Settings.Seed == 0 {
		w.state.Settings.Seed = rand.Uint64() >> 12
	}
	if w.rng == nil {
		w.seed()
	}
}

func helloWorld() *template.Definition {
	return &template.Definition{
		ID: "1192339204654487", Name: "hello_world", Language: "en_US", Category: "UTILITY", Status: template.Approved,
		Format: "POSITIONAL",
		Components: []template.Component{
			{Type: "HEADER", Format: "TEXT", Text: "Hello World"},
			{Type: "BODY", Text: "Welcome and congratulations!! This message demonstrates your ability to send a message " +
				"notification from the Cloud API."},
			{Type: "FOOTER", Text: "Sample message"},
		},
	}
}

// Reset forgets everybody and everything, and the changes of the settings too if they are meant.
func (w *World) Reset(settings bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.state.Settings
	if settings {
		s = w.defaults
	}
	w.load(State{Settings: s})
	w.tell("reset", struct{}{})
}

// Export calls do with the state, under the lock: do must not keep it.
func (w *World) Export(do func(State) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return do(w.state)
}

// Check finds what keeps a state from being imported.
func (w *World) Check(s State) error { return s.check(w.bounds) }

// Import replaces the state.
func (w *World) Import(s State) error {
	if err := w.Check(s); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.load(s)
	w.tell("reset", struct{}{})
	return nil
}

// check finds what would break the rest, as an exported state may have been edited.
func (s *State) check(b Bounds) error {
	if err := s.Settings.check(); err != nil {
		return err
	}
	if len(s.Messages) > b.Messages || len(s.People) > maxPeople || len(s.Groups) > maxGroups || len(s.Templates) > MaxTemplates {
		return fmt.Errorf("the state is larger than this emulator keeps: at most %d messages, %d people", b.Messages, maxPeople)
	}
	var bytes int64
	for _, m := range s.Media {
		if m == nil {
			return fmt.Errorf("media has an element that is null")
		}
		bytes += int64(len(m.Data))
	}
	if bytes > b.MediaBytes {
		return fmt.Errorf("the media of the state has %d bytes, this emulator keeps %d", bytes, b.MediaBytes)
	}
	people := map[string]bool{}
	for _, p := range s.People {
		if p == nil || p.ID == "" || people[p.ID] {
			return fmt.Errorf("people has an element that is null, or without an id of its own")
		}
		people[p.ID] = true
	}
	chats := map[string]bool{}
	for _, c := range s.Chats {
		if c == nil || c.ID == "" {
			return fmt.Errorf("chats has an element that is null or without id")
		}
		chats[c.ID] = true
	}
	for _, g := range s.Groups {
		if g == nil || g.ID == "" {
			return fmt.Errorf("groups has an element that is null or without id")
		}
	}
	for _, m := range s.Messages {
		if m == nil || m.ID == "" || !chats[m.Chat] {
			return fmt.Errorf("messages has an element that is null, without id, or of a chat that is not there")
		}
	}
	for _, t := range s.Templates {
		if t == nil {
			return fmt.Errorf("templates has an element that is null")
		}
	}
	for _, t := range s.Tokens {
		if t == nil {
			return fmt.Errorf("tokens has an element that is null")
		}
	}
	return nil
}

// NewID returns the id of a message. As with Meta's, base64 stands in it, so "/", "+" and "=" may occur.
func (w *World) NewID() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.newID()
}

func (w *World) newID() string { return "wamid.HBgN" + w.random(28) }

func (w *World) random(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(w.rng.Uint32())
	}
	return base64.StdEncoding.EncodeToString(b)
}

// number returns so many digits, without a leading zero.
func (w *World) number(n int) string {
	var b strings.Builder
	for i := range n {
		d := w.rng.IntN(10)
		if i == 0 {
			d = 1 + w.rng.IntN(9)
		}
		b.WriteByte(byte('0' + d))
	}
	return b.String()
}

// userIDOf returns the user id that belongs to a name, always the same one.
func (w *World) userIDOf(name, country string) string {
	sum := sha256.Sum256([]byte(w.Business.AccountID + " " + name))
	return fmt.Sprintf("%s.%d%010d", country, 1+sum[0]%9, binary.BigEndian.Uint64(sum[1:])%1e16)
}

// Counters of what happened.
type Counters struct {
	Typed           int `json:"typed"`
	Taken           int `json:"taken"`
	Waiting         int `json:"waiting"`
	GivenUp         int `json:"given_up"`
	RefusedWebhooks int `json:"refused_webhooks"`
	Accepted        int `json:"accepted"`
	Refused         int `json:"refused"`
	Sent            int `json:"sent"`
	Delivered       int `json:"delivered"`
	Read            int `json:"read"`
	Failed          int `json:"failed"`
	Repeated        int `json:"repeated"`
}

// Count changes the counters.
func (w *World) Count(change func(*Counters)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count(change)
}

func (w *World) count(change func(*Counters)) {
	change(&w.state.Counters)
	w.tell("counters", w.state.Counters)
}

// Counters returns what was counted.
func (w *World) Counters() Counters {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state.Counters
}

// seed makes what the ids follow from. It happens once: an id that comes again would pass for a duplicate.
func (w *World) seed() {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], w.state.Settings.Seed)
	w.rng = rand.New(rand.NewChaCha8(key))
}
