package operate

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
)

// maxCallback is the longest address that Meta takes.
const maxCallback = 200

// subscribe connects the WhatsApp account with the app, so that webhooks come.
func (t *tool) subscribe() *cobra.Command {
	var callback string
	var remove, show bool
	cmd := t.command("subscribe", "Subscribe the app to the WhatsApp account, so that webhooks come",
		"subscribe has Meta send the webhooks of the WhatsApp account to the app of the token. Without it none come,\n"+
			"although all else looks right. With --callback they go to another address than the app's.",
		cobra.NoArgs, func(ctx context.Context, _ []string) error {
			if callback != "" {
				if u, err := url.Parse(callback); err != nil || u.Scheme != "https" || u.Host == "" || len(callback) > maxCallback {
					return badUsage("--callback must be an https address of at most %d characters", maxCallback)
				}
			}
			if callback != "" && (remove || show) || remove && show {
				return badUsage("--callback, --remove and --show exclude each other")
			}
			return t.onAccount(ctx, func(account string, api *graph.Client) error {
				return t.subscribed(ctx, account, api, callback, remove, show)
			})
		})
	cmd.Flags().StringVar(&t.account, "account", "", "id of the WhatsApp Business account (default: business_account_id)")
	cmd.Flags().StringVar(&callback, "callback", "", "address of the webhook, instead of the app's")
	cmd.Flags().BoolVar(&remove, "remove", false, "end the subscription: no webhooks come any more")
	cmd.Flags().BoolVar(&show, "show", false, "show who is subscribed, and change nothing")
	return cmd
}

func (t *tool) subscribed(ctx context.Context, account string, api *graph.Client, callback string, remove, show bool) error {
	method, body := http.MethodPost, any(struct{}{})
	switch {
	case callback != "":
		body = map[string]string{"override_callback_uri": callback, "verify_token": t.VerifyTokens[0]}
	case remove:
		method, body = http.MethodDelete, nil
	}
	if !show {
		if err := change(ctx, api, method, url.PathEscape(account)+"/subscribed_apps", nil, body); err != nil {
			return err
		}
	}
	// What is really there counts, not what was asked for.
	apps, err := subscriptions(ctx, api, account)
	if err != nil {
		return err
	}
	type app struct {
		ID       string `json:"id"`
		Name     string `json:"name"`
		Callback string `json:"callback,omitempty"`
	}
	out := struct {
		Account string `json:"account"`
		Apps    []app  `json:"apps"`
	}{account, []app{}}
	for _, s := range apps {
		out.Apps = append(out.Apps, app{string(s.App.ID), s.App.Name, s.Callback})
	}
	return t.print(out, func(w io.Writer) {
		if len(out.Apps) == 0 {
			fmt.Fprintf(w, "No app gets the webhooks of WhatsApp account %s.\n", account)
			return
		}
		fmt.Fprintf(w, "The webhooks of WhatsApp account %s go to:\n", account)
		for _, a := range out.Apps {
			to := a.Callback
			if to == "" {
				to = "the app's address"
			}
			fmt.Fprintf(w, "  app %s\t%s\t%s\n", a.ID, a.Name, to)
		}
	})
}
