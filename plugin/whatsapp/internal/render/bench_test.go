package render_test

import (
	"strings"
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/render"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/rules"
	"github.com/aof-dev/aofd/sdk/chat"
)

// report is an answer of about 4 KB, as agents write them.
var report = func() string {
	section := "## Node `worker-3`\n\nThe node is **not ready** since *12:40*, see [the graph](https://g.example/d/42?node=worker_3).\n\n" +
		"- kubelet: ~~running~~ stopped\n- disk: 97 %\n  1. `/var/lib` 80 GB\n  2. `/var/log` 12 GB\n\n" +
		"| Pod | Ready | Restarts |\n|:--|--:|--:|\n| api-7f9c | 0/3 | 14 |\n| web-1 | 2/2 | 0 |\n\n" +
		"```\n$ kubectl describe node worker-3\nType   Status  Reason\nReady  False   KubeletNotReady\n```\n\n" +
		"> Drain it first, then restart the kubelet. The pods come back by themselves.\n\n"
	return strings.Repeat(section, 4096/len(section)+1)
}()

// BenchmarkAnswer renders a report of 4 KB with three buttons: parsed, marked, split and checked.
func BenchmarkAnswer(b *testing.B) {
	r := chat.Response{Text: report, Actions: []chat.Action{{ID: "drain", Label: "Drain"}, {ID: "restart", Label: "Restart"}, {ID: "wait", Label: "Wait"}}}
	b.SetBytes(int64(len(report)))
	b.ReportAllocs()
	for b.Loop() {
		if plan, err := render.Answer(r, phone, "delivery-1"); err != nil || len(plan.Messages) < 2 {
			b.Fatal(err)
		}
	}
}

// BenchmarkSplit cuts a listing of 64 KB, for which no part may take long to find.
func BenchmarkSplit(b *testing.B) {
	text := "```\n" + strings.Repeat("level=error msg=\"no route to host\" pod=api_7f9c *retry*\n", 64<<10/56) + "```"
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if parts := render.Split(text, rules.TextMax, rules.InteractiveMax); len(parts) < 16 {
			b.Fatal(len(parts))
		}
	}
}
