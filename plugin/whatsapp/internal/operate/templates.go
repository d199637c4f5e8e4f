package operate

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
)

// templateEntry is one template in one language.
type templateEntry struct {
	ID       graph.Scalar `json:"id"`
	Name     string       `json:"name"`
	Language string       `json:"language"`
	Status   string       `json:"status"`
	Category string       `json:"category"`
	Quality  struct {
		Score string `json:"score"`
	} `json:"quality_score"`
	Rejected string `json:"rejected_reason,omitempty"`
}

const (
	pageSize = 100
	maxPages = 100 // Meta has 6,000 templates at most
)

func (t *tool) templates() *cobra.Command {
	var status string
	list := t.command("list", "List the message templates and whether they may be sent", "", cobra.NoArgs,
		func(ctx context.Context, _ []string) error {
			return t.onAccount(ctx, func(account string, api *graph.Client) error {
				all, err := listTemplates(ctx, api, account, strings.ToUpper(status))
				if err != nil {
					return err
				}
				return t.print(all, func(w io.Writer) { printTemplates(w, all) })
			})
		})
	list.Flags().StringVar(&t.account, "account", "", "id of the WhatsApp Business account (default: business_account_id)")
	list.Flags().StringVar(&status, "status", "", "only those with this status, such as approved")
	return group("templates", "Look at message templates", list)
}

func printTemplates(w io.Writer, all []templateEntry) {
	fmt.Fprintln(w, "NAME\tLANGUAGE\tSTATUS\tCATEGORY\tQUALITY\tREASON")
	for _, e := range all {
		reason := e.Rejected
		if strings.EqualFold(reason, "none") {
			reason = ""
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", e.Name, e.Language, plain(e.Status), plain(e.Category),
			plain(e.Quality.Score), plain(reason))
	}
}

// listTemplates reads all pages.
func listTemplates(ctx context.Context, api *graph.Client, account, status string) ([]templateEntry, error) {
	all := []templateEntry{}
	query := url.Values{
		"fields": {"id,name,language,status,category,quality_score,rejected_reason"}, "limit": {fmt.Sprint(pageSize)},
	}
	if status != "" {
		query.Set("status", status)
	}
	for range maxPages {
		var page struct {
			Data   []templateEntry `json:"data"`
			Paging struct {
				Cursors struct {
					After string `json:"after"`
				} `json:"cursors"`
				Next string `json:"next"`
			} `json:"paging"`
		}
		if _, err := api.Ask(ctx, http.MethodGet, url.PathEscape(account)+"/message_templates", query, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Data...)
		if page.Paging.Next == "" || page.Paging.Cursors.After == "" {
			return all, nil
		}
		query.Set("after", page.Paging.Cursors.After)
	}
	return nil, fmt.Errorf("there are more than %d templates", maxPages*pageSize)
}
