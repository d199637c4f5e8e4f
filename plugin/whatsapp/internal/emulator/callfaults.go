package emulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/fault"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

// strike lets the faults happen that come before anything is done; handled says that one was the answer.
func (e *Emulator) strike(w *recorder, c *graphCall) (handled bool) {
	deed := e.deed(c)
	for _, f := range e.faults.Strike(deed, fault.Slow, fault.Reset, fault.HTTP, fault.Error) {
		w.fault = joined(w.fault, f.Do)
		switch {
		case handled:
		case f.Do == fault.Slow:
			after := time.Duration(f.After)
			if after == 0 {
				after = 3 * time.Second
			}
			handled = !e.pause(after, c.Context().Done())
		case f.Do == fault.Reset:
			cut(w)
			handled = true
		case f.Do == fault.HTTP:
			edge(w, f)
			handled = true
		default:
			no := refusal.New(f.Code, "as a fault of the emulator asked")
			if f.Subcode != 0 {
				no.Subcode = f.Subcode
			}
			if f.Status != 0 {
				no.Status = f.Status
			}
			no.RetryAfter = f.RetryAfter
			if deed.Type != "" {
				e.world.Count(func(n *world.Counters) { n.Refused++ })
			}
			e.refuse(w, c, no)
			handled = true
		}
	}
	return handled
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", " + b
}

// deed tells the faults what a call is about.
func (e *Emulator) deed(c *graphCall) fault.Deed {
	d := fault.Deed{On: fault.OnCall, Path: c.URL.Path}
	if !strings.HasSuffix(c.URL.Path, "/messages") {
		return d
	}
	var b struct{ To, Recipient, Type, Status string }
	_ = json.Unmarshal(c.raw, &b) // what it is not, it says later
	name := strings.TrimPrefix(b.To, "+") + pickIf(b.To == "", b.Recipient)
	d.User, d.Type = []string{name}, b.Type
	if p, err := e.world.Person(name); err == nil {
		d.User = p.Names()
	}
	if b.Status != "" && b.Type == "" {
		d.Type = "status"
	} else if b.Type == "" {
		d.Type = "text"
	}
	return d
}

func pickIf(yes bool, s string) string {
	if yes {
		return s
	}
	return ""
}

// edge answers as what stands before Meta's servers does when it cannot reach them.
func edge(w http.ResponseWriter, f fault.Fault) {
	status := f.Status
	if status == 0 {
		status = http.StatusServiceUnavailable
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if f.Body != nil {
		_, _ = io.WriteString(w, *f.Body)
		return
	}
	_, _ = fmt.Fprintf(w, "<!DOCTYPE html>\n<html><head><title>Error</title></head><body><h1>Sorry, something went wrong.</h1>"+
		"<p>We're working on it and we'll get it fixed as soon as we can.</p><!-- %d --></body></html>\n", status)
}

// cut breaks the connection, so that the peer sees a reset and no answer.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2, or a recorder: the server ends the stream
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
