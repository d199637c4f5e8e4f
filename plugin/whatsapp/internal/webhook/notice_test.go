package webhook_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/webhook"
	"github.com/aof-dev/aofd/sdk/chat"
)

// inField is a webhook with one change of a field.
func inField(field, value string) []byte {
	return fmt.Appendf(nil, `{"object":"whatsapp_business_account","entry":[{"id":"1","time":1795000000,"changes":[{"field":%q,"value":%s}]}]}`,
		field, value)
}

// Each field that Meta has says in a sentence what happened, and what to do where something is to be done.
func TestSummaries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ field, value, want string }{
		{"account_update", `{"event":"VERIFIED_ACCOUNT"}`, "the WhatsApp account: verified account"},
		{
			"account_update", `{"event":"ACCOUNT_RESTRICTION","restriction_info":[{"restriction_type":"RESTRICTED_BIZ_INITIATED_MESSAGING","expiration":1}]}`,
			"the WhatsApp account: account restriction, restricted: restricted biz initiated messaging; messages may be refused until it ends; WhatsApp Manager shows why",
		},
		{
			"account_update", `{"event":"ACCOUNT_VIOLATION","violation_info":{"violation_type":"SCAM"}}`,
			"the WhatsApp account: account violation, violation scam; WhatsApp Manager, Account overview, shows why and takes an appeal",
		},
		{"account_review_update", `{"decision":"APPROVED"}`, "the review of the WhatsApp account ended: approved"},
		{
			"account_alerts", `{"entity_type":"BUSINESS","alert_info":{"alert_severity":"CRITICAL","alert_status":"ACTIVE","alert_type":"OBA_APPROVED","alert_description":"Sample text"}}`,
			"alert (oba approved, critical): Sample text",
		},
		{"account_settings_update", `{"type":"phone_number_settings"}`, "settings of the account were changed: phone number settings"},
		{
			"business_capability_update", `{"max_daily_conversations_per_business":"TIER_2K","max_phone_numbers_per_business":20}`,
			"the business's limits changed: people whom it may write to in a day: TIER_2K; numbers that it may have: 20",
		},
		{"business_username_update", `{"display_phone_number":"4930555000","username":"night","status":"approved"}`, "the number 4930555000 has the username night: approved"},
		{
			"phone_number_quality_update", `{"display_phone_number":"4930555000","event":"THROUGHPUT_UPGRADE","current_limit":"TIER_UNLIMITED","old_limit":"TIER_100K"}`,
			"the number 4930555000: throughput upgrade, limit now TIER_UNLIMITED, before TIER_100K",
		},
		{
			"phone_number_name_update", `{"display_phone_number":"4930555000","decision":"REJECTED","requested_verified_name":"Night","rejection_reason":"NAME_NOT_CONSISTENT"}`,
			`the display name "Night" of the number 4930555000 is rejected: name not consistent`,
		},
		{"security", `{"display_phone_number":"4930555000","event":"PIN_CHANGED","requester":"7"}`, "two-step verification of the number 4930555000: pin changed, by 7"},
		{
			"message_template_status_update", `{"event":"REJECTED","message_template_id":5,"message_template_name":"node_up","message_template_language":"de",
				"reason":"INVALID_FORMAT","rejection_info":{"reason":"a parameter stands alone","recommendation":"put words around it"}}`,
			"the template node_up, de is rejected: a parameter stands alone: invalid format; put words around it",
		},
		{"message_template_status_update", `{"event":"APPROVED","message_template_name":"node_up","message_template_language":"de","reason":"NONE"}`, "the template node_up, de is approved"},
		{
			"message_template_quality_update", `{"previous_quality_score":"GREEN","new_quality_score":"YELLOW","message_template_name":"node_up"}`,
			"the template node_up has the quality yellow, before green",
		},
		{"message_template_components_update", `{"message_template_name":"node_up","message_template_language":"de"}`, "the template node_up, de was edited"},
		{"template_category_update", `{"message_template_name":"node_up","previous_category":"UTILITY","new_category":"MARKETING"}`, "the template node_up has the category marketing, before utility"},
		{
			"template_category_update", `{"message_template_name":"node_up","new_category":"UTILITY","correct_category":"MARKETING"}`,
			"the template node_up will get the category marketing; until then it has utility",
		},
		{
			"user_preferences", `{"user_preferences":[{"wa_id":"4915155501234","category":"marketing_messages","value":"stop","timestamp":1}]}`,
			"the user …1234 wants no more of marketing messages",
		},
		{"user_id_update", `{"user_id_update":[]}`, "the user id of … changed; their conversation goes on under the new one"},
		{"calls", `{"calls":[{"event":"terminate","direction":"USER_INITIATED","status":"COMPLETED","duration":12}]}`, "a call: terminate, user initiated, completed, seconds: 12"},
		{"calls", `{"statuses":[{"type":"call","status":"RINGING"}]}`, "a call: ringing"},
		{"flows", `{"event":"ENDPOINT_LATENCY","message":"p90 is over 3 s","flow_id":"1"}`, "flow endpoint latency: p90 is over 3 s"},
		{"history", `{"history":[{"metadata":{"phase":1,"chunk_order":1,"progress":55},"threads":[]}]}`, "a piece of the chat history, percent so far: 55; no agent sees it"},
		{
			"history", `{"history":[{"errors":[{"code":2593109,"title":"History sync is turned off","message":"History sync is turned off"}]}]}`,
			"the chat history is not shared: History sync is turned off (code 2593109)",
		},
		{"smb_message_echoes", `{"message_echoes":[{},{}]}`, "messages that the business wrote on its phone: 2; no agent sees them"},
		{"smb_app_state_sync", `{"state_sync":[{"type":"contact"}]}`, "contacts that changed on the business's phone: 1"},
		{"group_lifecycle_update", `{"groups":[{"group_id":"g","type":"group_create","subject":"On call"}]}`, "a group: create, On call"},
		{"group_participants_update", `{"groups":[{"type":"group_participants_add","added_participants":[{"wa_id":"1"},{"wa_id":"2"}]}]}`, "a group: participants add, joined: 2"},
		{"group_settings_update", `{"groups":[{"type":"group_settings_update","errors":[{"code":131041,"message":"no such group"}]}]}`, "a group: settings update, failed: no such group (code 131041)"},
		{"group_status_update", `{"groups":[{"type":"group_suspend"}]}`, "a group: suspend"},
		{"automatic_events", `{"automatic_events":[{"event_name":"LeadSubmitted"}]}`, "an event of an advertisement: leadsubmitted"},
		{"payment_configuration_update", `{"configuration_name":"upi","status":"Needs Connecting"}`, "payment configuration upi: needs connecting"},
		{"partner_solutions", `{"event":"SOLUTION_CREATED"}`, "partner solution: solution created"},
		{"messaging_handovers", `{"x":1}`, "the handling of a chat moved between apps"},
		{"standby", `{"messages":[{}]}`, "another app handles this chat; no agent sees it"},
		{"something_new", `{"event":"HELLO"}`, "Meta reports something_new: hello"},
		{"account_update", `5`, "Meta reports account_update"},
	} {
		b := parse(inField(c.field, c.value))
		if len(b.Notices) != 1 || len(b.Messages) != 0 {
			t.Errorf("%s: %+v", c.field, b)
			continue
		}
		if n := b.Notices[0]; n.Summary != c.want || n.Kind != c.field {
			t.Errorf("%s of %s:\n %s\nwant\n %s", c.field, c.value, n.Summary, c.want)
		}
	}
}

// A sentence has one line and is no longer than people read.
func TestSummaryIsBounded(t *testing.T) {
	t.Parallel()
	b := parse(inField("flows", `{"event":"X","message":"a\nb\u0007 `+strings.Repeat("ä", 900)+`"}`))
	if s := b.Notices[0].Summary; len(s) > 1000 || strings.ContainsAny(s, "\n\a") || !strings.HasPrefix(s, "flow x: a b") {
		t.Errorf("%q", s)
	}
}

// A changed user id is an event that leads from the old id to the new one. It gives nobody a place on the list.
func TestChangedUserID(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("testdata/webhooks/user_id_update.json")
	if err != nil {
		t.Fatal(err)
	}
	system := strings.ReplaceAll(string(readFile(t, "testdata/webhooks/system_user_id.json")), "wamid.T001", "wamid.T9")
	for name, c := range map[string]struct {
		list    []string
		refused bool
	}{
		"only the old id": {[]string{"DE.111"}, true}, "the new id": {[]string{"DE.222"}, false}, "the number": {[]string{"+4915155501234"}, false},
	} {
		list, err := webhook.NewAllowList(c.list)
		if err != nil {
			t.Fatal(err)
		}
		b := (&webhook.Parser{Accounts: accounts, Allow: list}).Parse(body, received)
		m := b.Messages[0]
		if s := m.Content.System; s == nil || s.PreviousID != "DE.111" || s.CurrentID != "DE.222" || (m.Refusal != nil) != c.refused {
			t.Errorf("%s: %+v", name, m)
		}
		for _, id := range append(m.User.Aliases, m.User.ID) {
			if id == "DE.111" {
				t.Errorf("%s: the old id stands for the user: %+v", name, m.User)
			}
		}
	}
	// Meta also tells it as a message: both are one event.
	field, message := parse(body).Messages[0], parse([]byte(system)).Messages[0]
	if field.SemanticKey == "" || field.SemanticKey != message.SemanticKey || field.ID == message.ID {
		t.Errorf("%q and %q", field.SemanticKey, message.SemanticKey)
	}
}

// Where Meta does not say which number it concerns, each number learns of it.
func TestChangedUserIDOfAllNumbers(t *testing.T) {
	t.Parallel()
	p := &webhook.Parser{Accounts: map[string]bool{"1": true, "2": true}}
	b := p.Parse(readFile(t, "testdata/webhooks/user_id_update_without_number.json"), received)
	var got []string
	for _, m := range b.Messages {
		got = append(got, m.Account+" "+m.ChannelID+" "+string(m.Content.Kind()))
	}
	if want := "1 DE.222 system,2 DE.222 system"; strings.Join(got, ",") != want {
		t.Errorf("%q", got)
	}
	if len(b.Notices) != 1 || b.Messages[0].Content.Kind() != chat.KindSystem {
		t.Errorf("%+v", b.Notices)
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
