// Package fault decides when something goes wrong on purpose. The same rules and the same seed give the
// same faults.
package fault

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/span"
)

// The two places where faults happen.
const (
	OnWebhook = "webhook"
	OnCall    = "call"
)

// What can happen to a webhook.
const (
	Duplicate    = "duplicate"
	Reorder      = "reorder"
	Batch        = "batch"
	Split        = "split"
	Delay        = "delay"
	Early        = "early"
	BadSignature = "bad_signature"
	NoSignature  = "no_signature"
	Truncated    = "truncated"
	Huge         = "huge"
	Unknown      = "unknown"
	Lost         = "lost" // of a call, too
)

// What can happen to a call.
const (
	Error  = "error"
	Failed = "failed"
	HTTP   = "http"
	Reset  = "reset"
	Slow   = "slow"
	Hang   = "hang"
	Drop   = "drop"
)

var kinds = map[string][]string{
	OnWebhook: {
		Duplicate, Reorder, Batch, Split, Delay, Early, BadSignature, NoSignature, Truncated, Huge, Unknown, Lost,
	},
	OnCall: {Error, Failed, HTTP, Reset, Slow, Lost, Hang, Drop},
}

// Match limits a fault; an empty member matches all.
type Match struct {
	User  string `json:"user,omitempty"`
	Type  string `json:"type,omitempty"`
	Field string `json:"field,omitempty"`
	Path  string `json:"path,omitempty"`
}

// Fault is a rule: what happens, to what, and when.
type Fault struct {
	ID    string  `json:"id"`
	On    string  `json:"on"`
	Do    string  `json:"do"`
	Next  int     `json:"next,omitempty"`
	Every int     `json:"every,omitempty"`
	P     float64 `json:"p,omitempty"`
	Skip  int     `json:"skip,omitempty"`
	Match Match   `json:"match"`

	Code       int       `json:"code,omitempty"`
	Subcode    int       `json:"subcode,omitempty"`
	Status     int       `json:"status,omitempty"`
	RetryAfter int       `json:"retry_after,omitempty"`
	Body       *string   `json:"body,omitempty"`
	After      span.Span `json:"after,omitempty"`
	Copies     int       `json:"copies,omitempty"`
	Size       int       `json:"size,omitempty"`
	Shape      string    `json:"shape,omitempty"`

	Seen int `json:"seen"`
	Hits int `json:"hits"`
	Left int `json:"left"` // of Next

	rng *rand.Rand
}

// Deed is what a fault may strike. User has all names of the person.
type Deed struct {
	On    string
	User  []string
	Type  string
	Field string
	Path  string
}

func (m Match) takes(d Deed) bool {
	return (m.User == "" || slices.Contains(d.User, m.User)) && (m.Type == "" || m.Type == d.Type) &&
		(m.Field == "" || m.Field == d.Field) && strings.Contains(d.Path, m.Path)
}

const (
	maxFaults = 100
	maxCopies = 20
	maxSize   = 1000
	maxAfter  = 30 * 24 * time.Hour
)

func (f *Fault) check() error {
	of, known := kinds[f.On]
	switch {
	case !known:
		return fmt.Errorf("on %.20q is none of webhook, call", f.On)
	case !slices.Contains(of, f.Do):
		return fmt.Errorf("do %.20q is none of %s", f.Do, strings.Join(of, ", "))
	case f.Next < 0 || f.Every < 0 || f.Skip < 0 || f.P < 0 || f.P > 1:
		return fmt.Errorf("next, every and skip must not be negative, and p is from 0 to 1")
	case f.Next > 0 && f.Every > 0 || f.P > 0 && f.Every > 0:
		return fmt.Errorf("every goes with neither next nor p")
	case (f.Do == Error || f.Do == Failed) && (f.Code == 0 || !refusal.Known(f.Code)):
		return fmt.Errorf("code %d is none that Meta is known to use", f.Code)
	case f.Status != 0 && (f.Status < 400 || f.Status > 599):
		return fmt.Errorf("status must be from 400 to 599")
	case f.Copies < 0 || f.Copies > maxCopies || f.Size < 0 || f.Size > maxSize:
		return fmt.Errorf("at most %d copies and a size of %d are possible", maxCopies, maxSize)
	case f.After < 0 || time.Duration(f.After) > maxAfter:
		return fmt.Errorf("after is at most 30d")
	case f.Shape != "" && f.Shape != "value" && f.Shape != "change" && f.Shape != "entry":
		return fmt.Errorf("shape %.20q is none of value, change, entry", f.Shape)
	}
	return nil
}

// Set holds the faults. It may be used by many goroutines.
type Set struct {
	mu     sync.Mutex
	seed   uint64
	next   int
	faults map[string]*Fault
	tell   func(Fault) // about each that changed
}

// NewSet returns an empty set. It calls tell, under its lock, with each fault that struck.
func NewSet(seed uint64, tell func(Fault)) *Set {
	return &Set{seed: seed, faults: map[string]*Fault{}, tell: tell}
}

// Check finds what keeps faults from being added to a set that has none.
func Check(fs []Fault) error {
	if len(fs) > maxFaults {
		return fmt.Errorf("there are %d faults, and %d may be", len(fs), maxFaults)
	}
	for i, f := range fs {
		if err := f.check(); err != nil {
			return fmt.Errorf("faults[%d]: %w", i, err)
		}
	}
	return nil
}

// Add keeps a fault and gives it an id.
func (s *Set) Add(f Fault) (Fault, error) {
	if err := f.check(); err != nil {
		return Fault{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) >= maxFaults {
		return Fault{}, fmt.Errorf("there are %d faults already: remove some", maxFaults)
	}
	s.next++
	f.ID, f.Seen, f.Hits, f.Left = "f"+strconv.Itoa(s.next), 0, 0, f.Next
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], s.seed)
	binary.LittleEndian.PutUint64(key[8:], uint64(s.next))
	f.rng = rand.New(rand.NewChaCha8(key))
	s.faults[f.ID] = &f
	s.tell(f)
	return f, nil
}

// Remove forgets a fault; ok is false when there is none.
func (s *Set) Remove(id string) (ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok = s.faults[id]
	delete(s.faults, id)
	return ok
}

// Reset forgets all faults and begins anew with a seed.
func (s *Set) Reset(seed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.faults)
	s.seed, s.next = seed, 0
}

// List returns the faults in the order in which they were added.
func (s *Set) List() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Fault, 0, len(s.faults))
	for _, f := range s.sorted() {
		out = append(out, *f)
	}
	return out
}

func (s *Set) sorted() []*Fault {
	return slices.SortedFunc(maps.Values(s.faults), func(a, b *Fault) int {
		return number(a.ID) - number(b.ID)
	})
}

func number(id string) int {
	n, _ := strconv.Atoi(id[1:])
	return n
}

// Strike returns the faults that happen to a deed, of the kinds asked for; each is counted.
func (s *Set) Strike(d Deed, of ...string) (hits []Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.sorted() {
		if f.On != d.On || !slices.Contains(of, f.Do) || !f.Match.takes(d) {
			continue
		}
		f.Seen++
		if f.strikes() {
			f.Hits++
			hits = append(hits, *f)
			s.tell(*f)
		}
	}
	return hits
}

func (f *Fault) strikes() bool {
	if f.Seen <= f.Skip || f.Next > 0 && f.Left == 0 {
		return false
	}
	switch {
	case f.P > 0 && f.rng.Float64() >= f.P:
		return false
	case f.Every > 0 && (f.Seen-f.Skip)%f.Every != 0:
		return false
	}
	f.Left = max(f.Left-1, 0)
	return true
}

// Reseed gives the faults that are still to be added another seed.
func (s *Set) Reseed(seed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seed = seed
}
