package world

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/span"
)

// Settings are what can be changed while the emulator runs.
type Settings struct {
	StatusDelay       span.Span `json:"status_delay"`
	Reads             string    `json:"reads"`
	Window            string    `json:"window"`
	PairRate          bool      `json:"pair_rate"`
	Throughput        int       `json:"throughput"`
	Tier              string    `json:"tier"`
	Retry             Retry     `json:"retry"`
	UnknownFields     string    `json:"unknown_fields"`
	Strangers         string    `json:"strangers"`
	AllowedRecipients []string  `json:"allowed_recipients"`
	UserIDs           bool      `json:"user_ids"`
	TemplateReview    string    `json:"template_review"`
	AppsecretProof    bool      `json:"appsecret_proof"`
	Seed              uint64    `json:"seed"`
}

// The words of the settings.
const (
	Auto    = "auto"
	Manual  = "manual"
	Async   = "async"
	Sync    = "sync"
	Off     = "off"
	Refuse  = "refuse"
	Warn    = "warn"
	Accept  = "accept"
	Approve = "approve"
	Reject  = "reject"
	Hold    = "hold"
)

// tiers are how many people a business may write to first, in 24 hours.
var tiers = map[string]int{
	"TIER_50": 50, "TIER_250": 250, "TIER_1K": 1000, "TIER_2K": 2000, "TIER_10K": 10_000, "TIER_100K": 100_000,
	"TIER_UNLIMITED": 0,
}

// Retry is how a webhook that was not taken is tried again.
type Retry struct {
	First   span.Span `json:"first"`
	Most    span.Span `json:"most"`
	Horizon span.Span `json:"horizon"`
	Tries   int       `json:"tries"` // 0: as many as fit
}

// meta is a schedule as slow as Meta's: at once, then less and less often, for a week.
var meta = Retry{span.Span(5 * time.Second), span.Span(12 * time.Hour), span.Span(7 * 24 * time.Hour), 0}

// UnmarshalJSON takes the name of a schedule, too.
func (r *Retry) UnmarshalJSON(raw []byte) error {
	type plain Retry
	named := struct {
		Schedule string `json:"schedule"`
		*plain
	}{plain: (*plain)(r)}
	if err := json.Unmarshal(raw, &named); err != nil {
		return fmt.Errorf("retry: %w", err)
	}
	switch named.Schedule {
	case "":
	case "meta":
		*r = meta
	default:
		return fmt.Errorf("retry schedule %.20q is none of meta", named.Schedule)
	}
	return nil
}

// Next returns the pause after so many tries since a first one, or false when it is over.
func (r Retry) Next(tries int, since time.Duration) (pause time.Duration, more bool) {
	if r.Tries > 0 && tries >= r.Tries {
		return 0, false
	}
	pause = time.Duration(r.First)
	for range min(tries-1, 40) {
		if pause *= 2; pause >= time.Duration(r.Most) {
			pause = time.Duration(r.Most)
			break
		}
	}
	pause = max(pause, since/20) // what waits for long need not be tried each second
	return pause, since+pause <= time.Duration(r.Horizon)
}

func (s *Settings) check() error {
	one := func(name, is string, of ...string) error {
		if !slices.Contains(of, is) {
			return fmt.Errorf("%s %.20q is none of %q", name, is, of)
		}
		return nil
	}
	_, tier := tiers[s.Tier]
	switch {
	case s.StatusDelay < 0 || s.StatusDelay > span.Span(24*time.Hour):
		return errors.New("status_delay must be from 0s to 24h")
	case !tier:
		return fmt.Errorf("tier %.20q is none of TIER_50, TIER_250, TIER_1K, TIER_2K, TIER_10K, TIER_100K, TIER_UNLIMITED", s.Tier)
	case s.Throughput < 0:
		return errors.New("throughput must not be negative")
	case s.Retry.First < span.Span(time.Millisecond) || s.Retry.Most < s.Retry.First || s.Retry.Horizon < 0 || s.Retry.Tries < 0:
		return errors.New("retry: first must be at least 1ms, most at least first, horizon and tries not negative")
	case s.Seed > 1<<53:
		return errors.New("seed is larger than 2^53")
	}
	for _, n := range s.AllowedRecipients {
		if !address.IsDigits(n) {
			return fmt.Errorf("allowed_recipients: %.40q is no phone number in digits", n)
		}
	}
	return errors.Join(
		one("reads", s.Reads, Auto, Manual), one("window", s.Window, Async, Sync, Off),
		one("unknown_fields", s.UnknownFields, Refuse, Warn), one("strangers", s.Strangers, Accept, Refuse),
		one("template_review", s.TemplateReview, Approve, Reject, Hold),
	)
}

// Settings returns the settings as they are.
func (w *World) Settings() Settings {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state.Settings
}

// Patch changes the settings that the JSON object names.
func (w *World) Patch(decode func(*Settings) error) (Settings, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.state.Settings
	if err := decode(&s); err != nil {
		return s, err
	}
	if err := s.check(); err != nil {
		return s, err
	}
	w.state.Settings = s
	w.tell("settings", s)
	return s, nil
}
