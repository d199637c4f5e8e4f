package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// integer returns a whole number between lo and hi, or the default of its row.
func (p place) integer(lo, hi int) int {
	fallback, _ := strconv.Atoi(p.row().Default) // a test reads all defaults
	s, ok := p.expanded()
	if !ok {
		return fallback
	}
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < lo || n > hi {
		p.errorf("", "%s must be a whole number %s", p.key, span(lo, hi))
		return fallback
	}
	return n
}

func span(lo, hi int) string {
	if hi == math.MaxInt {
		return fmt.Sprintf("of %d or more", lo)
	}
	return fmt.Sprintf("from %d to %d", lo, hi)
}

// maxSeconds keeps durations far from overflow.
const maxSeconds = 366 * 24 * 3600

// seconds returns a time of lo seconds or more, or the default of its row.
func (p place) seconds(lo int) time.Duration {
	fallback, _ := parseSeconds(p.row().Default)
	s, ok := p.expanded()
	if !ok {
		return fallback
	}
	d, ok := parseSeconds(strings.TrimSpace(s))
	if !ok || d < time.Duration(lo)*time.Second || d > maxSeconds*time.Second {
		p.errorf("", "%s must be seconds or a duration such as 90s or 5m, %d or more, at most a year", p.key, lo)
		return fallback
	}
	return d
}

func parseSeconds(s string) (time.Duration, bool) {
	if n, err := strconv.Atoi(s); err == nil && n >= 0 && n <= maxSeconds {
		return time.Duration(n) * time.Second, true
	}
	d, err := time.ParseDuration(s)
	return d, err == nil
}

// boolean returns true or false, or the default of its row. The words of YAML 1.1 and their quoted forms are
// taken too.
func (p place) boolean() bool {
	fallback, _ := parseBool(p.row().Default)
	s, ok := p.expanded()
	if !ok {
		return fallback
	}
	b, ok := parseBool(s)
	if !ok {
		p.errorf("", "%s must be true or false", p.key)
		return fallback
	}
	return b
}

func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "yes", "on":
		return true, true
	case "false", "no", "off":
		return false, true
	}
	return false, false
}

// argv returns the strings of a list as they are: an argument may be empty or begin with a space.
func (p place) argv() []string {
	var out []string
	for _, item := range p.items() {
		item.ref = p.ref
		s, ok := item.expanded()
		if item.node == nil {
			item.errorf("write \"\" for an empty one", "%s is empty", item.key)
		}
		if ok && strings.ContainsRune(s, 0) {
			item.errorf("", "%s must not hold a zero byte", item.key)
		}
		out = append(out, s)
	}
	return out
}

// dictionary returns a mapping of strings.
func (p place) dictionary() map[string]string {
	var out map[string]string
	for _, e := range p.entries("<name>") {
		e.ref = p.ref
		if s, ok := e.expanded(); ok || e.node == nil {
			if out == nil {
				out = map[string]string{}
			}
			out[e.name] = s
		}
	}
	return out
}
