package emulator

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Call is one call of the Graph API.
type Call struct {
	N         int       `json:"n"`
	At        time.Time `json:"at"`
	Took      string    `json:"took"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	Status    int       `json:"status"` // 0: no answer
	Code      int       `json:"code"`
	Fault     string    `json:"fault,omitempty"`
	Warnings  []string  `json:"warnings,omitempty"`
	MessageID string    `json:"message_id,omitempty"`
	Request   string    `json:"request,omitempty"`
	Answer    string    `json:"answer,omitempty"`
}

// brief is the call without its bodies.
func (c Call) brief() Call {
	c.Request, c.Answer = "", ""
	return c
}

const (
	maxCalls     = 500
	maxCallBytes = 32 << 10 // of each body that is kept
	hourly       = 5000     // calls that Meta lets an active account make
)

func clip(b []byte) string { return string(b[:min(len(b), maxCallBytes)]) }

// callLog keeps the newest calls.
type callLog struct {
	mu   sync.Mutex
	last int
	all  []Call
}

func (l *callLog) add(c Call) Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	c.N = l.last
	if len(l.all) >= maxCalls {
		l.all = append(l.all[:0], l.all[1:]...)
	}
	l.all = append(l.all, c)
	return c
}

func (l *callLog) list(before, limit int) []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []Call{}
	for i := len(l.all) - 1; i >= 0 && len(out) < limit; i-- {
		if before <= 0 || l.all[i].N < before {
			out = append(out, l.all[i].brief())
		}
	}
	return out
}

func (l *callLog) get(n int) (Call, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.all {
		if c.N == n {
			return c, true
		}
	}
	return Call{}, false
}

// usage is how much of what is allowed in an hour was used, in percent.
func (l *callLog) usage(now time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for i := len(l.all) - 1; i >= 0 && now.Sub(l.all[i].At) < time.Hour; i-- {
		n++
	}
	return min(100*n/hourly, 100)
}

func (l *callLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = nil
}

// recorder keeps what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	body   []byte
	fault  string
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if room := maxCallBytes - len(r.body); room > 0 {
		r.body = append(r.body, b[:min(room, len(b))]...)
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets the response controller reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// code is that of the error in the answer.
func (r *recorder) code() int {
	var b struct {
		Error struct {
			Code int `json:"code"`
		} `json:"error"`
	}
	_ = json.Unmarshal(r.body, &b) // no JSON has no code
	return b.Error.Code
}
