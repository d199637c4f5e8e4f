package media

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// MaxBytes is the largest file that Meta passes on.
const MaxBytes = 100 << 20

const (
	parallel  = 8                // files at a time
	pieceSize = 64 << 10         // bytes of a piece
	stall     = 30 * time.Second // the longest pause between two pieces
	// A plain name: some names of programs are turned away.
	userAgent = "Mozilla/5.0 (compatible; aofd)"
)

// API is where Meta is asked for the address of a file.
type API interface {
	Stored(ctx context.Context, id string) (graph.Stored, error)
}

// Settings of a Fetcher.
type Settings struct {
	API      API
	BaseURL  string // of the Graph API
	Token    string
	MaxBytes uint64   // 0 takes MaxBytes
	Types    []string // MIME types that are fetched, such as image/*; none means all
}

// Fetcher fetches the files of one phone number. It may be used by many goroutines.
type Fetcher struct {
	Settings
	hosts    hosts
	http     *http.Client
	refusals *refusals
	slots    *semaphore.Weighted
}

// New returns a fetcher. It fails when the base URL is no address.
func New(s Settings) (*Fetcher, error) {
	h, err := newHosts(s.BaseURL)
	if err != nil {
		return nil, err
	}
	if s.MaxBytes == 0 {
		s.MaxBytes = MaxBytes
	}
	return &Fetcher{
		Settings: s, hosts: h, http: h.client(s.Token), refusals: newRefusals(), slots: semaphore.NewWeighted(parallel),
	}, nil
}

// Close closes idle connections.
func (f *Fetcher) Close() { f.http.CloseIdleConnections() }

// The ends of a call that say nothing about Meta.
var (
	errCaller = errors.New("the caller ended it, or takes no file of this size")
	errOurs   = errors.New("the settings take no such file")
)

var mediaID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)

// Fetch calls begin once and then write for each piece of the file. It stops with their error. Its own errors are
// *chat.Error; then what was written is not the file. most is the largest size that the caller takes; 0 leaves it to
// the settings.
func (f *Fetcher) Fetch(ctx context.Context, id string, most uint64, begin func(chat.MediaInfo) error, write func([]byte) error) error {
	if !mediaID.MatchString(id) {
		return rejected("this is no id of a file", nil)
	}
	if most == 0 || most > f.MaxBytes {
		most = f.MaxBytes
	}
	if f.slots.Acquire(ctx, 1) != nil {
		return &chat.Error{Reason: chat.ReasonTimeout, Text: "too many files are being fetched", Err: ctx.Err()}
	}
	defer f.slots.Release(1)
	done, failure := f.refusals.before(id)
	if failure != nil {
		return failure
	}
	err := f.fetch(ctx, id, most, begin, write)
	switch e, meta := errors.AsType[*chat.Error](err); {
	case err == nil:
		done(nil)
		return nil
	case !meta, ctx.Err() != nil:
		done(errCaller)
		return err
	case errors.Is(e.Err, errCaller): // another caller may take what this one does not
		done(errCaller)
		return e
	case errors.Is(e.Err, errOurs):
		done(nil)
		f.refusals.after(id, e)
		return e
	default:
		done(e)
		f.refusals.after(id, e)
		return e
	}
}

// fetch is the two steps, the second one twice when the address has expired in between.
func (f *Fetcher) fetch(ctx context.Context, id string, most uint64, begin func(chat.MediaInfo) error, write func([]byte) error) error {
	for attempt := 1; ; attempt++ {
		file, err := f.API.Stored(ctx, id)
		if err != nil {
			return gone(err)
		}
		if failure := f.acceptable(file, most); failure != nil {
			return failure
		}
		err = f.download(ctx, file, most, begin, write)
		if !errors.Is(err, errExpired) {
			return err
		}
		if attempt == 2 {
			return rejected("Meta does not give the file at the address that it named itself", err)
		}
	}
}

// gone is what it means that Meta does not know a file.
func gone(err error) error {
	e := chat.AsError(err)
	if e.PlatformCode == "100" || e.PlatformCode == "33" {
		e.Reason, e.Permanent = chat.ReasonContentRejected, true
		e.Text = "Meta has no such file, or not any more"
		e.Hint = "files of messages are kept for 7 days; another number's token does not see them"
	}
	return e
}

func (f *Fetcher) acceptable(file graph.Stored, most uint64) *chat.Error {
	if file.Size > most {
		return rejected(fmt.Sprintf("the file has %d bytes; %d are taken", file.Size, most), tooLarge(most, f.MaxBytes))
	}
	kind, _, _ := strings.Cut(file.MimeType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	for _, t := range f.Types {
		if ok, _ := path.Match(strings.ToLower(t), kind); ok {
			return nil
		}
	}
	if len(f.Types) > 0 {
		return rejected(fmt.Sprintf("files of the type %.80q are not fetched", kind), errOurs)
	}
	return nil
}

// tooLarge says whose limit it was.
func tooLarge(most, ours uint64) error {
	if most < ours {
		return errCaller
	}
	return errOurs
}

func rejected(text string, err error) *chat.Error {
	return &chat.Error{Reason: chat.ReasonContentRejected, Permanent: true, Text: text, Err: err}
}

// errExpired is what the store answers when the address is not good any more.
var errExpired = errors.New("the address of the file has expired")

func (f *Fetcher) download(ctx context.Context, file graph.Stored, most uint64, begin func(chat.MediaInfo) error, write func([]byte) error) error {
	u, err := url.Parse(file.URL)
	if err == nil {
		err = f.hosts.check(u)
	}
	if err != nil {
		return &chat.Error{
			Reason: chat.ReasonUpstreamError, Permanent: true, Text: "the file is not fetched from where Meta says that it is: " + withoutAddress(err),
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return rejected("the address of the file cannot be asked for", nil)
	}
	if f.hosts.trusted(u) {
		req.Header.Set("Authorization", "Bearer "+f.Token)
	}
	req.Header.Set("User-Agent", userAgent)
	res, err := f.http.Do(req)
	if err != nil {
		return unreachable(err)
	}
	defer func() { _ = res.Body.Close() }()
	if err := judge(res); err != nil {
		return err
	}
	s := &stream{
		body: res.Body, most: most, ours: f.MaxBytes, file: file, sum: sha256.New(),
		watch: time.AfterFunc(stall, func() { cancel(errStalled) }), cause: func() error { return context.Cause(ctx) },
	}
	defer s.watch.Stop()
	if s.size = file.Size; s.size == 0 && res.ContentLength > 0 {
		s.size = uint64(res.ContentLength)
	}
	return s.copy(begin, write)
}

var errStalled = errors.New("no more bytes came")

func withoutAddress(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the address is as good as a key
	}
	return err.Error()
}

func unreachable(err error) *chat.Error {
	return &chat.Error{
		Reason: chat.ReasonUpstreamError, Text: "the file could not be fetched: " + withoutAddress(err), Err: err,
		Hint: "look at the network and the proxy",
	}
}

// judge turns the status of the store's answer into an error.
func judge(res *http.Response) error {
	switch res.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return errExpired
	case http.StatusTooManyRequests:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return &chat.Error{
			Reason: chat.ReasonRateLimited, Text: "Meta gives no more files for now",
			RetryAfter: time.Duration(min(max(seconds, 60), 3600)) * time.Second,
		}
	}
	return &chat.Error{
		Reason: chat.ReasonUpstreamError, Permanent: res.StatusCode < 500,
		Text: "Meta's store of files answered " + strconv.Itoa(res.StatusCode),
	}
}

// stream is a file on its way.
type stream struct {
	body  io.Reader
	file  graph.Stored
	most  uint64 // bytes that the caller takes
	ours  uint64 // bytes that the settings take
	size  uint64 // bytes that were promised; 0 when none were
	sum   hash.Hash
	got   uint64
	watch *time.Timer  // ends a read that takes too long
	cause func() error // why reading ended, when it was ended from here
}

// fill reads until p is full or the file ends; only at its very end it returns io.EOF.
func (s *stream) fill(p []byte) (n int, err error) {
	s.watch.Reset(stall)
	defer s.watch.Stop()
	for n < len(p) && err == nil {
		var more int
		more, err = s.body.Read(p[n:])
		n += more
	}
	return n, err
}

// copy hands on each piece after the next one has come, and the last one when all is right.
func (s *stream) copy(begin func(chat.MediaInfo) error, write func([]byte) error) error {
	digest := graph.Digest(s.file.SHA256)
	if err := begin(chat.MediaInfo{MimeType: s.file.MimeType, Size: s.size, SHA256: digest}); err != nil {
		return err
	}
	held, next := make([]byte, 0, pieceSize), make([]byte, pieceSize)
	for {
		n, err := s.fill(next)
		s.got += uint64(n)
		s.sum.Write(next[:n])
		switch {
		case s.got > s.most:
			return rejected(fmt.Sprintf("the file has more than %d bytes", s.most), tooLarge(s.most, s.ours))
		case s.size > 0 && s.got > s.size:
			return s.notWhole()
		}
		if n > 0 {
			if len(held) > 0 {
				if err := write(held); err != nil {
					return err
				}
			}
			held, next = next[:n], held[:pieceSize]
		}
		switch {
		case errors.Is(err, io.EOF):
			return s.last(held, digest, write)
		case err != nil:
			if errors.Is(s.cause(), errStalled) {
				err = errStalled
			}
			return &chat.Error{Reason: chat.ReasonUpstreamError, Text: "the file broke off: " + withoutAddress(err), Err: err}
		}
	}
}

func (s *stream) last(held []byte, digest string, write func([]byte) error) error {
	if s.size > 0 && s.got != s.size {
		return s.notWhole()
	}
	if digest != "" && hex.EncodeToString(s.sum.Sum(nil)) != digest {
		return rejected("the file is not the one that Meta described: its digest differs", nil)
	}
	if len(held) == 0 {
		return nil
	}
	return write(held)
}

func (s *stream) notWhole() *chat.Error {
	return rejected(fmt.Sprintf("the file has not the %d bytes that Meta said", s.size), nil)
}
