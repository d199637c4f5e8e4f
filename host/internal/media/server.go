package media

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/semaphore"

	"github.com/aof-dev/aofd/sdk/chat"
)

const (
	maxBytes       = 100 << 20 // of a file
	parallel       = 16        // files at a time, of all runs together
	ofOneAgent     = 8         // of these; one that reads slowly leaves places to others
	maxConnections = 64
	maxTimes       = 5                // how often one file is fetched for one run
	stall          = 30 * time.Second // the longest that an agent may take for a piece
)

// Fetch brings a file through the plugin of a platform. It is chat's words for the call of the plugin.
type Fetch func(
	ctx context.Context, platform string, r chat.MediaRef, begin func(chat.MediaInfo) error, write func([]byte) error,
) error

// Server serves files on the loopback interface. It may be used by many goroutines.
type Server struct {
	fetch   Fetch
	log     *slog.Logger
	address string
	http    *http.Server
	served  chan struct{} // closed when the listener's goroutine has ended
	slots   *semaphore.Weighted

	mu     sync.Mutex
	offers map[string]*offer              // by what cannot be guessed
	agents map[string]*semaphore.Weighted // places of each agent that ever had a file
}

// offer is one file of one run.
type offer struct {
	platform string
	account  string
	media    chat.Media
	over     context.Context       // ends with the run; a field, as requests come from elsewhere
	places   []*semaphore.Weighted // of which a request needs one each, in this order: of the run, the agent, all
	times    int                   // guarded by Server.mu
}

// Listen serves on a free port until Stop.
func Listen(fetch Fetch, log *slog.Logger) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for agents that fetch files: %w", err)
	}
	s := &Server{
		fetch: fetch, log: log, address: l.Addr().String(), served: make(chan struct{}),
		slots: semaphore.NewWeighted(parallel), offers: map[string]*offer{}, agents: map[string]*semaphore.Weighted{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /media/{key}", s.serve)
	s.http = &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(s.served)
		if err := s.http.Serve(netutil.LimitListener(l, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
			log.Error("agents cannot get files any more; restart the daemon", "err", err)
		}
	}()
	return s, nil
}

// Stop cuts what is under way and ends the listener. It is called once.
func (s *Server) Stop() {
	_ = s.http.Close() // its connections are cut; there is nothing to do about an error
	<-s.served
}

// Offer makes a file available to a run of an agent and returns its address. withdraw ends that, and cuts whoever is still reading.
func (s *Server) Offer(agent, platform, account string, m chat.Media) (address string, withdraw func()) {
	key := rand.Text()
	ctx, cancel := context.WithCancel(context.Background())
	s.mu.Lock()
	if s.agents[agent] == nil {
		s.agents[agent] = semaphore.NewWeighted(ofOneAgent)
	}
	s.offers[key] = &offer{
		platform: platform, account: account, media: m, over: ctx,
		places: []*semaphore.Weighted{semaphore.NewWeighted(1), s.agents[agent], s.slots},
	}
	s.mu.Unlock()
	return "http://" + s.address + "/media/" + key, func() {
		s.mu.Lock()
		delete(s.offers, key)
		s.mu.Unlock()
		cancel()
	}
}

// take returns what a key stands for, or the status that says why it cannot be had.
func (s *Server) take(key string) (*offer, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.offers[key]
	if o == nil {
		return nil, http.StatusNotFound
	}
	if o.times++; o.times > maxTimes {
		return nil, http.StatusTooManyRequests
	}
	return o, 0
}
