package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	"github.com/aof-dev/aofd/sdk/chat"
)

// How much an agent may say in one run.
const (
	maxOutput   = 4 << 20   // bytes, with all events
	maxText     = 128 << 10 // bytes of the final text; some dozens of messages
	maxPartials = 50        // partial answers
	maxResponse = 24 << 20  // bytes of all partial answers as JSON, with the data of their files
)

// answer reads what an agent says, in any of the three forms, as it comes in. It is for one run and one
// goroutine at a time.
type answer struct {
	emit   func(chat.Event)
	log    *slog.Logger // nil: nobody is told of what is left out
	buffer []byte       // what has not been read as events
	size   int          // bytes of all output so far
	events bool         // the first line was an event
	plain  bool         // it was none: all of it is one of the other forms
	end    chat.Event   // the terminal event, once it came
	deltas strings.Builder
	parts  int // partial answers so far
	parted int // their bytes as JSON
}

// add takes more output. Its error ends the run.
func (a *answer) add(p []byte) error {
	if a.size += len(p); a.size > maxOutput {
		return failed(codeTooLarge, "the agent's answer has more than %d bytes", maxOutput)
	}
	a.buffer = append(a.buffer, p...)
	if !a.events {
		a.buffer = bytes.TrimPrefix(a.buffer, []byte("\ufeff"))
	}
	for !a.plain {
		line, rest, whole := bytes.Cut(a.buffer, []byte("\n"))
		if !whole {
			return nil
		}
		if blank := len(bytes.TrimSpace(line)) == 0; !blank || a.events {
			if !a.events && !isEvent(line) {
				a.plain = true // read at its end
				return nil
			}
			a.events = true
			if err := a.line(line); err != nil {
				return err
			}
		}
		a.buffer = rest
	}
	return nil
}

// finish returns the terminal event after the last output.
func (a *answer) finish() (chat.Event, error) {
	rest := bytes.TrimSpace(bytes.TrimPrefix(a.buffer, []byte("\ufeff")))
	if a.events || isEvent(rest) {
		if err := a.line(rest); err != nil {
			return chat.Event{}, err
		}
		return a.last()
	}
	if len(rest) > 0 && rest[0] == '{' {
		response, err := a.reply(rest)
		return final(response), err
	}
	text := strings.ToValidUTF8(string(bytes.TrimPrefix(a.buffer, []byte("\ufeff"))), "\uFFFD")
	text = strings.TrimRight(text, " \t\r\n")
	if strings.TrimSpace(text) == "" {
		return final(chat.Response{}), nil
	}
	return final(chat.Response{Text: strings.TrimLeft(text, "\r\n"), Format: chat.FormatText}), nil
}

// last returns the terminal event of a stream of events. Without one, the deltas are the answer.
func (a *answer) last() (chat.Event, error) {
	switch {
	case a.end.Terminal():
		return a.end, nil
	case a.deltas.Len() > 0:
		return final(chat.Response{Text: a.deltas.String()}), nil
	case a.parts > 0:
		return final(chat.Response{}), nil
	}
	return chat.Event{}, failed(codeNoEnd, "the agent's events have no final, interrupt or error")
}

// line reads one event.
func (a *answer) line(line []byte) error {
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return nil
	}
	var e chat.Event
	if err := json.Unmarshal(line, &e); err != nil || !isEvent(line) {
		return failed(codeGarbage, "the agent printed a line that is no event: %s", excerpt(line))
	}
	return a.event(e)
}

// event takes one event. Nothing may follow a terminal one.
func (a *answer) event(e chat.Event) error {
	switch {
	case a.end.Terminal():
		return failed(codeGarbage, "the agent sent an event after its end")
	case e.Terminal():
		a.end = e
		return nil
	case e.Delta != nil:
		a.deltas.WriteString(e.Delta.Text)
	case e.Partial != nil:
		if a.parts++; a.parts > maxPartials {
			return failed(codeTooLarge, "the agent sent more than %d partial answers", maxPartials)
		}
		return a.partial(e)
	}
	a.emit(e)
	return nil
}

// partial hands a part of the answer on, if all parts are not too large to be stored.
func (a *answer) partial(e chat.Event) error {
	raw, err := json.Marshal(e.Partial.Response)
	if err != nil {
		return failed(codeGarbage, "a partial answer cannot be written as JSON: %v", err)
	}
	if a.parted += len(raw); a.parted > maxResponse {
		return failed(codeTooLarge, "the partial answers have %d bytes, the limit is %d", a.parted, maxResponse)
	}
	a.emit(e)
	return nil
}

func final(r chat.Response) chat.Event { return chat.Event{Final: &chat.Final{Response: r}} }

// eventKeys are the fields of an event.
var eventKeys = []string{"delta", "progress", "tool_call", "tool_result", "partial", "final", "interrupt", "error"}

// isEvent tells an event from the other forms: a JSON object with exactly one key of an event.
func isEvent(line []byte) bool {
	line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\ufeff")))
	var keys map[string]json.RawMessage
	if len(line) == 0 || line[0] != '{' || json.Unmarshal(line, &keys) != nil {
		return false
	}
	if _, isReply := keys["text"]; isReply {
		return false
	}
	n := 0
	for k := range keys {
		if slices.Contains(eventKeys, k) {
			n++
		}
	}
	return n == 1
}

// reply reads one JSON object with the answer.
func (a *answer) reply(b []byte) (chat.Response, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(b, &keys); err != nil {
		return chat.Response{}, failed(codeGarbage, "the agent's answer begins like JSON and is none: %v: %s", err, excerpt(b))
	}
	var r chat.Response
	if err := json.Unmarshal(b, &r); err != nil {
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return chat.Response{}, failed(codeGarbage, "the agent's answer does not fit: %s must not be a %s", e.Field, e.Value)
		}
		return chat.Response{}, failed(codeGarbage, "the agent's answer does not fit: %v", err)
	}
	if unknown := unknownKeys(keys); len(unknown) > 0 && a.log != nil {
		a.log.Warn("the agent's answer has keys that nobody knows; they are left out", "keys", unknown)
	}
	if _, hasText := keys["text"]; !hasText && r.Empty() {
		return chat.Response{}, failed(codeGarbage, "the agent's answer is a JSON object without text: %s", excerpt(b))
	}
	return r, nil
}

// unknownKeys are the keys of an answer that mean nothing.
func unknownKeys(keys map[string]json.RawMessage) (out []string) {
	response := reflect.TypeFor[chat.Response]()
	for k := range keys {
		known := false
		for i := range response.NumField() {
			name, _, _ := strings.Cut(response.Field(i).Tag.Get("json"), ",")
			known = known || name == k
		}
		if !known {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// excerpt is the beginning of what could not be read, for the trace.
func excerpt(b []byte) string {
	const most = 200
	if len(b) > most {
		return fmt.Sprintf("%q…", b[:most])
	}
	return fmt.Sprintf("%q", b)
}

var (
	statuses = []chat.Status{"", chat.StatusSuccess, chat.StatusError, chat.StatusWarning, chat.StatusInfo}
	formats  = []chat.Format{"", chat.FormatText, chat.FormatMarkdown, chat.FormatHTML, chat.FormatRich}
)

// reserved are the beginnings of the ids of actions that are the host's own: approvals, the choice of an
// agent, commands. An agent must not offer them.
var reserved = []string{"ap:", "ag:", "cm:"}

// acceptable drops from an answer what an agent may not say, and tells the log. It changes r's actions in
// place.
func acceptable(r chat.Response, log *slog.Logger) chat.Response {
	if !slices.Contains(statuses, r.Status) {
		log.Warn("the agent's answer has an unknown status, which is left out", "status", r.Status, "known", statuses[1:])
		r.Status = ""
	}
	if !slices.Contains(formats, r.Format) {
		log.Warn("the agent's answer has an unknown format, which is left out", "format", r.Format, "known", formats[1:])
		r.Format = ""
	}
	r.Actions = unreserved(r.Actions, log)
	for i := range r.Sections {
		r.Sections[i].Rows = unreserved(r.Sections[i].Rows, log)
	}
	return r
}

// unreserved drops the actions whose ids are the host's.
func unreserved(actions []chat.Action, log *slog.Logger) []chat.Action {
	return slices.DeleteFunc(actions, func(a chat.Action) bool {
		taken := slices.ContainsFunc(reserved, func(p string) bool { return strings.HasPrefix(a.ID, p) })
		if taken {
			log.Warn("the agent offers an action whose id is reserved; it is left out", "id", a.ID, "reserved", reserved)
		}
		return taken
	})
}
