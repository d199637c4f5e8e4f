package emulator

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/world"
)

// AppID is the app that all tokens of the emulator belong to.
const AppID = "670843887433847"

// management is what the calls that manage a number and an account can change.
type management struct {
	mu           sync.Mutex
	unsubscribed bool
	callback     string // of the subscription; empty: the app's
	profile      businessProfile
}

// manageRoutes adds the calls that manage the number and the account.
func (e *Emulator) manageRoutes() {
	e.serve("GET /debug_token", e.debugToken)
	e.serve("GET /{app}/subscriptions", e.appSubscriptions)
	e.serve("GET /{account}/phone_numbers", e.phoneNumbers)
	e.serve("GET /{account}/subscribed_apps", e.subscribedApps)
	e.serve("POST /{account}/subscribed_apps", e.subscribeApp)
	e.serve("DELETE /{account}/subscribed_apps", e.unsubscribeApp)
	e.serve("GET /{phone}/whatsapp_business_profile", e.getProfile)
	e.serve("POST /{phone}/whatsapp_business_profile", e.setProfile)
	e.serve("GET /{phone}/block_users", e.blockedUsers)
	e.serve("POST /{phone}/block_users", e.blockUsers)
	e.serve("DELETE /{phone}/block_users", e.unblockUsers)
}

// manageGet is GET /{id} of what is neither media nor a template.
func (e *Emulator) manageGet(c *graphCall) (any, error) {
	asked := c.URL.Query().Get("fields")
	switch id := c.PathValue("id"); id {
	case e.settings.PhoneNumberID:
		if err := e.authorize(c, world.Management); err != nil {
			return nil, err
		}
		return known(e.number(), "WhatsAppBusinessPhoneNumber", asked)
	case e.settings.AccountID:
		if err := e.authorize(c, world.Management); err != nil {
			return nil, err
		}
		return known(map[string]any{
			"id": id, "name": e.settings.BusinessName, "timezone_id": "1", "message_template_namespace": "ba30dd89_2ebd_41e4_b805_f2c05ae04cc9",
		}, "WhatsAppBusinessAccount", asked)
	case AppID:
		if !e.isApp(c.token) {
			if err := e.authorize(c, world.Management); err != nil {
				return nil, err
			}
		}
		return known(map[string]any{"id": id, "name": "Emulated app", "category": "Business", "link": "https://example.com/"}, "Application", asked)
	default:
		if err := e.authorize(c, world.Management); err != nil {
			return nil, err
		}
		return nil, refusal.Object(c.Method, id, "the emulator has no object with that id")
	}
}

// managePost is POST /{id} of what is no template.
func (e *Emulator) managePost(c *graphCall) (any, error) {
	if err := e.authorize(c, world.Management); err != nil {
		return nil, err
	}
	return nil, refusal.Object(c.Method, c.PathValue("id"), "the emulator has no object with that id that can be changed")
}

// number is what Meta tells of the phone number.
func (e *Emulator) number() map[string]any {
	s := e.world.Settings()
	level := "STANDARD"
	if s.Throughput > 80 {
		level = "HIGH"
	}
	return map[string]any{
		"id": e.settings.PhoneNumberID, "display_phone_number": "+" + e.settings.DisplayNumber, "verified_name": e.settings.BusinessName,
		"quality_rating": "GREEN", "status": "CONNECTED", "name_status": "APPROVED", "code_verification_status": "VERIFIED",
		"account_mode": "LIVE", "platform_type": "CLOUD_API", "is_on_biz_app": s.Throughput > 0 && s.Throughput <= 20,
		"is_official_business_account": false, "throughput": map[string]string{"level": level},
		"webhook_configuration":                     map[string]string{"application": e.settings.Webhook},
		"whatsapp_business_manager_messaging_limit": s.Tier, "last_onboarded_time": "2026-01-01T00:00:00+0000",
		"messaging_limit_tier": s.Tier, "quality_score": map[string]string{"score": "GREEN"}, "new_name_status": "NONE",
		"is_pin_enabled": true, "is_preverified_number": false, "search_visibility": "VISIBLE",
		"eligibility_for_api_business_global_search": "NON_ELIGIBLE_UNDEFINED", "country_dial_code": "1", "country_code": "US",
		"health_status": map[string]any{"can_send_message": "AVAILABLE", "entities": []any{
			map[string]string{"entity_type": "PHONE_NUMBER", "id": e.settings.PhoneNumberID, "can_send_message": "AVAILABLE"},
		}},
		"conversational_automation": nil, "certificate": nil, "new_certificate": nil,
	}
}

// phoneNumbers is GET /{account id}/phone_numbers.
func (e *Emulator) phoneNumbers(c *graphCall) (any, error) {
	if err := e.ofAccount(c); err != nil {
		return nil, err
	}
	return e.paged(c, 1, func(int) (any, error) {
		return known(e.number(), "WhatsAppBusinessPhoneNumber", c.URL.Query().Get("fields"))
	})
}

// known returns an object with the members that a call asks for, and always its id. One that there is not is refused,
// as Meta refuses it.
func known(all map[string]any, kind, list string) (any, error) {
	if list == "" {
		list = strings.Join(slices.Collect(maps.Keys(all)), ",")
	}
	out := map[string]any{"id": all["id"]}
	for name := range strings.SplitSeq(list, ",") {
		name, _, _ = strings.Cut(strings.TrimSpace(name), "{")
		value, ok := all[name]
		if !ok {
			return nil, noField(name, kind)
		}
		if value != nil { // what is not set is left out
			out[name] = value
		}
	}
	return out, nil
}

func noField(name, kind string) error {
	no := refusal.Parameter("the emulator knows no such field")
	no.Title = "Tried accessing nonexisting field (" + name + ") on node type (" + kind + ")"
	return no
}

// isApp reports whether a token is that of the app itself: its id and its secret.
func (e *Emulator) isApp(token string) bool { return token == AppID+"|"+e.settings.AppSecret }

// ofApp says why a call is not one with the app's own token.
func (e *Emulator) ofApp(c *graphCall) error {
	id, _, app := strings.Cut(c.token, "|")
	switch {
	case e.isApp(c.token):
		return nil
	case app && id == AppID:
		return refusal.Token(0, "Invalid OAuth access token signature.", "the secret is not the one of --app-secret")
	case app:
		return refusal.Token(0, "Error validating application. Cannot get application info due to a system error.", "the emulator's app is "+AppID)
	}
	no := refusal.New(15, "use the token <app id>|<app secret>")
	no.Title, no.Status = "This method must be called with an app access_token.", http.StatusBadRequest
	return no
}

// debugToken is GET /debug_token: what there is to know of a token.
func (e *Emulator) debugToken(c *graphCall) (any, error) {
	if !e.isApp(c.token) {
		if _, ok := e.world.Token(c.token); !ok {
			return nil, e.authorize(c, world.Messaging)
		}
	}
	asked := c.URL.Query().Get("input_token")
	if asked == "" {
		return nil, refusal.Parameter("The parameter input_token is required.")
	}
	type granular struct {
		Scope   string   `json:"scope"`
		Targets []string `json:"target_ids"`
	}
	type problem struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Subcode int    `json:"subcode,omitempty"`
	}
	data := struct {
		AppID       string     `json:"app_id,omitempty"`
		Type        string     `json:"type,omitempty"`
		Application string     `json:"application,omitempty"`
		DataAccess  int64      `json:"data_access_expires_at"`
		Expires     int64      `json:"expires_at"`
		Valid       bool       `json:"is_valid"`
		Scopes      []string   `json:"scopes"`
		Granular    []granular `json:"granular_scopes,omitempty"`
		UserID      string     `json:"user_id,omitempty"`
		Error       *problem   `json:"error,omitempty"`
	}{Scopes: []string{}}
	t, ok := e.world.Token(asked)
	switch {
	case !ok:
		data.Error = &problem{Code: 190, Message: "Invalid OAuth access token - Cannot parse access token"}
	default:
		data.AppID, data.Type, data.Application, data.UserID = AppID, "SYSTEM_USER", "Emulated app", "122100000000000001"
		data.Scopes = append([]string{"public_profile"}, t.Scopes...)
		for _, s := range t.Scopes {
			data.Granular = append(data.Granular, granular{s, []string{e.settings.AccountID}})
		}
		if !t.Until.IsZero() {
			data.Expires = t.Until.Unix()
		}
		data.Valid = !t.Invalid && (t.Until.IsZero() || e.clock.Now().Before(t.Until))
		if !data.Valid {
			data.Error = &problem{Code: 190, Subcode: 463, Message: "Error validating access token: Session has expired."}
		}
	}
	return map[string]any{"data": data}, nil
}

// hookFields are the fields that the app is subscribed to.
var hookFields = []string{
	"messages", "account_update", "account_alerts", "phone_number_quality_update", "message_template_status_update", "user_id_update",
}

// appSubscriptions is GET /{app id}/subscriptions: where the app's webhooks go.
func (e *Emulator) appSubscriptions(c *graphCall) (any, error) {
	if err := e.ofApp(c); err != nil {
		return nil, err
	}
	if id := c.PathValue("app"); id != AppID {
		return nil, refusal.Object(c.Method, id, "the emulator's app is "+AppID)
	}
	var list []any
	for _, name := range hookFields {
		list = append(list, map[string]string{"name": name, "version": current})
	}
	return map[string]any{"data": []any{map[string]any{
		"object": "whatsapp_business_account", "callback_url": e.settings.Webhook, "active": true, "fields": list,
	}}}, nil
}

// subscribedApps is GET /{account id}/subscribed_apps.
func (e *Emulator) subscribedApps(c *graphCall) (any, error) {
	if err := e.ofAccount(c); err != nil {
		return nil, err
	}
	m := &e.management
	m.mu.Lock()
	defer m.mu.Unlock()
	list := []any{}
	if !m.unsubscribed {
		app := map[string]any{"whatsapp_business_api_data": map[string]string{
			"id": AppID, "name": "Emulated app", "link": "https://example.com/",
		}}
		if m.callback != "" {
			app["override_callback_uri"] = m.callback
		}
		list = append(list, app)
	}
	return map[string]any{"data": list}, nil
}

// subscribeApp is POST /{account id}/subscribed_apps. An empty body takes the app's address again. The address is
// remembered; the emulator goes on posting to that of --webhook.
func (e *Emulator) subscribeApp(c *graphCall) (any, error) {
	if err := e.ofAccount(c); err != nil {
		return nil, err
	}
	var body struct {
		Callback string `json:"override_callback_uri"`
		Token    string `json:"verify_token"`
	}
	if len(c.raw) > 0 {
		if err := needsJSON(c.Request); err != nil {
			return nil, err
		}
		if err := strictly(c.raw, &body); err != nil {
			return nil, err
		}
	}
	switch {
	case body.Callback == "" && body.Token != "":
		return nil, refusal.Parameter("verify_token stands without override_callback_uri")
	case body.Callback != "" && body.Token == "":
		return nil, refusal.Parameter("The parameter verify_token is required.")
	case body.Callback != "" && (!strings.HasPrefix(body.Callback, "https://") || len(body.Callback) > maxCallback):
		return nil, refusal.Parameter("override_callback_uri must be an https address of at most %d characters", maxCallback)
	}
	m := &e.management
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unsubscribed, m.callback = false, body.Callback
	return success, nil
}

const maxCallback = 200

// unsubscribeApp is DELETE /{account id}/subscribed_apps.
func (e *Emulator) unsubscribeApp(c *graphCall) (any, error) {
	if err := e.ofAccount(c); err != nil {
		return nil, err
	}
	m := &e.management
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unsubscribed, m.callback = true, ""
	return success, nil
}

// strictly reads a body of JSON; a member that Meta does not name is refused.
func strictly(raw json.RawMessage, v any) error {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return refusal.Parameter("Unexpected key %s on the body", name)
		}
		return refusal.Parameter("the body is not what it should be: %v", err)
	}
	return nil
}

// verticals are the kinds of businesses that a profile may name.
var verticals = []string{
	"", "UNDEFINED", "ALCOHOL", "APPAREL", "AUTO", "BEAUTY", "EDU", "ENTERTAIN", "EVENT_PLAN", "FINANCE", "GOVT", "GROCERY", "HEALTH",
	"HOTEL", "MATRIMONY_SERVICE", "NONPROFIT", "NOT_A_BIZ", "ONLINE_GAMBLING", "OTC_DRUGS", "OTHER", "PHYSICAL_GAMBLING",
	"PROF_SERVICES", "RESTAURANT", "RETAIL", "TRAVEL",
}

func isVertical(s string) bool { return slices.Contains(verticals, s) }
