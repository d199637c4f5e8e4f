package whatsapp_test

import (
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp"
	"github.com/aof-dev/aofd/sdk/chat"
)

func succeed(w http.ResponseWriter, _ *http.Request, _ int) bool {
	_, _ = io.WriteString(w, `{"success":true}`)
	return true
}

func TestSendSignal(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, succeed)
	for signal, want := range map[chat.Signal]time.Duration{chat.SignalRead: 0, chat.SignalTyping: 25 * time.Second} {
		lasts, err := p.SendSignal(t.Context(), chat.Courtesy{
			Account: account, ChannelID: "4915112345678", MessageID: "wamid.in", Signal: signal,
		})
		if err != nil || lasts != want {
			t.Errorf("%s: %v, %v", signal, lasts, err)
		}
	}
	for _, body := range m.sent() {
		switch body {
		case `{"messaging_product":"whatsapp","status":"read","message_id":"wamid.in"}`,
			`{"messaging_product":"whatsapp","status":"read","message_id":"wamid.in","typing_indicator":{"type":"text"}}`:
		default:
			t.Error(body)
		}
	}
	if n := len(m.sent()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestSendSignalRefuses(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, succeed)
	good := chat.Courtesy{ChannelID: "4915112345678", MessageID: "wamid.in", Signal: chat.SignalRead}
	for name, c := range map[string]struct {
		change func(*chat.Courtesy)
		want   chat.Reason
	}{
		"another account": {func(c *chat.Courtesy) { c.Account = "999" }, chat.ReasonMisconfigured},
		"no message":      {func(c *chat.Courtesy) { c.MessageID = "" }, chat.ReasonBadRequest},
		"no signal":       {func(c *chat.Courtesy) { c.Signal = "" }, chat.ReasonUnsupportedContent},
		"a group":         {func(c *chat.Courtesy) { c.ChannelID = "group:Y2Fw" }, chat.ReasonUnsupportedContent},
	} {
		courtesy := good
		c.change(&courtesy)
		_, err := p.SendSignal(t.Context(), courtesy)
		if err == nil {
			t.Errorf("%s: sent", name)
			continue
		}
		if e := failure(t, err); e.Reason != c.want || !e.Permanent {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if n := len(m.sent()); n != 0 {
		t.Errorf("%d requests", n)
	}
	if !slices.Contains(whatsapp.Info().Capabilities, chat.CapSignals) {
		t.Error("the plugin does not announce signals")
	}
}

// A failure of a courtesy says what is wrong, and that nothing went out.
func TestSignalFails(t *testing.T) {
	t.Parallel()
	_, p := newMeta(t, failing(http.StatusUnauthorized, `{"error":{"message":"no","code":190}}`))
	_, err := p.SendSignal(t.Context(), chat.Courtesy{ChannelID: "4915112345678", MessageID: "m", Signal: chat.SignalRead})
	if e := failure(t, err); e.Reason != chat.ReasonCredentialsRejected || e.Sent != chat.SentNo {
		t.Errorf("%+v", e)
	}
	if h := p.CheckHealth(t.Context()); h.State != chat.HealthFailed {
		t.Errorf("%+v", h)
	}
}

// When Meta's limits of calls are nearly used up, the health tells before the calls fail.
func TestHealthTellsOfUsage(t *testing.T) {
	t.Parallel()
	_, p := newMeta(t, func(w http.ResponseWriter, _ *http.Request, n int) bool {
		if n == 0 {
			w.Header().Set("X-App-Usage", `{"call_count":95}`)
		}
		return false
	})
	for _, want := range []chat.HealthState{chat.HealthDegraded, chat.HealthOK} {
		if _, err := p.SendTextMessage(t.Context(), to, "hi"); err != nil {
			t.Fatal(err)
		}
		if h := p.CheckHealth(t.Context()); h.State != want {
			t.Errorf("%+v, want %s", h, want)
		}
	}
}
