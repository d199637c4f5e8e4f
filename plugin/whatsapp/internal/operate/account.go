package operate

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
)

// tokenInfo is what Meta says of a token.
type tokenInfo struct {
	AppID      graph.Scalar `json:"app_id"`
	Type       string       `json:"type"`
	Valid      bool         `json:"is_valid"`
	ExpiresAt  int64        `json:"expires_at"`             // 0: never
	DataAccess int64        `json:"data_access_expires_at"` // 0: never
	Scopes     []string     `json:"scopes"`
	Granular   []struct {
		Scope   string         `json:"scope"`
		Targets []graph.Scalar `json:"target_ids"`
	} `json:"granular_scopes"`
	Error *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// ends is when the token ends; zero: never.
func (i tokenInfo) ends() time.Time {
	at := i.ExpiresAt
	if i.DataAccess > 0 && (at == 0 || i.DataAccess < at) {
		at = i.DataAccess
	}
	if at <= 0 {
		return time.Time{}
	}
	return time.Unix(at, 0)
}

// accounts are the WhatsApp accounts that a token may manage, as far as it is limited to some.
func (i tokenInfo) accounts() (ids []string) {
	for _, g := range i.Granular {
		for _, id := range g.Targets {
			if strings.HasPrefix(g.Scope, "whatsapp_business") && !slices.Contains(ids, string(id)) {
				ids = append(ids, string(id))
			}
		}
	}
	return ids
}

// debugToken asks Meta about a token, with that token.
func debugToken(ctx context.Context, api *graph.Client, token string) (tokenInfo, error) {
	var out struct {
		Data tokenInfo `json:"data"`
	}
	_, err := api.Ask(ctx, http.MethodGet, "debug_token", url.Values{"input_token": {token}}, nil, &out)
	return out.Data, err
}

// accountID is the WhatsApp Business account that a command is about: from the command line, the configuration, or
// the only one that the token may manage.
func (t *tool) accountID(ctx context.Context, n Number, api *graph.Client) (string, error) {
	for _, id := range []string{t.account, t.AccountID} {
		if id != "" {
			return id, nil
		}
	}
	info, err := debugToken(ctx, api, n.Token)
	if err != nil {
		return "", err
	}
	if ids := info.accounts(); len(ids) == 1 {
		return ids[0], nil
	}
	return "", badUsage("it is not clear which WhatsApp account is meant: give --account, or business_account_id in the configuration; " +
		"the id is in WhatsApp Manager, Account tools, and in the app's API setup")
}

// subscription is an app that gets the webhooks of an account.
type subscription struct {
	App struct {
		ID   graph.Scalar `json:"id"`
		Name string       `json:"name"`
	} `json:"whatsapp_business_api_data"`
	Callback string `json:"override_callback_uri"`
}

// subscriptions are all of them.
func subscriptions(ctx context.Context, api *graph.Client, account string) ([]subscription, error) {
	var out struct {
		Data []subscription `json:"data"`
	}
	_, err := api.Ask(ctx, http.MethodGet, url.PathEscape(account)+"/subscribed_apps", nil, nil, &out)
	return out.Data, err
}

// line is what Meta says of a phone number.
type line struct {
	ID         graph.Scalar `json:"id"`
	Display    string       `json:"display_phone_number"`
	Name       string       `json:"verified_name"`
	Quality    string       `json:"quality_rating"`
	Status     string       `json:"status"`
	NameStatus string       `json:"name_status"`
	Verified   string       `json:"code_verification_status"`
	Mode       string       `json:"account_mode"`
	Platform   string       `json:"platform_type"`
	OnPhone    bool         `json:"is_on_biz_app"`
	Throughput struct {
		Level string `json:"level"`
	} `json:"throughput"`
	Webhook struct {
		Number  string `json:"phone_number"`
		Account string `json:"whatsapp_business_account"`
		App     string `json:"application"`
	} `json:"webhook_configuration"`
}

// lineFields are the members of line.
const lineFields = "id,display_phone_number,verified_name,quality_rating,status,name_status,code_verification_status," +
	"account_mode,platform_type,is_on_biz_app,throughput,webhook_configuration"

// lines are the phone numbers of an account.
func lines(ctx context.Context, api *graph.Client, account string) ([]line, error) {
	var out struct {
		Data []line `json:"data"`
	}
	_, err := api.Ask(ctx, http.MethodGet, url.PathEscape(account)+"/phone_numbers",
		url.Values{"fields": {"id,display_phone_number,verified_name"}, "limit": {"100"}}, nil, &out)
	return out.Data, err
}
