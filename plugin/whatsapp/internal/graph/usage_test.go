package graph_test

import (
	"io"
	"net/http"
	"testing"
	"time"
)

// What the headers say about the limits of calls bounds how soon a call is made again.
func TestUsageHeaders(t *testing.T) {
	t.Parallel()
	const business = "X-Business-Use-Case-Usage"
	for name, c := range map[string]struct {
		header, value string
		wait          time.Duration
		warning       string
	}{
		"minutes until it works again": {
			business, `{"1":[{"type":"whatsapp","call_count":100,"total_cputime":3,"total_time":4,"estimated_time_to_regain_access":17}]}`,
			17 * time.Minute, "100% of the WhatsApp account's calls are used up",
		},
		"the longest of several": {
			business, `{"1":[{"estimated_time_to_regain_access":5},{"estimated_time_to_regain_access":9}],"2":[{"call_count":12}]}`,
			9 * time.Minute, "",
		},
		"an absurd time":     {business, `{"1":[{"estimated_time_to_regain_access":9e18}]}`, 24 * time.Hour, ""},
		"less than none":     {business, `{"1":[{"estimated_time_to_regain_access":-3}]}`, time.Minute, ""},
		"the app's":          {"X-App-Usage", `{"call_count":28,"total_time":25,"total_cputime":93}`, time.Minute, "93% of the app's calls are used up"},
		"room left":          {"X-App-Usage", `{"call_count":89}`, time.Minute, ""},
		"nonsense":           {"X-App-Usage", `[]`, time.Minute, ""},
		"nonsense of others": {business, `{"1":{}}`, time.Minute, ""},
	} {
		cl := client(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(c.header, c.value)
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":{"code":80007,"message":"(#80007)"}}`)
		})
		if e := send(t, cl, 1); e == nil || e.RetryAfter != c.wait {
			t.Errorf("%s: %+v", name, e)
		}
		if got := cl.Warning(); got != c.warning {
			t.Errorf("%s: %q", name, got)
		}
	}
}
