package whatsapp_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aof-dev/aofd/plugin/whatsapp"
	"github.com/aof-dev/aofd/sdk/chat"
)

func TestBlockUsers(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, func(w http.ResponseWriter, r *http.Request, n int) bool {
		if r.URL.Path != "/v26.0/"+account+"/block_users" || r.Method != []string{http.MethodPost, http.MethodDelete}[n] {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		if n == 0 {
			_, _ = io.WriteString(w, `{"messaging_product":"whatsapp","block_users":{"added_users":[{"input":"+4915112345678","wa_id":"4915112345678"},{"input":"DE.90210","user_id":"DE.90210"}]}}`)
		} else {
			_, _ = io.WriteString(w, `{"messaging_product":"whatsapp","block_users":{"removed_users":[{"input":"+4915112345678","wa_id":"4915112345678"}]}}`)
		}
		return true
	})
	got, err := p.BlockUsers(t.Context(), []string{to, "DE.90210"})
	if d := cmp.Diff(whatsapp.Blocked{Done: []string{to, "DE.90210"}}, got); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	got, err = p.UnblockUsers(t.Context(), []string{to})
	if d := cmp.Diff(whatsapp.Blocked{Done: []string{to}}, got); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	if d := cmp.Diff([]string{
		`{"messaging_product":"whatsapp","block_users":[{"user":"+4915112345678"},{"user_id":"DE.90210"}]}`,
		`{"messaging_product":"whatsapp","block_users":[{"user":"+4915112345678"}]}`,
	}, m.sent()); d != "" {
		t.Error(d)
	}
}

// Some were blocked and some were not: both lists are there, and the error says so.
func TestBlockUsersPartly(t *testing.T) {
	t.Parallel()
	_, p := newMeta(t, failing(http.StatusBadRequest, `{"messaging_product":"whatsapp","block_users":{"added_users":[{"input":"+4915112345678"}],
		"failed_users":[{"input":"+4915187654321","errors":[{"message":"no","code":139101}]}]},"error":{"message":"partly","code":139100}}`))
	got, err := p.BlockUsers(t.Context(), []string{to, "4915187654321"})
	if d := cmp.Diff(whatsapp.Blocked{Done: []string{to}, Failed: []string{"4915187654321"}}, got); d != "" {
		t.Error(d)
	}
	if e := failure(t, err); e.PlatformCode != "139100" || e.Hint == "" {
		t.Errorf("%+v", e)
	}
}

func TestBlockUsersRefuses(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	for _, users := range [][]string{nil, {"bob"}, {"group:Y2Fw"}} {
		if _, err := p.BlockUsers(t.Context(), users); err == nil {
			t.Errorf("%v were blocked", users)
		}
	}
	if n := len(m.sent()); n != 0 {
		t.Errorf("%d requests", n)
	}
	_, down := newMeta(t, failing(http.StatusBadGateway, "<html>"))
	_, err := down.BlockUsers(t.Context(), []string{to})
	if !errors.Is(err, &chat.Error{Reason: chat.ReasonUpstreamError}) {
		t.Errorf("%v", err)
	}
}
