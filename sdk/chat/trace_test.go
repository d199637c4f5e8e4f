package chat_test

import (
	"maps"
	"testing"

	"github.com/aof-dev/aofd/sdk/chat"
)

// What waits remembers the work that it belongs to, and nobody else can say what that is.
func TestTraceparentIsKept(t *testing.T) {
	t.Parallel()
	traced := chat.WithTraceparent(t.Context(), "00-ab-cd-01")
	given := map[string]string{"a": "1", "traceparent": "forged"}
	if got := chat.KeepTraceparent(traced, given); got["a"] != "1" || chat.Traceparent(chat.ResumeTraceparent(t.Context(), got)) != "00-ab-cd-01" {
		t.Errorf("kept %v", got)
	}
	if got := chat.KeepTraceparent(t.Context(), given); !maps.Equal(got, map[string]string{"a": "1"}) {
		t.Errorf("what is not traced keeps %v", got)
	}
	if given["traceparent"] != "forged" {
		t.Error("the caller's map was changed")
	}
	if got := chat.KeepTraceparent(t.Context(), nil); got != nil {
		t.Errorf("out of nothing came %v", got)
	}
	if got := chat.KeepTraceparent(traced, nil); got["traceparent"] != "00-ab-cd-01" {
		t.Errorf("kept %v", got)
	}
}
