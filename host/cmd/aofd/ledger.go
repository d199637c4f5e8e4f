package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	hostv1 "github.com/aof-dev/aofd/proto/gen/aof/host/v1"
	"github.com/aof-dev/aofd/proto/gen/aof/host/v1/hostv1connect"
)

// page are the flags of a command that lists.
type page struct {
	limit                           uint32
	token                           string
	since                           time.Duration
	platform, account, conversation string
	states                          []string
}

func (p *page) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Uint32VarP(&p.limit, "limit", "n", 50, "how many at most, up to 500")
	f.StringVar(&p.token, "page", "", "next page, as the page before names it")
	f.StringVar(&p.platform, "platform", "", "only those of this platform")
	f.StringVar(&p.account, "account", "", "only those of this account")
}

func (p *page) more(cmd *cobra.Command, states string) {
	f := cmd.Flags()
	f.StringVar(&p.conversation, "conversation", "", "only those of this conversation")
	f.DurationVar(&p.since, "since", 0, "only those of the last `time`, such as 15m")
	f.StringSliceVar(&p.states, "state", nil, "only those that are "+states)
}

func (p *page) from() *timestamppb.Timestamp {
	if p.since <= 0 {
		return nil
	}
	return timestamppb.New(time.Now().Add(-p.since))
}

// next says how to get on.
func next(w io.Writer, token string) {
	if token != "" {
		fmt.Fprintf(w, "there is more: --page %s\n", token)
	}
}

func conversationsCommand() *cobra.Command {
	var p page
	q := &question[*hostv1.ListConversationsResponse]{
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, args []string) (*hostv1.ListConversationsResponse, error) {
			return c.ListConversations(ctx, &hostv1.ListConversationsRequest{
				Platform: p.platform, Account: p.account, Query: strings.Join(args, " "), PageSize: p.limit, PageToken: p.token,
			})
		},
		show: func(w io.Writer, l *hostv1.ListConversationsResponse) {
			table(w, "CONVERSATION\tPERSON\tLAST IN\tLAST OUT\tWINDOW", func(row func(...any)) {
				for _, c := range l.GetConversations() {
					row(c.GetKey(), dash(oneLine(c.GetUserName(), 24)), ago(c.GetLastInboundAt()), ago(c.GetLastOutboundAt()), window(c))
				}
			})
			next(w, l.GetNextPageToken())
		},
	}
	cmd := q.command("conversations [query]", "List conversations", nil)
	cmd.Long = "conversations lists conversations, the one that began last first. The query is a part of a person's name, or\n" +
		"the whole of their id."
	p.flags(cmd)
	return cmd
}

// window says how long a free answer may still go out.
func window(c *hostv1.Conversation) string {
	if c.GetWindowClosesAt() == nil {
		return "-"
	}
	left := time.Until(c.GetWindowClosesAt().AsTime()).Round(time.Minute)
	if left <= 0 {
		return "closed"
	}
	return left.String()
}

func messagesCommand() *cobra.Command {
	var p page
	q := &question[*hostv1.ListMessagesResponse]{
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, args []string) (*hostv1.ListMessagesResponse, error) {
			return c.ListMessages(ctx, &hostv1.ListMessagesRequest{
				Conversation: p.conversation, Platform: p.platform, Account: p.account, States: p.states,
				Query: strings.Join(args, " "), Since: p.from(), PageSize: p.limit, PageToken: p.token,
			})
		},
		show: func(w io.Writer, l *hostv1.ListMessagesResponse) {
			table(w, "TIME\tREF\tPERSON\tOUTCOME\tTEXT", func(row func(...any)) {
				for _, m := range slices.Backward(l.GetMessages()) {
					outcome := m.GetOutcome()
					if outcome == "" {
						outcome = m.GetState()
					}
					row(clock(m.GetReceivedAt()), m.GetReference(), oneLine(cmp.Or(m.GetUserName(), m.GetUserId(), "-"), 24), outcome, oneLine(m.GetText(), 80))
				}
			})
			next(w, l.GetNextPageToken())
		},
	}
	cmd := q.command("messages [query]", "List inbound messages", nil)
	cmd.Long = "messages lists what people wrote, the latest last. The query is a part of the text or of a person's name.\n" +
		"A reference of the list is an id for aofd trace."
	p.flags(cmd)
	p.more(cmd, "open, answered, interrupted, refused, failed or nothing")
	return cmd
}

func deliveriesCommand() *cobra.Command {
	var p page
	q := &question[*hostv1.ListDeliveriesResponse]{
		ask: func(ctx context.Context, c hostv1connect.HostServiceClient, args []string) (*hostv1.ListDeliveriesResponse, error) {
			return c.ListDeliveries(ctx, &hostv1.ListDeliveriesRequest{
				Conversation: p.conversation, Platform: p.platform, Account: p.account, States: p.states,
				Query: strings.Join(args, " "), Since: p.from(), PageSize: p.limit, PageToken: p.token,
			})
		},
		show: func(w io.Writer, l *hostv1.ListDeliveriesResponse) {
			showDeliveries(w, l.GetDeliveries())
			next(w, l.GetNextPageToken())
		},
	}
	cmd := q.command("deliveries [query]", "List answers and what became of them", nil)
	cmd.Long = "deliveries lists what was sent or is to be sent, the latest last. The query is a part of the text, of\n" +
		"a problem or of an agent's name, or the whole of an id."
	p.flags(cmd)
	p.more(cmd, "queued, sending, held, sent, delivered, read, failed, expired, suppressed or unknown")
	return cmd
}

func showDeliveries(w io.Writer, list []*hostv1.Delivery) {
	table(w, "TIME\tDELIVERY\tTO\tAGENT\tSTATE\tTRIES\tPROBLEM\tTEXT", func(row func(...any)) {
		for _, d := range slices.Backward(list) {
			row(clock(d.GetCreatedAt()), d.GetId(), d.GetChannelId(), dash(d.GetAgent()), d.GetState(), d.GetAttempt(),
				dash(d.GetProblem().GetReason()), oneLine(d.GetText(), 60))
		}
	})
}
