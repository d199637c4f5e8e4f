package graph

import (
	"net/http/httptrace"
	"sync"
)

// flight watches a request leave, to know after a failure whether Meta can have it. The callbacks come
// from the transport's goroutines.
type flight struct {
	mu    sync.Mutex
	state flightState
}

type flightState int

const (
	grounded flightState = iota // no connection yet
	leaving                     // being written: any part of it may be out
	aborted                     // writing failed: what is out is no whole request
	gone                        // written
)

func (f *flight) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { f.set(leaving) },
		WroteRequest: func(w httptrace.WroteRequestInfo) {
			if w.Err != nil {
				f.set(aborted)
				return
			}
			f.set(gone)
		},
	}
}

func (f *flight) set(s flightState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = s
}

// never reports whether it is certain that no whole request left.
func (f *flight) never() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state == grounded || f.state == aborted
}
