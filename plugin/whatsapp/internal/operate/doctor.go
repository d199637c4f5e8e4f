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
	"time"

	"github.com/spf13/cobra"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// doctor finds out why nothing arrives or goes out.
func (t *tool) doctor() *cobra.Command {
	var webhook string
	cmd := t.command("doctor", "Check token, number, subscription and webhook, and say how to mend what is wrong",
		"doctor asks Meta about the token, each number, the WhatsApp account and the app, and tries the webhook as Meta\n"+
			"would. It changes nothing at Meta. Exit code 1 when a check failed.",
		cobra.NoArgs, func(ctx context.Context, _ []string) error {
			numbers := t.Numbers
			if t.chosen != "" {
				n, err := t.number()
				if err != nil {
					return err
				}
				numbers = []Number{n}
			}
			e := &exam{tool: t, ctx: ctx, now: time.Now}
			for _, n := range numbers {
				if len(numbers) > 1 {
					e.prefix = n.ID + ": "
				}
				e.line(n)
			}
			e.prefix = ""
			e.app()
			e.webhook(webhook)
			if err := t.print(e.findings, e.print); err != nil {
				return err
			}
			if e.failed() > 0 {
				return errTold
			}
			return nil
		})
	cmd.Flags().StringVar(&webhook, "webhook", "", "`address` of the webhook (default: the one that Meta has)")
	return cmd
}

// print writes the findings for people.
func (e *exam) print(w io.Writer) {
	for _, f := range e.findings {
		f.print(w)
	}
	switch n := e.failed(); n {
	case 0:
		fmt.Fprintln(w, "\nAll is well.")
	case 1:
		fmt.Fprintln(w, "\n1 check failed.")
	default:
		fmt.Fprintf(w, "\n%d checks failed.\n", n)
	}
}

// exam is one run of the doctor: what was found, and what later checks need of it.
type exam struct {
	*tool
	report
	ctx context.Context // of the command; the exam is that command's state
	now func() time.Time

	appID   string
	account string

	callback    string // of the webhook, when the number or the account has one of its own
	appCallback string // of the app's webhook
}

// line examines one number with its token.
func (e *exam) line(n Number) {
	api := e.client(n)
	defer api.Close()
	before := e.now()
	var l line
	header, err := api.Ask(e.ctx, http.MethodGet, url.PathEscape(n.ID), url.Values{"fields": {lineFields}}, nil, &l)
	if header == nil {
		failure := chat.AsError(err)
		e.fail(checkAPI, cmp.Or(failure.Hint, "look at the network, the proxy and api_base_url"), "the Graph API does not answer: %s", failure.Text)
		return
	}
	e.ok(checkAPI, "the Graph API answers in %s", e.now().Sub(before).Round(time.Millisecond))
	e.version(header)
	e.clock(header, before)
	info, known := e.token(n, api)
	if err != nil {
		e.unknownNumber(n, api, info, chat.AsError(err))
	} else {
		e.ok(checkPhone, "phone_number_id %s is %s, %q", n.ID, l.Display, l.Name)
		e.number(n, l)
		e.callback = cmp.Or(l.Webhook.Number, l.Webhook.Account, e.callback)
		e.appCallback = cmp.Or(e.appCallback, l.Webhook.App)
	}
	if known {
		e.subscribed(n, api, info)
	} else {
		e.skip(checkSubs, "whether the app is subscribed could not be seen")
	}
}

// version compares the version that was asked for with the one that answered.
func (e *exam) version(header http.Header) {
	answered := header.Get("facebook-api-version")
	switch day, ended := graph.VersionEnd(e.Version, e.now()); {
	case ended:
		e.fail(checkVersion, "set api_version to "+graph.DefaultVersion+", or remove it", "Meta ended %s on %s", e.Version, day)
	case answered != "" && answered != e.Version:
		e.fail(checkVersion, "set api_version to "+graph.DefaultVersion+", or remove it", "%s is configured, and Meta answers with %s", e.Version, answered)
	case day != "":
		e.ok(checkVersion, "API version %s is good until %s", e.Version, day)
	default:
		e.ok(checkVersion, "API version %s", e.Version)
	}
}

// skew is how far this machine's clock may be off.
const skew = 60 * time.Second

func (e *exam) clock(header http.Header, asked time.Time) {
	theirs, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		e.skip(checkClock, "Meta's answer has no date")
		return
	}
	took := e.now().Sub(asked)
	off := asked.Add(took / 2).Sub(theirs).Truncate(time.Second)
	if off.Abs() > skew {
		e.fail(checkClock, "have the clock set by NTP: timedatectl set-ntp true", "this machine's clock is off by %s", off)
		return
	}
	e.ok(checkClock, "this machine's clock is right")
}

const (
	fixToken = "make a permanent token: Business settings, System users, Generate token, with no end and the rights " +
		"whatsapp_business_messaging and whatsapp_business_management; put it into access_token"
	soon = 14 * 24 * time.Hour
)

// token examines the token of a number. known is false when nothing is known of it.
func (e *exam) token(n Number, api *graph.Client) (info tokenInfo, known bool) {
	info, err := debugToken(e.ctx, api, n.Token)
	if err != nil {
		failure := chat.AsError(err)
		if failure.Reason == chat.ReasonCredentialsRejected {
			e.fail(checkToken, fixToken, "the token is not valid: %s", failure.Text)
		} else {
			e.fail(checkToken, cmp.Or(failure.Hint, "try again later"), "Meta says nothing of the token: %s", failure.Text)
		}
		return info, false
	}
	if !info.Valid {
		why := "it does not say why"
		if info.Error != nil {
			why = info.Error.Message
		}
		e.fail(checkToken, fixToken, "the token is not valid: %s", why)
		return info, false
	}
	e.ok(checkToken, "the token is valid, of app %s", info.AppID)
	if e.appID == "" {
		e.appID = string(info.AppID)
	} else if e.appID != string(info.AppID) {
		e.fail(checkToken, "make the token with the app "+e.appID, "the token is of app %s, and that of another number of app %s: "+
			"webhooks of two apps have two secrets", info.AppID, e.appID)
	}
	e.tokenEnd(info)
	e.scopes(info)
	return info, true
}

func (e *exam) tokenEnd(info tokenInfo) {
	end := info.ends()
	left := end.Sub(e.now())
	switch {
	case end.IsZero():
		e.ok(checkEnd, "the token does not end")
	case left < 48*time.Hour:
		e.fail(checkEnd, fixToken, "the token ends in %s; it is one for trying things out", left.Round(time.Hour))
	case left < soon:
		e.warn(checkEnd, fixToken, "the token ends in %d days", int(left.Hours()/24))
	default:
		e.warn(checkEnd, fixToken+"; or set a reminder", "the token ends on %s", end.UTC().Format(time.DateOnly))
	}
}

// rights are what a token needs, and what for.
var rights = []struct {
	name, what string
	needed     bool
}{
	{"whatsapp_business_messaging", "to send and receive messages and files", true},
	{"whatsapp_business_management", "for templates, the profile and the subscription", true},
}

func (e *exam) scopes(info tokenInfo) {
	for _, r := range rights {
		if !slices.Contains(info.Scopes, r.name) {
			e.fail(checkScopes, fixToken, "the token lacks the right %s, needed %s", r.name, r.what)
			continue
		}
		e.ok(checkScopes, "the token has %s", r.name)
	}
}

// unknownNumber finds out what phone_number_id is when it is no phone number id.
func (e *exam) unknownNumber(n Number, api *graph.Client, info tokenInfo, failure *chat.Error) {
	switch failure.Reason {
	case chat.ReasonCredentialsRejected:
		e.skip(checkPhone, "phone_number_id could not be looked at: the token is not valid")
		return
	case chat.ReasonPermissionDenied:
		e.fail(checkPhone, "assign the WhatsApp account to the system user of the token, with full control: Business settings, "+
			"Accounts, WhatsApp accounts", "the token has no right to phone_number_id %s: %s", n.ID, failure.Text)
		return
	}
	fix := "look below \"Phone number ID\" in the app, WhatsApp, API setup"
	if own, err := lines(e.ctx, api, n.ID); err == nil { // it is an account
		e.fail(checkPhone, "write "+either(own), "phone_number_id %s is the id of the WhatsApp account, not of a number", n.ID)
		return
	}
	for _, account := range append(slices.DeleteFunc([]string{e.AccountID}, func(s string) bool { return s == "" }), info.accounts()...) {
		own, err := lines(e.ctx, api, account)
		if err != nil || len(own) == 0 {
			continue
		}
		for _, l := range own {
			if digits(l.Display) == n.ID {
				e.fail(checkPhone, "write phone_number_id: "+string(l.ID), "phone_number_id %s is the phone number, not the id that Meta gave to it", n.ID)
				return
			}
		}
		fix = "write " + either(own)
	}
	e.fail(checkPhone, fix, "Meta knows no phone_number_id %s, or the token does not see it: %s", n.ID, failure.Text)
}

// either names the phone numbers that one may choose from.
func either(all []line) string {
	var out []string
	for _, l := range all {
		out = append(out, fmt.Sprintf("phone_number_id: %s for %s", l.ID, l.Display))
	}
	return strings.Join(out, ", or ")
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// number examines how a number is.
func (e *exam) number(n Number, l line) {
	switch strings.ToUpper(l.Status) {
	case "CONNECTED":
		e.ok(checkNumber, "the number is connected")
	case "":
		e.skip(checkNumber, "Meta does not say how the number is")
	case "PENDING", "UNVERIFIED", "OFFLINE", "DISCONNECTED":
		e.fail(checkNumber, "register it: POST /"+n.ID+"/register with its six-digit PIN; WhatsApp Manager, Phone numbers, shows the steps",
			"the number is %s", plain(l.Status))
	default:
		e.fail(checkNumber, "WhatsApp Manager, Phone numbers, shows why", "the number is %s", plain(l.Status))
	}
	if strings.EqualFold(l.Mode, "SANDBOX") {
		e.warn(checkNumber, "use a number of your own", "this is a test number, which writes to five people at most")
	}
	if strings.EqualFold(l.Quality, "RED") {
		e.warn(checkNumber, "send less that nobody asked for; WhatsApp Manager, Insights, shows what people complain about", "the quality of the number is low")
	}
	if strings.EqualFold(l.NameStatus, "DECLINED") {
		e.warn(checkNumber, "choose another display name in WhatsApp Manager", "the display name was refused")
	}
	most := map[string]int{"STANDARD": 80, "HIGH": 1000}[strings.ToUpper(l.Throughput.Level)]
	if l.OnPhone {
		most = 20
	}
	switch {
	case most == 0:
	case n.Rate > most:
		e.fail(checkRate, fmt.Sprintf("set messages_per_second to %d", most), "%d messages a second are configured, and Meta lets the number send %d", n.Rate, most)
	case n.Rate < most:
		e.ok(checkRate, "%d messages a second are configured; Meta would let the number send %d", n.Rate, most)
	default:
		e.ok(checkRate, "the number may send %d messages a second", most)
	}
}

// subscribed examines whether webhooks of the account go to the app.
func (e *exam) subscribed(n Number, api *graph.Client, info tokenInfo) {
	accounts := info.accounts()
	account := e.AccountID
	if account == "" && len(accounts) == 1 {
		account = accounts[0]
	}
	switch {
	case account == "":
		e.warn(checkAccount, "write business_account_id; it is in WhatsApp Manager, Account tools", "it is not clear which WhatsApp account the number belongs to")
		return
	case len(accounts) > 0 && !slices.Contains(accounts, account):
		e.fail(checkAccount, "assign the WhatsApp account to the system user, or write the right business_account_id: "+strings.Join(accounts, " or "),
			"the token has no right to WhatsApp account %s", account)
		return
	}
	if own, err := lines(e.ctx, api, account); err == nil && !slices.ContainsFunc(own, func(l line) bool { return string(l.ID) == n.ID }) {
		e.fail(checkAccount, "write the business_account_id of the account that has the number", "WhatsApp account %s has no phone_number_id %s", account, n.ID)
		return
	}
	apps, err := subscriptions(e.ctx, api, account)
	if err != nil {
		failure := chat.AsError(err)
		e.fail(checkSubs, cmp.Or(failure.Hint, fixToken), "the subscriptions of WhatsApp account %s could not be seen: %s", account, failure.Text)
		return
	}
	e.ok(checkAccount, "the number belongs to WhatsApp account %s", account)
	e.account = account
	i := slices.IndexFunc(apps, func(s subscription) bool { return string(s.App.ID) == string(info.AppID) })
	if i < 0 {
		e.fail(checkSubs, "run the command subscribe of this plugin", "the app %s is not subscribed to WhatsApp account %s", info.AppID, account)
		return
	}
	e.callback = cmp.Or(e.callback, apps[i].Callback)
	e.ok(checkSubs, "the app is subscribed to the WhatsApp account")
}
