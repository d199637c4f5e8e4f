package graph_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

func TestDecodeError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   string
		want *graph.Error
	}{
		"answer": {
			`{"message":"m","type":"OAuthException","code":131009,"error_subcode":7,"fbtrace_id":"T","is_transient":true,` +
				`"error_user_title":"ut","error_user_msg":"um","error_data":{"messaging_product":"whatsapp","details":"d"}}`,
			&graph.Error{
				Code: 131009, Subcode: 7, Type: "OAuthException", Message: "m", Details: "d", UserTitle: "ut", UserMessage: "um",
				Transient: true, TraceID: "T",
			},
		},
		"webhook":              {`{"code":131056,"title":"t"}`, &graph.Error{Code: 131056, Message: "t", Retryable: true}},
		"data is a string":     {`{"code":100,"message":"m","error_data":"plain"}`, &graph.Error{Code: 100, Message: "m", Details: "plain"}},
		"data is JSON in one":  {`{"code":100,"message":"m","error_data":"{\"details\":\"in\"}"}`, &graph.Error{Code: 100, Message: "m", Details: "in"}},
		"data is a list":       {`{"code":100,"message":"m","error_data":[1]}`, &graph.Error{Code: 100, Message: "m"}},
		"data is null":         {`{"code":100,"message":"m","error_data":null,"details":"old"}`, &graph.Error{Code: 100, Message: "m", Details: "old"}},
		"code is a string":     {`{"code":"100","message":"m"}`, &graph.Error{Code: 100, Message: "m"}},
		"message without code": {`{"message":"m"}`, &graph.Error{Message: "m"}},
		"code without message": {`{"code":2}`, &graph.Error{Code: 2, Retryable: true}},
		"neither":              {`{"type":"x"}`, nil},
		"null":                 {`null`, nil},
		"string":               {`"no"`, nil},
		"nothing":              {``, nil},
	} {
		got, ok := graph.DecodeError(json.RawMessage(c.in))
		if ok != (c.want != nil) {
			t.Errorf("%s: %v", name, ok)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	e := &graph.Error{Code: 1, Subcode: 2, Message: "m", Details: "d", TraceID: "T"}
	if got := e.Error(); got != "m: d (code 1, subcode 2, trace T)" {
		t.Error(got)
	}
	long, _ := graph.DecodeError(json.RawMessage(`{"code":1,"message":"` + strings.Repeat("ä", 5000) + `"}`))
	if n := len([]rune(long.Message)); n != 501 {
		t.Errorf("%d characters", n)
	}
}

// What Meta says about repeating holds for each code, whichever way it comes. Each code says what happened, whose
// fault it is and what the operator can do.
func TestCodes(t *testing.T) {
	t.Parallel()
	again := []int{1, 2, 4, 613, 80007, 130429, 131000, 131016, 131056, 131057, 131208, 132069, 133000, 133004, 139102, 139103, 2494100}
	never := []int{
		0, 3, 10, 33, 100, 190, 200, 299, 368, 803, 130403, 130472, 130497, 130501, 131005, 131008, 131009, 131021, 131026,
		131030, 131031, 131037, 131042, 131044, 131045, 131047, 131048, 131049, 131050, 131051, 131052, 131053, 131055, 131059,
		131060, 131061, 131062, 131063, 131064, 131201, 131215, 132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016,
		132018, 132068, 133005, 133006, 133008, 133009, 133010, 133015, 133016, 134011, 134100, 134101, 134102, 135000, 137000,
		138000, 138018, 139000, 139004, 139100, 139101, 131020, 131041, 147001, 147005, 200005, 200007, 2388001, 2593107,
		2593109, 1026, 2500,
	}
	for _, c := range again {
		if r := (&graph.Error{Code: c}).Report(); r.Permanent || r.RetryAfter < time.Second && (&graph.Error{Code: c}).Meaning().Retry != graph.RetryBackoff {
			t.Errorf("%d is not repeated: %+v", c, r)
		}
	}
	for _, c := range never {
		if r := (&graph.Error{Code: c}).Report(); !r.Permanent || r.RetryAfter != 0 {
			t.Errorf("%d is repeated: %+v", c, r)
		}
	}
	for _, c := range append(again, never...) {
		m := (&graph.Error{Code: c}).Meaning()
		if m.Text == "" || m.Hint == "" || m.Reason == "" || m.Retry == 0 || strings.Contains(m.Text+m.Hint, "\n") {
			t.Errorf("%d: %+v", c, m)
		}
		if m.Text == "Meta refused the request" {
			t.Errorf("%d is not in the table", c)
		}
	}
	for code, fault := range map[int]graph.Fault{
		190: graph.FaultOperator, 131042: graph.FaultOperator, 131026: graph.FaultRecipient, 131047: graph.FaultRecipient,
		131049: graph.FaultRecipient, 131009: graph.FaultContent, 131051: graph.FaultContent, 132000: graph.FaultContent,
		131056: graph.FaultPace, 4: graph.FaultPace, 131000: graph.FaultMeta, 131057: graph.FaultMeta, 131048: graph.FaultOperator,
	} {
		if got := (&graph.Error{Code: code}).Fault(); got != fault {
			t.Errorf("%d is the fault of %s, want %s", code, got, fault)
		}
	}
	for code, reason := range map[int]chat.Reason{
		190: chat.ReasonCredentialsRejected, 200: chat.ReasonPermissionDenied, 33: chat.ReasonMisconfigured,
		131026: chat.ReasonRecipientUnavailable, 131047: chat.ReasonWindowClosed, 131009: chat.ReasonContentRejected,
		131051: chat.ReasonUnsupportedContent, 131056: chat.ReasonRateLimited, 131016: chat.ReasonUpstreamError,
		131030: chat.ReasonMisconfigured, 131042: chat.ReasonMisconfigured,
	} {
		if m := (&graph.Error{Code: code}).Meaning(); m.Reason != reason {
			t.Errorf("%d: %s, want %s", code, m.Reason, reason)
		}
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for _, v := range []string{"v18.0", "v26.0", "v126.9", "v1.0"} {
		if !graph.ValidVersion(v) {
			t.Errorf("%s is refused", v)
		}
	}
	for _, v := range []string{"", "26.0", "v26", "v26.", "v26.00", "V26.0", "v1234.0", "v26.0\n", " v26.0", "v26.0/me"} {
		if graph.ValidVersion(v) {
			t.Errorf("%q is taken", v)
		}
	}
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for v, want := range map[string]string{
		"v2.9": "2026-01-26", "v18.0": "2026-01-26", "v20.0": "2026-09-24", "v21.0": "", "v26.0": "", "v99.0": "",
		"v18.1": "",
	} {
		day, ended := graph.VersionEnd(v, now)
		if ended != (want != "") || ended && day != want {
			t.Errorf("%s: %q, %v", v, day, ended)
		}
	}
	if _, ended := graph.VersionEnd("v21.0", time.Date(2027, 1, 21, 0, 0, 0, 0, time.UTC)); !ended {
		t.Error("v21.0 lives on")
	}
}
