package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/cenkalti/backoff/v5"
	"github.com/rivo/uniseg"
	"github.com/spf13/cobra"

	"github.com/aof-dev/aofd/host/internal/api"
	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
)

func tailCommand() *cobra.Command {
	t := &tail{}
	cmd := &cobra.Command{
		Use: "tail", Short: "Show messages as they come and go", Args: noArgs,
		Long: "tail shows the latest messages and answers, one line each; with -f it goes on until Ctrl-C, over restarts of\n" +
			"the daemon, too. On a terminal the ticks of an answer change where they stand. With -o json each line is one\n" +
			"event, as in aof.host.v1 TailEventsResponse; its cursor resumes a later stream with --after.",
		Example: "  aofd tail -f\n  aofd tail -f --failed\n  aofd tail -f -o json | jq .hop.name",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	t.flags(cmd)
	f := cmd.Flags()
	f.BoolVarP(&t.follow, "follow", "f", false, "go on until Ctrl-C")
	f.Uint32VarP(&t.ask.Last, "last", "n", 200, "how many earlier events come first, 1000 at most")
	f.StringVar(&t.ask.Cursor, "after", "", "begin after this cursor of an earlier stream")
	f.StringVar(&t.ask.Platform, "platform", "", "only what concerns this platform")
	f.StringVar(&t.ask.Account, "account", "", "only what concerns this account")
	f.StringVar(&t.ask.Conversation, "conversation", "", "only what concerns this conversation")
	f.BoolVar(&t.ask.FailedOnly, "failed", false, "only what went wrong")
	return cmd
}

// tail is one run of the command.
type tail struct {
	target
	follow bool
	ask    hostv1.TailEventsRequest
}

func (t *tail) run(ctx context.Context, out, complaints io.Writer) error {
	screen := newScreen(out)
	retry := backoff.NewExponentialBackOff()
	retry.InitialInterval, retry.MaxInterval = 200*time.Millisecond, 5*time.Second
	for {
		told, err := t.stream(ctx, screen)
		if ctx.Err() != nil || err == nil {
			return nil
		}
		if !t.follow || t.ask.GetCursor() == "" || !gone(err) {
			return err
		}
		if told {
			retry.Reset()
			fmt.Fprintln(complaints, "aofd: the daemon went away; going on when it is back")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retry.NextBackOff()):
		}
	}
}

// gone reports whether an error means that the daemon is not there now.
func gone(err error) bool {
	return errors.Is(err, api.ErrNoDaemon) || connect.CodeOf(err) == connect.CodeUnavailable ||
		errors.Is(err, io.ErrUnexpectedEOF) || connect.CodeOf(err) == connect.CodeUnknown || connect.CodeOf(err) == connect.CodeInternal
}

// stream shows events until the end: without follow that of what there is, else that of ctx or of the daemon.
func (t *tail) stream(ctx context.Context, screen *screen) (told bool, err error) {
	client, err := t.dial(ctx)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.TailEvents(ctx, &t.ask)
	if err != nil {
		return false, err
	}
	defer func() { _ = stream.Close() }() // it is only read
	for stream.Receive() {
		e := stream.Msg()
		t.ask.Cursor, told = e.GetCursor(), true
		switch {
		case e.GetHop() == nil:
			if e.GetCaughtUp() && !t.follow {
				return told, nil
			}
		case t.output == "json":
			if err := printLine(screen.out, e); err != nil {
				return told, err
			}
		default:
			screen.tell(e)
		}
	}
	if err := stream.Err(); err != nil {
		return told, err
	}
	return told, connect.NewError(connect.CodeUnavailable, errors.New("the stream ended"))
}

// screen shows a line for each message and each answer. On a terminal a line that is still in sight changes
// where it stands; elsewhere it is written again.
type screen struct {
	out   io.Writer
	lines []line // all that were written and may still be in sight, oldest first
}

type line struct{ key, text string }

// remembered is how many lines may change, more than any terminal has.
const remembered = 500

func newScreen(out io.Writer) *screen { return &screen{out: out} }

func (s *screen) tell(e *hostv1.TailEventsResponse) {
	key, text := s.render(e)
	if key == "" {
		return
	}
	for i := len(s.lines) - 1; i >= 0; i-- {
		if s.lines[i].key != key {
			continue
		}
		if s.lines[i].text == text {
			return
		}
		s.lines[i].text = text
		if _, rows, ok := size(s.out); ok && len(s.lines)-i < rows {
			up := len(s.lines) - i
			fmt.Fprintf(s.out, "\x1b[%dA\r\x1b[2K%s\x1b[%dB\r", up, text, up)
			return
		}
		break // out of sight
	}
	fmt.Fprintln(s.out, text)
	s.lines = append(s.lines, line{key, text})
	if len(s.lines) > remembered {
		s.lines = s.lines[len(s.lines)-remembered:]
	}
}

// render returns the line of what an event is about; an empty key: it has none.
func (s *screen) render(e *hostv1.TailEventsResponse) (key, text string) {
	h, m, d := e.GetHop(), e.GetMessage(), e.GetDelivery()
	width, _, ok := size(s.out)
	if !ok {
		width = 200
	}
	switch {
	case d != nil:
		end := tick(s.out, d.GetState())
		if p := d.GetProblem(); p != nil {
			end += paint(s.out, red, " "+p.GetReason())
		}
		who := cmp.Or(m.GetUserName(), d.GetChannelId())
		return d.GetId(), s.fit(clock(d.GetCreatedAt()), "→", d.GetPlatform(), who, d.GetText(), end, width)
	case m != nil:
		end := ""
		switch o := m.GetOutcome(); o {
		case "", "answered":
		case "failed", "refused":
			end = paint(s.out, red, "✗ "+o)
		default:
			end = paint(s.out, dim, o)
		}
		return m.GetCause(), s.fit(clock(m.GetReceivedAt()), "←", m.GetPlatform(), cmp.Or(m.GetUserName(), m.GetUserId()), m.GetText(), end, width)
	case h.GetLevel() == "error" || h.GetLevel() == "warning":
		return h.GetCause() + h.GetName(), s.fit(clock(h.GetAt()), "!", "", h.GetName(), h.GetDetail(), "", width)
	}
	return "", ""
}

// fit makes one line that the terminal does not wrap.
func (s *screen) fit(at, arrow, platform, who, text, end string, width int) string {
	head := strings.TrimSuffix(fmt.Sprintf("%s %s %s %s", at, arrow, printable(platform), oneLine(dash(who), 24)), " ") + ": "
	room := max(width-uniseg.StringWidth(head)-visible(end)-3, 10)
	return head + strings.TrimRight(oneLine(text, room)+"  "+end, " ")
}

// visible is how many columns a painted text takes.
func visible(s string) int { return uniseg.StringWidth(painted.ReplaceAllString(s, "")) }

var painted = regexp.MustCompile("\x1b\\[[0-9;]*m")
