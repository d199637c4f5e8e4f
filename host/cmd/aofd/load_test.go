package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// sender sends signed webhooks to one address. Each is a message of its own; users take turns. It costs little
// itself, since it shares the machine with what it measures: requests are bytes, and so are most of the answers.
type sender struct {
	testing.TB
	address string
	users   int // who write, in turn
	sent    atomic.Int64
	prefix  string // of the messages' ids
}

// measured is what came of a load. Latencies are in order of size.
type measured struct {
	webhooks  int
	took      time.Duration
	latencies []time.Duration
}

func (m measured) rate() float64 { return float64(m.webhooks) / m.took.Seconds() }

// quantile returns the latency that a share of q of the webhooks did not exceed.
func (m measured) quantile(q float64) time.Duration {
	if len(m.latencies) == 0 {
		return 0
	}
	return m.latencies[min(int(q*float64(len(m.latencies))), len(m.latencies)-1)]
}

// saturate keeps that many connections busy for a while.
func (l *sender) saturate(connections int, d time.Duration) measured {
	l.Helper()
	var wg sync.WaitGroup
	all := make([][]time.Duration, connections)
	begin := time.Now()
	for c := range connections {
		wg.Go(func() {
			conn := l.dial()
			defer conn.close()
			for now := time.Now(); now.Sub(begin) < d; {
				conn.post()
				end := time.Now()
				all[c] = append(all[c], end.Sub(now))
				now = end
			}
		})
	}
	wg.Wait()
	return collect(all, time.Since(begin))
}

// atRate sends at a fixed rate for a while, whether or not the earlier ones were answered. A latency counts
// from when the webhook was due, so what has to wait for a connection shows.
func (l *sender) atRate(perSecond int, d time.Duration) measured {
	l.Helper()
	const connections = 512
	due := make(chan time.Time, perSecond) // a second's worth
	all := make([][]time.Duration, connections)
	var wg sync.WaitGroup
	for c := range connections {
		wg.Go(func() {
			conn := l.dial()
			defer conn.close()
			for at := range due {
				conn.post()
				all[c] = append(all[c], time.Since(at))
			}
		})
	}
	begin := time.Now()
	wg.Go(func() {
		defer close(due)
		runtime.LockOSThread() // the runtime's own timers are a millisecond late when all threads sleep
		defer runtime.UnlockOSThread()
		for n := range int(d.Seconds() * float64(perSecond)) {
			at := begin.Add(time.Duration(n) * time.Second / time.Duration(perSecond))
			if wait := time.Until(at); wait > 0 {
				pause := syscall.NsecToTimespec(int64(wait))
				_ = syscall.Nanosleep(&pause, nil) // an early end is caught by the next one
			}
			due <- at
		}
	})
	wg.Wait()
	return collect(all, time.Since(begin))
}

func collect(all [][]time.Duration, took time.Duration) measured {
	m := measured{took: took, latencies: slices.Concat(all...)}
	m.webhooks = len(m.latencies)
	slices.Sort(m.latencies)
	return m
}

// connection is one HTTP connection that is kept.
type connection struct {
	*sender
	net.Conn
	answers *bufio.Reader
	request bytes.Buffer
}

func (l *sender) dial() *connection {
	l.Helper()
	conn, err := net.Dial("tcp", l.address)
	if err != nil {
		l.Error(err)
		return &connection{sender: l}
	}
	return &connection{sender: l, Conn: conn, answers: bufio.NewReader(conn)}
}

func (c *connection) close() {
	if c.Conn != nil {
		_ = c.Conn.Close()
	}
}

// post sends one webhook with the headers that the platform sends, and waits for its 200.
func (c *connection) post() {
	if c.Conn == nil {
		return
	}
	n := c.sent.Add(1)
	hook := textWebhook(c.prefix+strconv.FormatInt(n, 10), fmt.Sprintf("49151%08d", int(n)%c.users), benchText)
	c.request.Reset()
	fmt.Fprintf(&c.request, "POST /webhook/whatsapp HTTP/1.1\r\nHost: %s\r\nUser-Agent: facebookexternalua\r\nAccept: */*\r\n"+
		"Accept-Encoding: deflate, gzip\r\nContent-Type: application/json\r\nX-Hub-Signature: sha1=%040x\r\n"+
		"X-Hub-Signature-256: sha256=%s\r\nContent-Length: %d\r\n\r\n%s", c.address, n, sign(hook, appSecret), len(hook), hook)
	if _, err := c.Write(c.request.Bytes()); err != nil {
		c.Error(err)
		return
	}
	res, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		c.Error(err)
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode != http.StatusOK {
		c.Errorf("webhook %d: %s", n, res.Status)
	}
}

var benchText = strings.Repeat("What is the state of the payment pods? ", 5)

// usage is what a process has used so far.
type usage struct {
	cpu         time.Duration
	resident    int64 // bytes
	descriptors int
}

// usageOf adds up processes.
func usageOf(t testing.TB, pids ...int) (u usage) {
	t.Helper()
	for _, pid := range pids {
		proc := "/proc/" + strconv.Itoa(pid)
		stat, err := os.ReadFile(proc + "/stat")
		if err != nil {
			t.Skip("needs /proc: ", err)
		}
		_, after, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(after) // from the third on: see proc(5)
		number := func(n int) int64 {
			v, err := strconv.ParseInt(fields[n-3], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		const tick = 10 * time.Millisecond // USER_HZ is 100 on all that Go runs on
		u.cpu += time.Duration(number(14)+number(15)) * tick
		u.resident += number(24) * int64(os.Getpagesize())
		fds, err := os.ReadDir(proc + "/fd")
		if err != nil {
			t.Fatal(err)
		}
		u.descriptors += len(fds)
	}
	return u
}
