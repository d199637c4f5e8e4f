package emulator

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"time"
)

var version = regexp.MustCompile(`^v\d{1,3}\.\d$`)

// notAPath answers what nothing else answers, as the Graph API does.
func (e *Emulator) notAPath(w http.ResponseWriter, r *http.Request) { unknownPath(r.URL.Path).write(w) }

// messages is POST /{version}/{phone number id}/messages.
func (e *Emulator) messages(w http.ResponseWriter, r *http.Request) {
	result, err := e.accept(r)
	if err != nil {
		no, ok := errors.AsType[*refusal](err)
		if !ok {
			no = badParameter("%v", err)
		}
		no.write(w)
		return
	}
	answer(w, http.StatusOK, result)
}

func (e *Emulator) accept(r *http.Request) (result any, err error) {
	if !version.MatchString(r.PathValue("version")) {
		return nil, unknownPath(r.URL.Path)
	}
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer || subtle.ConstantTimeCompare([]byte(token), []byte(e.settings.AccessToken)) != 1 {
		return nil, badToken("the token is not the one of --access-token")
	}
	if phone := r.PathValue("phone"); phone != e.settings.PhoneNumberID {
		return nil, unknownObject(phone)
	}
	if !isJSON(r) {
		return nil, badParameter("the Content-Type must be application/json")
	}
	raw, err := body(r)
	if err != nil {
		return nil, err
	}
	var o outbound
	if err := first(decode(raw, &o, "messages"), exactKeys(raw)); err != nil {
		return nil, err
	}
	switch {
	case o.Product == "":
		return nil, badParameter("The parameter messaging_product is required.")
	case o.Product != product:
		return nil, badParameter("Param messaging_product must be one of {WHATSAPP} - got %.40q.", o.Product)
	case o.Status != "" && o.To == "" && o.Recipient == "" && o.Type == "":
		return e.markRead(o)
	}
	return e.send(o, raw)
}

func body(r *http.Request) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil {
		return nil, badParameter("the body broke off")
	}
	if len(raw) > maxRequest {
		return nil, badParameter("the body is longer than %d bytes", maxRequest)
	}
	return raw, nil
}

func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

// markRead is the call that turns the ticks of the user's messages blue.
func (e *Emulator) markRead(o outbound) (any, error) {
	switch {
	case o.Status != "read":
		return nil, badParameter("Param status must be one of {read} - got %.40q.", o.Status)
	case o.MessageID == "":
		return nil, badParameter("The parameter message_id is required.")
	case o.Typing != nil && o.Typing.Type != "text":
		return nil, badParameter("Param typing_indicator['type'] must be one of {text} - got %.40q.", o.Typing.Type)
	case !e.history.read(o.MessageID, o.Typing != nil, time.Now()):
		return nil, badValue("message_id %.80q is no message that a user sent", o.MessageID)
	}
	e.hub.changed()
	return map[string]bool{"success": true}, nil
}

type sentContact struct {
	Input  string `json:"input"`
	WaID   string `json:"wa_id,omitempty"`
	UserID string `json:"user_id,omitempty"`
}

type sentMessage struct {
	ID string `json:"id"`
}

type sent struct {
	Product  string        `json:"messaging_product"`
	Contacts []sentContact `json:"contacts"`
	Messages []sentMessage `json:"messages"`
}

// send puts a message into a chat and lets its statuses follow.
func (e *Emulator) send(o outbound, raw json.RawMessage) (any, error) {
	user, input, err := o.check()
	if err != nil {
		return nil, err
	}
	if !e.lanes.take() {
		return nil, tooMuch()
	}
	m, _ := e.history.add(Message{
		ID: newID(), User: user, Direction: ToUser, At: time.Now().UTC(), State: StateSending, Body: raw,
	})
	e.hub.changed()
	e.lanes.beside(func() { e.ladder(m, o) })
	contact := sentContact{Input: input, WaID: user}
	if o.To == "" {
		contact = sentContact{Input: input, UserID: user}
	}
	return sent{Product: product, Contacts: []sentContact{contact}, Messages: []sentMessage{{m.ID}}}, nil
}
