package graph

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// usage is how much of Meta's limits of calls is used up, by the headers of an answer.
type usage struct {
	percent float64       // of the limit that is nearest; 0 when Meta said nothing
	limit   string        // which one
	regain  time.Duration // until calls are taken again; 0 when they still are
}

const (
	headerAppUsage      = "X-App-Usage"
	headerBusinessUsage = "X-Business-Use-Case-Usage"
	maxRegain           = 24 * time.Hour
)

// counts are the percentages of both headers.
type counts struct {
	Calls  float64 `json:"call_count"`
	CPU    float64 `json:"total_cputime"`
	Time   float64 `json:"total_time"`
	Regain float64 `json:"estimated_time_to_regain_access"` // minutes
	Type   string  `json:"type"`
}

// readUsage never fails: headers that cannot be read say nothing.
func readUsage(h http.Header) (u usage) {
	if value := h.Get(headerAppUsage); value != "" {
		var app counts
		if json.Unmarshal([]byte(value), &app) == nil {
			u.note("the app's calls", app)
		}
	}
	if value := h.Get(headerBusinessUsage); value != "" {
		var accounts map[string][]counts
		if json.Unmarshal([]byte(value), &accounts) == nil {
			for _, kinds := range accounts {
				for _, c := range kinds {
					u.note("the WhatsApp account's calls", c)
				}
			}
		}
	}
	return u
}

func (u *usage) note(limit string, c counts) {
	if p := max(c.Calls, c.CPU, c.Time); p > u.percent {
		u.percent, u.limit = p, limit
	}
	wait := time.Duration(min(max(c.Regain, 0), maxRegain.Minutes()) * float64(time.Minute))
	u.regain = max(u.regain, wait)
}

// usageWarns is the percentage from which on somebody should know.
const usageWarns = 90

// warning is a sentence for people; empty while there is room.
func (u usage) warning() string {
	if u.percent < usageWarns {
		return ""
	}
	return fmt.Sprintf("%.0f%% of %s are used up", u.percent, u.limit)
}
