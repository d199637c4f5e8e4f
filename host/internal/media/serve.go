package media

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aof-dev/aofd/sdk/chat"
)

// serve brings one file.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	o, status := s.take(r.PathValue("key"))
	switch status {
	case http.StatusNotFound:
		refuse(w, status, &chat.Error{Reason: "NOT_FOUND", Permanent: true, Text: "there is no such file, or the run that it was for is over"})
		return
	case http.StatusTooManyRequests:
		refuse(w, status, &chat.Error{
			Reason: chat.ReasonRateLimited, Permanent: true, Text: "this run has fetched the file " + strconv.Itoa(maxTimes) + " times already: keep it",
		})
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(o.over, cancel)()
	for _, p := range o.places {
		if p.Acquire(ctx, 1) != nil {
			return // nobody waits any more
		}
		defer p.Release(1)
	}
	out := &response{w: w, control: http.NewResponseController(w), media: o.media}
	err := s.fetch(ctx, o.platform, chat.MediaRef{Account: o.account, MediaID: o.media.ID, MaxBytes: maxBytes}, out.begin, out.write)
	if err == nil {
		return
	}
	e := chat.AsError(err)
	s.log.Warn("an agent could not get a file", "platform", o.platform, "reason", e.Reason, "err", e.Text, "hint", e.Hint)
	if out.begun {
		panic(http.ErrAbortHandler) // the only way to say so now
	}
	told := *e
	told.Text = strings.TrimPrefix(e.Text, "platform("+o.platform+"): ") // the agent knows where its message is from
	refuse(w, statusOf(e), &told)
}

// response is a file on its way to an agent.
type response struct {
	w       http.ResponseWriter
	control *http.ResponseController
	media   chat.Media
	begun   bool
}

// begin holds back the status until the first piece is there, so that an error before it can still be told.
func (o *response) begin(i chat.MediaInfo) error {
	h := o.w.Header()
	kind := i.MimeType
	if kind == "" {
		kind = o.media.MimeType
	}
	if _, _, err := mime.ParseMediaType(kind); err != nil {
		kind = "application/octet-stream"
	}
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if i.Size > 0 {
		h.Set("Content-Length", strconv.FormatUint(i.Size, 10))
	}
	if o.media.Filename != "" {
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": o.media.Filename}))
	}
	if sum, err := hex.DecodeString(i.SHA256); err == nil && len(sum) > 0 {
		h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum)+":")
	}
	return nil
}

func (o *response) write(p []byte) error {
	_ = o.control.SetWriteDeadline(time.Now().Add(stall)) // every connection of ours has deadlines
	o.begun = true
	if _, err := o.w.Write(p); err != nil {
		return err
	}
	return o.control.Flush()
}

// statusOf is the status that an error is told with.
func statusOf(e *chat.Error) int {
	switch e.Reason {
	case chat.ReasonContentRejected, chat.ReasonBadRequest:
		return http.StatusUnprocessableEntity
	case chat.ReasonUnsupportedContent:
		return http.StatusNotImplemented
	case chat.ReasonRateLimited:
		return http.StatusTooManyRequests
	case chat.ReasonUnavailable, chat.ReasonBusy:
		return http.StatusServiceUnavailable
	case chat.ReasonTimeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}

// refuse says why there is no file, as JSON.
func refuse(w http.ResponseWriter, status int, e *chat.Error) {
	for _, name := range []string{"Content-Length", "Content-Disposition", "Repr-Digest"} {
		w.Header().Del(name)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(e.RetryAfter.Seconds()))))
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{ // the agent is gone if this fails
		"reason": e.Reason, "error": e.Text, "permanent": e.Permanent,
	})
}
