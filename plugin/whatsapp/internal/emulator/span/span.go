// Package span is a duration as people write it: Go's form, with days.
package span

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Span is a duration. Its JSON is a string such as "90s", "25h" or "7d".
type Span time.Duration

// Parse reads a duration.
func Parse(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || n < 0 || n > 3650 {
			return 0, fmt.Errorf("%.20q is no number of days", s)
		}
		return time.Duration(n * 24 * float64(time.Hour)), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%.20q is no duration such as 200ms, 25h or 7d", s)
	}
	return d, nil
}

// String is Go's form.
func (s Span) String() string { return time.Duration(s).String() }

// MarshalJSON writes Go's form.
func (s Span) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// UnmarshalJSON reads a string.
func (s *Span) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return errors.New("a duration is a string such as \"25h\"")
	}
	d, err := Parse(text)
	*s = Span(d)
	return err
}
