package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

func dlqCommand() *cobra.Command {
	cmd := group("dlq", "Look at what could not be sent, and decide about it",
		dlqListCommand(), dlqShowCommand(), dlqRetryCommand(), dlqDropCommand(), dlqResendCommand())
	cmd.Long = "dlq is about dead letters: answers that failed, expired, or of which nobody knows whether they went out\n" +
		"(unknown). Those are never sent again by themselves."
	return cmd
}

func dlqListCommand() *cobra.Command {
	var p page
	q := &question[*hostv1.ListDeadLettersResponse]{
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, _ []string) (*hostv1.ListDeadLettersResponse, error) {
			return c.ListDeadLetters(ctx, &hostv1.ListDeadLettersRequest{
				Platform: p.platform, Account: p.account, PageSize: p.limit, PageToken: p.token,
			})
		},
		show: func(w io.Writer, l *hostv1.ListDeadLettersResponse) {
			if len(l.GetDeliveries()) == 0 {
				fmt.Fprintln(w, "there are no dead letters")
				return
			}
			showDeliveries(w, l.GetDeliveries())
			next(w, l.GetNextPageToken())
		},
	}
	cmd := q.command("list", "List dead letters", noArgs)
	p.flags(cmd)
	return cmd
}

func dlqShowCommand() *cobra.Command {
	q := &question[*hostv1.GetDeliveryResponse]{
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, args []string) (*hostv1.GetDeliveryResponse, error) {
			return c.GetDelivery(ctx, &hostv1.GetDeliveryRequest{Id: args[0]})
		},
		show: func(w io.Writer, a *hostv1.GetDeliveryResponse) { showDelivery(w, a.GetDelivery()) },
	}
	return q.command("show <delivery>", "Show a delivery with its attempts and what can be done", takes(1, 1, "one delivery's id"))
}

func showDelivery(w io.Writer, d *hostv1.Delivery) {
	fmt.Fprintf(w, "%s  %s\nto %s, of %s\n%s\n", paint(w, bold, d.GetId()), tick(w, d.GetState()),
		printable(d.GetConversation()), dash(d.GetAgent()), oneLine(d.GetText(), 400))
	for _, a := range d.GetAttempts() {
		line := fmt.Sprintf("  attempt %d at %s: %s", a.GetNumber(), clock(a.GetStartedAt()), a.GetState())
		if p := a.GetProblem(); p != nil {
			line += fmt.Sprintf(": %s: %s", p.GetReason(), printable(p.GetMessage()))
		}
		fmt.Fprintln(w, line)
	}
	if p := d.GetProblem(); p != nil {
		fmt.Fprintf(w, "%s: %s\n", paint(w, red, p.GetReason()), printable(p.GetMessage()))
		if p.GetHint() != "" {
			fmt.Fprintf(w, "  hint: %s\n", printable(p.GetHint()))
		}
	}
	switch d.GetState() {
	case "failed", "expired":
		fmt.Fprintf(w, "aofd dlq retry %s tries again; aofd dlq drop %s --reason … gives it up\n", d.GetId(), d.GetId())
	case "unknown":
		fmt.Fprintf(w, "a receipt may still settle it; aofd dlq drop %s --reason … gives it up;\n"+
			"aofd dlq resend %s sends it again, though it may arrive twice\n", d.GetId(), d.GetId())
	}
}

// oneDelivery is a command that does something with a delivery and shows it.
func oneDelivery[T interface {
	proto.Message
	GetDelivery() *hostv1.Delivery
}](use, short, long string, before func() error, ask func(context.Context, hostv1connect.HostServiceClient, string) (T, error)) *cobra.Command {
	q := &question[T]{
		before: before,
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, args []string) (T, error) {
			return ask(ctx, c, args[0])
		},
		show: func(w io.Writer, a T) {
			fmt.Fprintf(w, "%s  %s\n", a.GetDelivery().GetId(), tick(w, a.GetDelivery().GetState()))
		},
	}
	cmd := q.command(use, short, takes(1, 1, "one delivery's id"))
	cmd.Long = long
	return cmd
}

func dlqRetryCommand() *cobra.Command {
	return oneDelivery("retry <delivery>", "Try again what failed or expired",
		"retry puts a delivery that failed or expired back into the outbox, under its own id. What may be out already\n"+
			"(unknown) is refused: see resend.", nil,
		func(ctx context.Context, c hostv1connect.HostServiceClient, id string) (*hostv1.RetryDeadLetterResponse, error) {
			return c.RetryDeadLetter(ctx, &hostv1.RetryDeadLetterRequest{Id: id})
		})
}

func dlqResendCommand() *cobra.Command {
	var sure bool
	cmd := oneDelivery("resend <delivery>", "Send again what may be out already",
		"resend sends a delivery again although it may be out already: the person may get it twice. It wants --yes.",
		func() error {
			if !sure {
				return errors.New("the person may get it twice: give --yes if that is better than not at all")
			}
			return nil
		},
		func(ctx context.Context, c hostv1connect.HostServiceClient, id string) (*hostv1.ResendDeadLetterResponse, error) {
			return c.ResendDeadLetter(ctx, &hostv1.ResendDeadLetterRequest{Id: id})
		})
	cmd.Flags().BoolVar(&sure, "yes", false, "it may arrive twice")
	return cmd
}

func dlqDropCommand() *cobra.Command {
	var reason string
	cmd := oneDelivery("drop <delivery>", "Give up a dead letter",
		"drop closes a dead letter without sending it. The reason stays in its trace.",
		func() error {
			if strings.TrimSpace(reason) == "" {
				return errors.New("give --reason: it is what others will find when they look for the message")
			}
			return nil
		},
		func(ctx context.Context, c hostv1connect.HostServiceClient, id string) (*hostv1.DropDeadLetterResponse, error) {
			return c.DropDeadLetter(ctx, &hostv1.DropDeadLetterRequest{Id: id, Reason: reason})
		})
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who look at it later; required")
	return cmd
}
