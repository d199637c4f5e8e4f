package webhook

import (
	"fmt"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
)

// news is the value of a change that tells something about an account.
type news struct{ members }

// at returns the member of an object within the value, or of the first object in a list, by its path; empty when
// there is none.
func (n news) at(path ...string) string {
	for _, name := range path[:len(path)-1] {
		n = n.head(name)
	}
	return n.word(path[len(path)-1])
}

// head returns an object, or the first one of a list.
func (n news) head(name string) news {
	part := n.get(name)
	if elements, ok := part.list(); ok && len(elements) > 0 {
		part = elements[0]
	}
	m, _ := part.object()
	return news{m}
}

// failure returns the first error of a list.
func (n news) failure() string {
	if errs := decodeErrors(n.get("errors")); len(errs) > 0 {
		return errs[0].Error()
	}
	return ""
}

// count returns how many elements a list has.
func (n news) count(name string) int {
	elements, _ := n.get(name).list()
	return len(elements)
}

// number is the business's own phone number, which is no secret; "the number" when it is not said.
func (n news) number() string {
	if d := n.at("display_phone_number"); d != "" {
		return "the number " + d
	}
	return "the number"
}

// template names a message template.
func (n news) template() string {
	return join(" ", "the template", join(", ", n.at("message_template_name"), n.at("message_template_language")))
}

// clause is one more thing to say, when there is something.
func clause(before, what string) string {
	if what == "" || strings.EqualFold(what, "none") {
		return ""
	}
	return before + what
}

// plain turns a word of Meta's into words: "DISABLED_UPDATE" into "disabled update".
func plain(s string) string { return strings.ReplaceAll(snake(s), "_", " ") }

// summaries say in a sentence what a change of a field means. What they leave out is in the notice's JSON.
var summaries = map[string]func(news) string{
	"account_update": accountUpdate,
	"account_review_update": func(n news) string {
		return "the review of the WhatsApp account ended: " + plain(n.at("decision"))
	},
	"account_alerts": func(n news) string {
		i := n.head("alert_info")
		if len(i.members) == 0 {
			i = n
		}
		return join(": ", fmt.Sprintf("alert (%s, %s)", plain(i.at("alert_type")), plain(i.at("alert_severity"))), i.at("alert_description"))
	},
	"account_settings_update": func(n news) string { return "settings of the account were changed: " + plain(n.at("type")) },
	"business_capability_update": func(n news) string {
		most := n.at("max_daily_conversations_per_business")
		if most == "" {
			most = n.at("max_daily_conversation_per_phone")
		}
		return "the business's limits changed" + clause(": people whom it may write to in a day: ", most) +
			clause("; numbers that it may have: ", n.at("max_phone_numbers_per_business"))
	},
	"business_username_update": func(n news) string {
		return n.number() + " has the username " + join(": ", n.at("username"), plain(n.at("status")))
	},
	"phone_number_quality_update": func(n news) string {
		limit := n.at("current_limit")
		if limit == "" {
			limit = n.at("max_daily_conversations_per_business")
		}
		return n.number() + ": " + plain(n.at("event")) + clause(", limit now ", limit) + clause(", before ", n.at("old_limit"))
	},
	"phone_number_name_update": func(n news) string {
		return fmt.Sprintf("the display name %q of %s is %s", n.at("requested_verified_name"), n.number(), plain(n.at("decision"))) +
			clause(": ", plain(n.at("rejection_reason")))
	},
	"security": func(n news) string {
		return "two-step verification of " + n.number() + ": " + plain(n.at("event")) + clause(", by ", n.at("requester"))
	},
	"message_template_status_update": func(n news) string {
		return n.template() + " is " + plain(n.at("event")) + clause(": ", n.at("rejection_info", "reason")) +
			clause(": ", plain(n.at("reason"))) + clause(": ", n.at("other_info", "description")) +
			clause("; ", n.at("rejection_info", "recommendation"))
	},
	"message_template_quality_update": func(n news) string {
		return n.template() + " has the quality " + plain(n.at("new_quality_score")) + clause(", before ", plain(n.at("previous_quality_score")))
	},
	"message_template_components_update": func(n news) string { return n.template() + " was edited" },
	"template_category_update": func(n news) string {
		if to := n.at("correct_category"); to != "" {
			return n.template() + " will get the category " + plain(to) + "; until then it has " + plain(n.at("new_category"))
		}
		return n.template() + " has the category " + plain(n.at("new_category")) + clause(", before ", plain(n.at("previous_category")))
	},
	"user_preferences": func(n news) string {
		p := n.head("user_preferences")
		return fmt.Sprintf("the user %s wants %s of %s", person(p), map[string]string{"stop": "no more", "resume": "again"}[p.at("value")],
			plain(p.at("category")))
	},
	"user_id_update": func(n news) string {
		return "the user id of " + person(n.head("user_id_update")) + " changed; their conversation goes on under the new one"
	},
	"calls": func(n news) string {
		if c := n.head("calls"); len(c.members) > 0 {
			return "a call: " + join(", ", plain(c.at("event")), plain(c.at("direction")), plain(c.at("status"))) +
				clause(", seconds: ", c.at("duration"))
		}
		return "a call: " + plain(n.at("statuses", "status"))
	},
	"flows": func(n news) string { return join(": ", "flow "+plain(n.at("event")), n.at("message")) },
	"history": func(n news) string {
		h := n.head("history")
		if why := h.failure(); why != "" {
			return "the chat history is not shared: " + why
		}
		return "a piece of the chat history" + clause(", percent so far: ", h.at("metadata", "progress")) + "; no agent sees it"
	},
	"smb_message_echoes": func(n news) string {
		return fmt.Sprintf("messages that the business wrote on its phone: %d; no agent sees them", n.count("message_echoes"))
	},
	"smb_app_state_sync": func(n news) string {
		return fmt.Sprintf("contacts that changed on the business's phone: %d", n.count("state_sync"))
	},
	"aofd_doctor":               func(news) string { return "the doctor tried the webhook: it works" },
	"group_lifecycle_update":    groups,
	"group_participants_update": groups,
	"group_settings_update":     groups,
	"group_status_update":       groups,
	"automatic_events": func(n news) string {
		return "an event of an advertisement: " + plain(n.at("automatic_events", "event_name"))
	},
	"standby":             func(news) string { return "another app handles this chat; no agent sees it" },
	"messaging_handovers": func(news) string { return "the handling of a chat moved between apps" },
	"partner_solutions":   func(n news) string { return "partner solution: " + plain(n.at("event")) },
	"payment_configuration_update": func(n news) string {
		return "payment configuration " + join(": ", n.at("configuration_name"), plain(n.at("status")))
	},
}

// summary says in a sentence what a change means.
func summary(field string, m members) string {
	n := news{m}
	if say := summaries[field]; say != nil && len(m) > 0 {
		return strings.TrimRight(clip(say(n)), ": ")
	}
	s := "Meta reports " + field
	for _, name := range []string{"event", "decision", "type", "status"} {
		if what := snake(n.at(name)); what != "" {
			return s + ": " + what
		}
	}
	return s
}

// accountUpdate is what happened to the WhatsApp account as a whole.
func accountUpdate(n news) string {
	say := "the WhatsApp account: " + plain(n.at("event"))
	say += clause(", state ", plain(n.at("ban_info", "waba_ban_state"))) + clause(" from ", n.at("ban_info", "waba_ban_date"))
	say += clause(", violation ", plain(n.at("violation_info", "violation_type")))
	if n.count("restriction_info") > 0 {
		say += clause(", restricted: ", plain(n.at("restriction_info", "restriction_type")))
	}
	if advice := accountAdvice[n.at("event")]; advice != "" {
		say += "; " + advice
	}
	return say
}

// accountAdvice is what the operator should do about what Meta says of the account.
var accountAdvice = map[string]string{
	"DISABLED_UPDATE":     "WhatsApp Manager, Account overview, shows why and takes an appeal",
	"ACCOUNT_VIOLATION":   "WhatsApp Manager, Account overview, shows why and takes an appeal",
	"ACCOUNT_RESTRICTION": "messages may be refused until it ends; WhatsApp Manager shows why",
	"ACCOUNT_DELETED":     "nothing can be sent or received any more",
	"ACCOUNT_OFFBOARDED":  "the number is not connected any more; connect it again in the app on its phone",
	"PARTNER_REMOVED":     "the app may get no more webhooks of this account; subscribe it again",
}

// groups is what happened to a group.
func groups(n news) string {
	g := n.head("groups")
	say := "a group: " + plain(strings.TrimPrefix(g.at("type"), "group_")) + clause(", ", g.at("subject"))
	for what, name := range map[string]string{"joined": "added_participants", "left": "removed_participants"} {
		if c := g.count(name); c > 0 {
			say += fmt.Sprintf(", %s: %d", what, c)
		}
	}
	return say + clause(", failed: ", g.failure())
}

// person names a user without telling who it is.
func person(n news) string {
	for _, name := range []string{"wa_id", "user_id"} {
		if id := n.at(name); id != "" {
			return address.Mask(id)
		}
	}
	return address.Mask(n.at("user_id", "current"))
}

// clip bounds what a stranger's words may take in a summary.
func clip(s string) string {
	const most = 400
	runes := []rune(strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s))
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(runes)
}
