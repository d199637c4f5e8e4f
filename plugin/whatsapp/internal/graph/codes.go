package graph

import "github.com/aof-dev/aofd/sdk/chat"

// Retry says when the same request makes sense again.
type Retry int

// The answers to that. The first three mean that nothing else needs to happen in between.
const (
	RetryBackoff Retry = iota + 1 // yes, with growing pauses
	RetryFew                      // yes, but a few times only: it may have been accepted all the same
	RetrySlow                     // yes, in minutes
	RetryLater                    // when people or a day's time have changed something
	RetryFix                      // when the configuration has been repaired
	RetryNever                    // no
)

// Meaning is what an error code means for this program.
type Meaning struct {
	Reason chat.Reason
	Retry  Retry
	Text   string // what happened, in a few words
	Hint   string // what the operator can do; may be empty
}

// Permanent reports whether the same request fails again until something outside changes.
func (m Meaning) Permanent() bool { return m.Retry > RetrySlow }

// Fault is who has to change something.
type Fault string

// Who that can be.
const (
	FaultOperator  Fault = "operator"  // the account, the token, the configuration
	FaultRecipient Fault = "recipient" // the person, or what Meta lets through to the person
	FaultContent   Fault = "content"   // whoever wrote the message
	FaultPace      Fault = "pace"      // too much in too short a time
	FaultMeta      Fault = "meta"
)

// Fault returns whose fault the error is.
func (e *Error) Fault() Fault { return e.Meaning().Fault() }

// Fault returns whose fault it is. That follows from the reason: the reasons tell what to act on.
func (m Meaning) Fault() Fault {
	switch m.Reason {
	case credentials, denied, misconfigured:
		return FaultOperator
	case recipient, window:
		return FaultRecipient
	case limited:
		return FaultPace
	case upstream:
		return FaultMeta
	}
	return FaultContent
}

// Meaning looks the error up by its code; titles, subcodes and HTTP statuses vary too much. An unknown
// code is judged by what else is known.
func (e *Error) Meaning() Meaning {
	if e.Code == 100 && e.Subcode == 33 {
		return codes[33]
	}
	m, known := codes[e.Code]
	switch {
	case known:
		if hint, special := tokenHints[e.Subcode]; special && e.Code == 190 {
			m.Hint = hint
		}
		return m
	}
	for _, r := range ranges {
		if e.Code >= r.from && e.Code <= r.to {
			return r.meaning
		}
	}
	switch {
	case e.Transient || e.HTTPStatus >= 500:
		return Meaning{upstream, RetryBackoff, "Meta has a problem that should pass", hintPasses}
	case e.HTTPStatus == 429:
		return Meaning{limited, RetryBackoff, "too many requests", hintFaster}
	}
	return Meaning{content, RetryNever, "Meta refused the request", hintDetails}
}

// The reasons, short enough for a table.
const (
	credentials   = chat.ReasonCredentialsRejected
	denied        = chat.ReasonPermissionDenied
	misconfigured = chat.ReasonMisconfigured
	recipient     = chat.ReasonRecipientUnavailable
	window        = chat.ReasonWindowClosed
	content       = chat.ReasonContentRejected
	unsupported   = chat.ReasonUnsupportedContent
	limited       = chat.ReasonRateLimited
	upstream      = chat.ReasonUpstreamError
)

const (
	hintToken = "make a permanent token: Business settings, System users, Generate token, with the rights " +
		"whatsapp_business_messaging and whatsapp_business_management"
	hintAssign   = "assign the WhatsApp account to the system user of the token, with full control"
	hintPhoneID  = "phone_number_id is the number below \"Phone number ID\" in the app's API setup, not the phone number"
	hintTemplate = "compare name, language and parameters with the template in WhatsApp Manager"
	hintRegister = "register the number: POST /<phone_number_id>/register with its six-digit PIN"
	hintPIN      = "look at the two-step verification PIN of the number in WhatsApp Manager"
	hintPay      = "add or repair the payment method of the WhatsApp account"
	hintQuality  = "look at the number's quality in WhatsApp Manager and send less that nobody asked for"
	hintWindow   = "the user has to write first; otherwise only an approved template gets through"
	hintPasses   = "it should pass by itself; if it does not, metastatus.com/whatsapp-business-api tells more"
	hintDetails  = "Meta's details name the part that is wrong"
	hintFaster   = "send less often"
	hintCalls    = "look at the call settings of the number in WhatsApp Manager"
	hintFlow     = "look at the flow in WhatsApp Manager: it must be published and healthy"
	hintGroup    = "groups take texts, files and templates only, and need more than one member"
)

// tokenHints refines code 190 by its subcode.
var tokenHints = map[int]string{
	460: "the password of the token's owner was changed; " + hintToken,
	463: "the token has expired, those of the API setup page last a day at most; " + hintToken,
	467: "the token was revoked; " + hintToken,
	492: "the session of the token's owner is not valid any more; " + hintToken,
}

// ranges are codes that mean the same, where none of them has an entry of its own.
var ranges = []struct {
	from, to int
	meaning  Meaning
}{
	{200, 299, Meaning{denied, RetryFix, "the token has no right to this WhatsApp account", hintAssign}},
	{131201, 131215, Meaning{content, RetryNever, "the group cannot take this call", hintGroup}},
	{132000, 132999, Meaning{content, RetryNever, "the template was refused", hintTemplate}},
	{133000, 133099, Meaning{misconfigured, RetryFix, "the registration of the number is not in order", hintRegister}},
	{134000, 134199, Meaning{content, RetryNever, "the message cannot go this way", hintDetails}},
	{138000, 138018, Meaning{content, RetryNever, "the call cannot be made", hintCalls}},
	{139000, 139004, Meaning{content, RetryNever, "the flow cannot be sent", hintFlow}},
	{147001, 147005, Meaning{content, RetryNever, "the username cannot be had", "choose another one"}},
	{200005, 200007, Meaning{content, RetryNever, "there are no figures on this template", "they begin with the first messages that use it"}},
	{2388000, 2388999, Meaning{content, RetryNever, "the template or number cannot be made or moved like this", hintTemplate}},
	{2593107, 2593109, Meaning{content, RetryNever, "the history of the phone's app cannot be had", "nothing to do: it is optional"}},
}

// codes is Meta's table of errors, with what follows from each.
var codes = map[int]Meaning{
	0:     {credentials, RetryFix, "the access token is not valid", hintToken},
	1:     {upstream, RetryFew, "Meta failed for an unknown reason", hintPasses},
	2:     {upstream, RetryFew, "Meta's service is down for a while", hintPasses},
	3:     {denied, RetryFix, "the app lacks a capability or right", hintAssign},
	4:     {limited, RetrySlow, "the app's limit of calls is reached", hintFaster},
	10:    {denied, RetryFix, "the token lacks a right", hintAssign},
	33:    {misconfigured, RetryFix, "the phone number id does not exist or the token cannot see it", hintPhoneID},
	100:   {content, RetryNever, "a parameter is not valid", hintDetails},
	190:   {credentials, RetryFix, "the access token has expired or is not valid", hintToken},
	200:   {denied, RetryFix, "the token has no right to this WhatsApp account", hintAssign},
	368:   {denied, RetryLater, "Meta blocks the account for a while because of its policy", hintQuality},
	613:   {limited, RetrySlow, "too many requests of this kind", hintFaster},
	803:   {misconfigured, RetryFix, "an id is not known to Meta", hintPhoneID},
	1026:  {recipient, RetryNever, "the recipient's app cannot show this message", "the recipient has to update WhatsApp"},
	2500:  {misconfigured, RetryFix, "the path of the call is not known", "look at api_version and api_base_url"},
	80007: {limited, RetrySlow, "the WhatsApp account's limit of calls is reached", hintFaster},

	130403: {recipient, RetryNever, "the user has blocked this business", "write to this person no more, unless the person writes first"},
	130429: {limited, RetryBackoff, "the number sends more messages a second than it may", hintFaster},
	130472: {recipient, RetryNever, "Meta withheld the message, the user is part of an experiment", "a service message within 24 hours of the user's last one gets through"},
	130497: {recipient, RetryNever, "the business may not write to users in this country", "look at the countries of the account in WhatsApp Manager"},
	130501: {unsupported, RetryNever, "a message of a kind that groups do not have", hintGroup},

	131000: {upstream, RetryFew, "something went wrong at Meta", hintPasses},
	131005: {denied, RetryFix, "access was denied", hintAssign},
	131008: {content, RetryNever, "a required parameter is missing", hintDetails},
	131009: {content, RetryNever, "the value of a parameter is not valid", hintDetails},
	131016: {upstream, RetryBackoff, "a service of Meta is not available", hintPasses},
	131020: {recipient, RetryNever, "the group has a single member", hintGroup},
	131021: {recipient, RetryNever, "sender and recipient are the same number", "send to another number"},
	131026: {
		recipient, RetryNever, "the message cannot be delivered",
		"the number is not on WhatsApp, runs an old version, has not accepted the terms, or has blocked this business",
	},
	131030: {
		misconfigured, RetryFix, "the recipient is not in the list of this test number",
		"add the recipient in the app's API setup below \"To\" (five at most), or use a number of your own; numbers of " +
			"Brazil, Mexico and Argentina have a second form, with or without a digit behind the country code",
	},
	131031: {denied, RetryFix, "the WhatsApp account is locked", "WhatsApp Manager shows why"},
	131037: {misconfigured, RetryFix, "the display name of the number is not approved", "WhatsApp Manager, Phone numbers"},
	131041: {recipient, RetryNever, "the group is not known", "look whether the group still exists and this number is in it"},
	131042: {misconfigured, RetryFix, "Meta cannot charge the account", hintPay},
	131044: {misconfigured, RetryFix, "Meta cannot charge the account for calls", hintPay},
	131045: {misconfigured, RetryFix, "the number is not registered rightly", hintRegister},
	131047: {window, RetryNever, "the user last wrote more than 24 hours ago", hintWindow},
	131048: {denied, RetryLater, "too many users reported messages of this number as spam", hintQuality},
	131049: {recipient, RetryLater, "Meta withheld the message to spare the user", "wait a day at least"},
	131050: {recipient, RetryNever, "the user has stopped marketing messages", "send no marketing to this person"},
	131051: {unsupported, RetryNever, "the kind of message is not supported", "send a text instead"},
	131052: {
		content, RetryNever, "the user's file could not be fetched",
		"ask the user to send it again, smaller than 100 MB",
	},
	131053: {
		content, RetryNever, "the file could not be taken",
		"the link must be public, of a type and size that WhatsApp takes",
	},
	131055: {unsupported, RetryNever, "the method is not allowed", "marketing messages have an endpoint of their own"},
	131056: {
		limited, RetryBackoff, "too many messages to this user in a short time",
		"one message in six seconds is the lasting rate",
	},
	131057: {upstream, RetryBackoff, "the number is in maintenance, for a minute at most", hintPasses},
	131059: {content, RetryNever, "the cursor is not valid", "begin with the first page again"},
	131060: {unsupported, RetryNever, "the message is not available", "ask the user to send it again"},
	131061: {content, RetryNever, "the template needs the marketing endpoint", hintTemplate},
	131062: {recipient, RetryNever, "this message needs a phone number, not a user id", "ask for the number: a template or message with a request for contact details"},
	131063: {misconfigured, RetryFix, "marketing templates are switched off for this account", "switch them on in WhatsApp Manager"},
	131064: {denied, RetryLater, "templates of a wrong category were sent", hintTemplate},

	131208: {limited, RetrySlow, "too many requests for groups", hintFaster},

	132000: {content, RetryNever, "the number of the template's parameters is wrong", hintTemplate},
	132001: {content, RetryNever, "the template does not exist in this language or is not approved", hintTemplate},
	132005: {content, RetryNever, "the template with its parameters is too long", hintTemplate},
	132007: {content, RetryNever, "the template breaks a policy", hintTemplate},
	132008: {content, RetryNever, "the parameters do not fit the template", hintTemplate},
	132012: {content, RetryNever, "the parameters do not fit the template", hintTemplate},
	132015: {content, RetryLater, "the template is paused because of its quality", hintTemplate},
	132016: {content, RetryNever, "the template is switched off because of its quality", hintTemplate},
	132018: {content, RetryNever, "the template's parameters have characters that are not allowed", hintTemplate},
	132068: {content, RetryNever, "the flow is blocked", hintFlow},
	132069: {limited, RetrySlow, "the flow is throttled to ten messages an hour", hintFlow},

	133000: {upstream, RetryBackoff, "the number was not deregistered completely", hintPasses},
	133004: {upstream, RetryBackoff, "Meta's server is not available for a while", hintPasses},
	133005: {misconfigured, RetryFix, "the two-step verification PIN is wrong", hintPIN},
	133006: {misconfigured, RetryFix, "the number has to be verified again", hintRegister},
	133008: {misconfigured, RetryLater, "too many guesses of the PIN", hintPIN},
	133009: {misconfigured, RetryLater, "the PIN was entered too fast", hintPIN},
	133010: {misconfigured, RetryFix, "the number is not registered", hintRegister},
	133015: {misconfigured, RetryLater, "the number was deleted a moment ago", "wait five minutes, then register it"},
	133016: {misconfigured, RetryLater, "the number was registered too often", "ten times in 72 hours are the most"},
	134011: {misconfigured, RetryFix, "the terms of payment are not accepted", hintPay},
	134100: {content, RetryNever, "only marketing messages go this way", hintTemplate},
	134101: {content, RetryNever, "the template is not synchronised yet", "wait some minutes"},
	134102: {content, RetryNever, "the template cannot be used this way", hintTemplate},
	135000: {content, RetryNever, "the parameters are wrong", hintDetails},
	137000: {
		recipient, RetryNever, "the recipient's identity has changed",
		"make sure that it is still the same person",
	},
	139100: {content, RetryNever, "some users could not be blocked", "only who wrote in the last 24 hours can be blocked"},
	139101: {content, RetryNever, "the list of blocked users is full", "it takes 64,000 users"},
	139102: {upstream, RetryBackoff, "the list of blocked users is being changed by another call", hintPasses},
	139103: {upstream, RetryBackoff, "blocking failed inside Meta", hintPasses},

	2494100: {upstream, RetrySlow, "the number is in maintenance for minutes", hintPasses},
}
