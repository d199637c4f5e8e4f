package main

import (
	"bytes"
	"testing"

	"github.com/rivo/uniseg"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
)

func TestOneLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"short":                "short",
		"two\nlines\tand tabs": "two lines…",
		"exactly 10":           "exactly 10",
		"👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦": "👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦…",
		"\x1b[31mred\x1b[0m": "·[31mred·…",
	} {
		if got := oneLine(in, 10); got != want || uniseg.StringWidth(got) > 10 {
			t.Errorf("%q is %q of %d columns, want %q", in, got, uniseg.StringWidth(got), want)
		}
	}
}

// Where lines cannot be changed any more, one that says something new is written again, and nothing else is.
func TestTailWritesWhatIsNew(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := newScreen(&out)
	d := func(state string) *hostv1.TailEventsResponse {
		return &hostv1.TailEventsResponse{
			Hop: &hostv1.Hop{Name: "x"}, Message: &hostv1.Message{UserName: "Ada"},
			Delivery: &hostv1.Delivery{Id: "d", Platform: "p", Text: "hi", State: state},
		}
	}
	for _, state := range []string{"queued", "sent", "sent", "read"} {
		s.tell(d(state))
	}
	want := "- → p Ada: hi  …\n- → p Ada: hi  ✓\n- → p Ada: hi  ✓✓ read\n"
	if out.String() != want {
		t.Errorf("%q, want %q", &out, want)
	}
}

// Not everybody has a name: their id stands for them.
func TestTailNamesPeople(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"": "- ← p 4915112345678: hi\n", "Ada": "- ← p Ada: hi\n"} {
		var out bytes.Buffer
		newScreen(&out).tell(&hostv1.TailEventsResponse{
			Hop: &hostv1.Hop{Name: "x"}, Message: &hostv1.Message{Cause: "c", Platform: "p", UserName: name, UserId: "4915112345678", Text: "hi"},
		})
		if out.String() != want {
			t.Errorf("%q, want %q", &out, want)
		}
	}
}

func TestNotesOfAPause(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{"": "platform p is paused since -", "a storm": "platform p is paused since -: a storm"} {
		got := notes(&hostv1.GetStatusResponse{Platforms: []*hostv1.PlatformStatus{{Id: "p", Pause: &hostv1.Pause{Reason: reason}}}})
		if len(got) != 1 || got[0] != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
