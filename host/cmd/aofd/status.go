package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

func statusCommand() *cobra.Command {
	q := &question[*hostv1.GetStatusResponse]{
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, _ []string) (*hostv1.GetStatusResponse, error) {
			return c.GetStatus(ctx, &hostv1.GetStatusRequest{})
		},
		show: showStatus,
		check: func(st *hostv1.GetStatusResponse) error {
			if !st.GetReady() {
				return errQuiet
			}
			return nil
		},
	}
	cmd := q.command("status", "Show how the running daemon is", noArgs)
	cmd.Long = "status shows how the running daemon is. Exit code 0: everything configured runs; 1: something does not;\n" +
		"3: no daemon runs there."
	return cmd
}

func showStatus(w io.Writer, st *hostv1.GetStatusResponse) {
	state := paint(w, green, "ready")
	if !st.GetReady() {
		state = paint(w, red, "not ready")
	}
	fmt.Fprintf(w, "aofd %s is %s, up %s, webhooks on %s", st.GetVersion(), state,
		time.Since(st.GetStartedAt().AsTime()).Round(time.Second), st.GetWebhookAddress())
	if at := st.GetAdminAddress(); at != "" {
		fmt.Fprintf(w, ", console on %s", at)
	}
	fmt.Fprintln(w)
	for _, n := range notes(st) {
		fmt.Fprintf(w, "  %s %s\n", paint(w, yellow, "!"), printable(n))
	}
	b, m := st.GetBacklog(), st.GetLastMinute()
	fmt.Fprintf(w, "inbox %d waiting, %d running; outbox %d waiting, %d held, %d unknown, %d failed\n",
		b.GetInboxPending(), b.GetTurnsRunning(), b.GetOutboxPending(), b.GetOutboxHeld(), b.GetOutboxUnknown(), b.GetOutboxFailed())
	fmt.Fprintf(w, "last minute: %d received, %d duplicates, %d answered, %d failed, %d sent\n\n",
		m.GetReceived(), m.GetDuplicates(), m.GetAnswered(), m.GetFailed(), m.GetSent())
	table(w, "PLATFORM\tSTATE\tVERSION\tPID\tCRASHES\tLAST IN\tLAST OUT\tWEBHOOKS", func(row func(...any)) {
		for _, p := range st.GetPlatforms() {
			row(p.GetId(), p.GetState(), dash(p.GetVersion()), p.GetPid(), p.GetCrashes(), ago(p.GetLastInAt()),
				ago(p.GetLastOutAt()), strings.Join(p.GetWebhookPaths(), " "))
		}
	})
	if n := accounts(st); n > 0 {
		fmt.Fprintln(w)
		table(w, "ACCOUNT\tNAME\tSENDING\tWAITING\tOPEN WINDOWS\tPACE", func(row func(...any)) {
			for _, p := range st.GetPlatforms() {
				for _, a := range p.GetAccountDetails() {
					sending := "yes"
					if a.GetPause() != nil || p.GetPause() != nil {
						sending = "paused"
					}
					row(p.GetId()+"/"+a.GetId(), dash(a.GetDisplayName()), sending, a.GetOutboxPending(), a.GetOpenWindows(), pace(a.GetRate()))
				}
			}
		})
	}
}

func accounts(st *hostv1.GetStatusResponse) (n int) {
	for _, p := range st.GetPlatforms() {
		n += len(p.GetAccountDetails())
	}
	return n
}

// pace says how fast an account may send.
func pace(r *hostv1.RateLimit) string {
	if r.GetPeriodUs() == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3g/s", 1e6/float64(r.GetPeriodUs()))
}

// notes are what an operator should know at once.
func notes(st *hostv1.GetStatusResponse) (out []string) {
	out = append(out, st.GetReasons()...)
	for _, p := range st.GetPlatforms() {
		if p.GetReason() != "" && p.GetState() == "ready" {
			out = append(out, fmt.Sprintf("platform %s: %s", p.GetId(), p.GetReason()))
		}
		if p.GetPause() != nil {
			out = append(out, "platform "+p.GetId()+" is paused "+since(p.GetPause()))
		}
		for _, a := range p.GetAccountDetails() {
			if a.GetPause() != nil {
				out = append(out, fmt.Sprintf("account %s of %s is paused %s", a.GetId(), p.GetId(), since(a.GetPause())))
			}
		}
	}
	for _, f := range st.GetConfig().GetRejected() {
		if f.GetSeverity() == "error" {
			out = append(out, fmt.Sprintf("the files are not in force: %s: %s", f.GetPlace(), f.GetText()))
		}
	}
	for _, key := range st.GetConfig().GetNeedsRestart() {
		out = append(out, key+" takes effect with the next start")
	}
	return out
}

// since says for how long something is paused, and why if it was said.
func since(p *hostv1.Pause) string {
	out := "since " + clock(p.GetSince())
	if p.GetReason() != "" {
		out += ": " + p.GetReason()
	}
	return out
}
