package webhook_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/webhook"
	"github.com/aof-dev/aofd/sdk/chat"
)

const (
	head = `{"object":"whatsapp_business_account","entry":[{"id":"100200300400500","changes":[{"value":{` +
		`"messaging_product":"whatsapp","metadata":{"display_phone_number":"4930555000",` +
		`"phone_number_id":"200300400500600"},`
	tail   = `},"field":"messages"}]}]}`
	person = `"contacts":[{"profile":{"name":"Ada Night"},"wa_id":"4915155501234"}],`
)

func said(n int, text string) string {
	return fmt.Sprintf(`{"from":"4915155501234","id":"wamid.HBgNNDkxNTE1NTUwMTIzNBUCABIYFDNB%08d","timestamp":"1795000000",`+
		`"text":{"body":"%s"},"type":"text"}`, n, text)
}

func typical() []byte {
	return []byte(head + person + `"messages":[` + said(1, `is the second node of the cluster up again\u003f`) + "]" + tail)
}

func status() []byte {
	return []byte(head + `"statuses":[{"id":"wamid.HBgNNDkxNTE1NTUwMTIzNBUCABIYFDNB01","status":"delivered",` +
		`"timestamp":"1795000000","recipient_id":"4915155501234","biz_opaque_callback_data":"0192f3a4",` +
		`"pricing":{"billable":true,"pricing_model":"PMP","type":"regular","category":"service"}}]` + tail)
}

// thousand has 1,000 messages and about 3 MB, the most that Meta sends.
func thousand() []byte {
	all := make([]string, 1000)
	for i := range all {
		all[i] = said(i, strings.Repeat(`w\u00f6rter `, 240))
	}
	return []byte(head + person + `"messages":[` + strings.Join(all, ",") + "]" + tail)
}

// BenchmarkWebhook verifies and parses.
func BenchmarkWebhook(b *testing.B) {
	for _, c := range []struct {
		name string
		body []byte
	}{{"typical", typical()}, {"status", status()}, {"thousand", thousand()}} {
		b.Run(c.name, func(b *testing.B) {
			headers := []chat.Header{{Name: webhook.SignatureHeader, Value: "sha256=" + sign(secret, c.body)}}
			p := &webhook.Parser{Accounts: accounts}
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			for b.Loop() {
				if webhook.Signature([]string{string(secret)}, headers, c.body) != "" {
					b.Fatal("refused")
				}
				if got := p.Parse(c.body, received); len(got.Issues) > 0 {
					b.Fatal(got.Issues)
				}
			}
		})
	}
}

// The largest webhook stays far below what the plugin may use. Not parallel, since it counts what all
// goroutines allocate.
func TestThousandMessages(t *testing.T) {
	body := thousand()
	if len(body) < 3_000_000 {
		t.Fatalf("%d bytes", len(body))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := parse(body)
	runtime.ReadMemStats(&after)
	if len(got.Messages) != 1000 || len(got.Issues) > 0 {
		t.Fatalf("%d messages, %d issues", len(got.Messages), len(got.Issues))
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 100<<20 {
		t.Errorf("%d bytes allocated for %d", allocated, len(body))
	}
	if !bytes.Contains(got.Messages[999].Raw, []byte("00000999")) {
		t.Error("order lost")
	}
}
