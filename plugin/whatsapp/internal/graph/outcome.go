package graph

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/aof-dev/aofd/sdk/chat"
)

// conclude turns an answer into the result that it has or the error that it means; whole says whether the
// result is there. An error of Meta's in JSON counts as "not sent". With the codes 1, 2 and 131000 Meta may
// have taken the message all the same; they are the plain failures of its servers, so they are tried again,
// but only a few times.
func conclude[T any](a answer, attempt int, whole func(T) bool) (result T, failure *chat.Error) {
	var body struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(a.body, &body) == nil {
		if e, ok := DecodeError(a.withoutToken(body.Error)); ok {
			e.HTTPStatus = a.status
			return result, e.failure(attempt, a.retryAfter())
		}
		if a.status/100 == 2 && json.Unmarshal(a.body, &result) == nil && whole(result) {
			return result, nil
		}
	}
	var none T
	return none, a.bare()
}

// withoutToken takes the token out of an error: Meta quotes one that it does not know. Words that are too
// short for a token of Meta's might stand there for other reasons.
func (a answer) withoutToken(data []byte) []byte {
	const shortest = 12
	if len(a.token) < shortest {
		return data
	}
	return bytes.ReplaceAll(data, []byte(a.token), []byte("(the token)"))
}

// failure is the error that the host acts on.
func (e *Error) failure(attempt int, asked time.Duration) *chat.Error {
	m := e.Meaning()
	e.Retryable = !m.Permanent()
	text := m.Text
	if said := first(e.Details, e.UserMessage, e.Message); said != "" {
		text += ": " + said
	}
	failure := &chat.Error{
		Reason: m.Reason, Text: text, Hint: m.Hint, Permanent: m.Permanent(),
		PlatformCode: strconv.Itoa(e.Code), TraceID: e.TraceID, Err: e,
	}
	if e.Subcode != 0 {
		failure.PlatformSubcode = strconv.Itoa(e.Subcode)
	}
	if m.Retry == RetryFew && attempt >= e.fewAttempts() {
		failure.Permanent = true
	}
	if !failure.Permanent {
		failure.RetryAfter = max(asked, pause(m, attempt))
	}
	return failure
}

// Report is the error as a receipt tells it.
func (e *Error) Report() *chat.DeliveryError {
	f := e.failure(1, 0)
	return &chat.DeliveryError{
		Reason: f.Reason, PlatformCode: f.PlatformCode, Message: f.Text, Hint: f.Hint, Permanent: f.Permanent,
		RetryAfter: f.RetryAfter,
	}
}

// fewAttempts bounds RetryFew: with Meta's pauses five attempts outlast a minute of trouble.
func (e *Error) fewAttempts() int {
	if e.Code == 131000 {
		return 3
	}
	return 5
}

const (
	slowPause = time.Minute
	maxPause  = 1024 * time.Second // 4^5
)

// pause is how long to wait after the given attempt. Meta's advice is 4^n seconds with n from 0.
func pause(m Meaning, attempt int) time.Duration {
	n := min(max(attempt-1, 0), 5)
	switch {
	case m.Retry == RetrySlow:
		return time.Duration(n+1) * slowPause
	case m.Reason == chat.ReasonRateLimited || m.Retry == RetryFew:
		return min(time.Second<<(2*n), maxPause)
	}
	return 0 // the host's own backoff will do
}

// bare judges an answer that has no JSON of Meta's: an error page of some server in between, or nothing.
func (a answer) bare() *chat.Error {
	e := &chat.Error{
		Reason: chat.ReasonContentRejected, Permanent: true,
		Text: "the Graph API answered " + strconv.Itoa(a.status) + " without saying why",
	}
	switch {
	case a.status/100 == 2:
		return &chat.Error{
			Reason: chat.ReasonOutcomeUnknown, Sent: chat.SentUnknown,
			Text: "the Graph API answered " + strconv.Itoa(a.status) + " without the id of a message",
			Hint: "a receipt will tell whether it arrived; look at api_base_url when this repeats",
		}
	case a.status/100 == 3:
		e.Reason, e.Hint = chat.ReasonMisconfigured, "redirects are not followed: look at api_base_url"
	case a.status == http.StatusUnauthorized:
		e.Reason, e.Hint = chat.ReasonCredentialsRejected, hintToken
	case a.status == http.StatusForbidden, a.status == http.StatusProxyAuthRequired:
		e.Reason, e.Hint = chat.ReasonPermissionDenied, "a proxy or firewall may be in between"
	case a.status == http.StatusNotFound:
		e.Reason, e.Hint = chat.ReasonMisconfigured, "look at api_base_url, api_version and phone_number_id"
	case a.status == http.StatusTooManyRequests:
		e.Reason, e.Permanent = chat.ReasonRateLimited, false
		e.RetryAfter = max(a.retryAfter(), time.Second)
	case a.status == http.StatusRequestTimeout, a.status == http.StatusInternalServerError,
		a.status == http.StatusServiceUnavailable:
		e.Reason, e.Permanent, e.RetryAfter = chat.ReasonUpstreamError, false, a.retryAfter()
	case a.status >= 500:
		// A gateway speaks: what stands behind it may have taken the message.
		e.Reason, e.Permanent, e.Sent = chat.ReasonOutcomeUnknown, false, chat.SentUnknown
		e.Hint = "a receipt will tell whether it arrived"
	}
	return e
}

// retryAfter is how long the answer's headers ask to wait: the one of that name, seconds or a date and an
// hour at most, or those that tell how much of Meta's limits is used up.
func (a answer) retryAfter() time.Duration {
	value := a.header.Get("Retry-After")
	wait := time.Duration(0)
	if seconds, err := strconv.Atoi(value); err == nil {
		wait = time.Duration(min(max(seconds, 0), 3600)) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = time.Until(at)
	}
	return max(min(max(wait, 0), time.Hour), a.usage().regain)
}

func (a answer) usage() usage { return readUsage(a.header) }

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
