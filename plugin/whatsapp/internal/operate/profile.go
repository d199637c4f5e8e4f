package operate

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
)

// profile is how the business shows itself.
type profile struct {
	About       string   `json:"about"`
	Address     string   `json:"address"`
	Description string   `json:"description"`
	Email       string   `json:"email"`
	Websites    []string `json:"websites"`
	Vertical    string   `json:"vertical"`
	Picture     string   `json:"profile_picture_url"`
}

func (p profile) print(w io.Writer) {
	for _, row := range [][2]string{
		{"about", p.About},
		{"address", p.Address},
		{"description", p.Description},
		{"email", p.Email},
		{"websites", strings.Join(p.Websites, " ")},
		{"vertical", p.Vertical},
		{"picture", p.Picture},
	} {
		fmt.Fprintf(w, "%s\t%s\n", row[0], cmp.Or(row[1], "-"))
	}
}

func profilePath(n Number) string { return url.PathEscape(n.ID) + "/whatsapp_business_profile" }

// verticals are the kinds of businesses that Meta knows.
var verticals = []string{
	"ALCOHOL", "APPAREL", "AUTO", "BEAUTY", "EDU", "ENTERTAIN", "EVENT_PLAN", "FINANCE", "GOVT", "GROCERY", "HEALTH", "HOTEL",
	"MATRIMONY_SERVICE", "NONPROFIT", "NOT_A_BIZ", "ONLINE_GAMBLING", "OTC_DRUGS", "OTHER", "PHYSICAL_GAMBLING", "PROF_SERVICES",
	"RESTAURANT", "RETAIL", "TRAVEL",
}

// limits are the most characters of each text of a profile.
var limits = map[string]int{"about": 139, "address": 256, "description": 512, "email": 128}

const (
	maxWebsites = 2
	maxWebsite  = 256
)

func (t *tool) profile() *cobra.Command {
	get := t.command("get", "Show what people see of the business", "", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		return t.onNumber(func(n Number, api *graph.Client) error {
			var out struct {
				Data []profile `json:"data"`
			}
			query := url.Values{"fields": {"about,address,description,email,profile_picture_url,websites,vertical"}}
			if _, err := api.Ask(ctx, http.MethodGet, profilePath(n), query, nil, &out); err != nil {
				return err
			}
			p := append(out.Data, profile{})[0] // one that was never written is empty
			return t.print(p, p.print)
		})
	})
	return group("profile", "Look at and change what people see of the business", get, t.setProfile())
}

func (t *tool) setProfile() *cobra.Command {
	texts := map[string]*string{}
	var websites []string
	var cmd *cobra.Command
	cmd = t.command("set", "Change what people see of the business", "set changes what is given and leaves the rest.", cobra.NoArgs,
		func(ctx context.Context, _ []string) error {
			body := map[string]any{"messaging_product": "whatsapp"}
			for name, value := range texts {
				if !cmd.Flags().Changed(name) {
					continue
				}
				if n := utf8.RuneCountInString(*value); limits[name] > 0 && n > limits[name] {
					return badUsage("--%s has %d characters; Meta takes %d", name, n, limits[name])
				}
				body[name] = *value
			}
			if v, given := body["vertical"].(string); given {
				if v = strings.ToUpper(v); !slices.Contains(verticals, v) {
					return badUsage("--vertical must be one of %s", strings.ToLower(strings.Join(verticals, ", ")))
				}
				body["vertical"] = v
			}
			if body["about"] == "" {
				return badUsage("--about must not be empty: Meta wants one character at least")
			}
			if cmd.Flags().Changed("website") {
				if err := checkWebsites(websites); err != nil {
					return err
				}
				body["websites"] = websites
			}
			if len(body) == 1 {
				return badUsage("nothing to change: see profile set --help")
			}
			return t.onNumber(func(n Number, api *graph.Client) error {
				if err := change(ctx, api, http.MethodPost, profilePath(n), nil, body); err != nil {
					return err
				}
				return t.print(map[string]any{"changed": true}, func(w io.Writer) { fmt.Fprintln(w, "changed") })
			})
		})
	for _, name := range []string{"about", "address", "description", "email", "vertical"} {
		texts[name] = cmd.Flags().String(name, "", "")
	}
	cmd.Flags().Lookup("about").Usage = "the line below the name"
	cmd.Flags().Lookup("vertical").Usage = "kind of business, such as prof_services"
	cmd.Flags().StringArrayVar(&websites, "website", nil, "address of a website; twice at most")
	return cmd
}

func checkWebsites(list []string) error {
	if len(list) > maxWebsites {
		return badUsage("--website may be given %d times at most", maxWebsites)
	}
	for _, s := range list {
		if u, err := url.Parse(s); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(s) > maxWebsite {
			return badUsage("--website must be a web address of at most %d characters", maxWebsite)
		}
	}
	return nil
}
