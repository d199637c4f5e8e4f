package store

// The hops of a message, by which traces are read: the names are stable, so that timelines and scripts may
// rely on them. A detail is one sentence that says what happened and why, without secrets; a duration says how
// long it took or, where a comment below says so, how long it was waited for.
const (
	// In.

	HopReceived  = "webhook.received"  // read, verified and parsed; how long that took
	HopDuplicate = "webhook.duplicate" // the platform delivered it again, and why that is known; it is dropped
	HopReplayed  = "message.replayed"  // the operator had it answered anew, as another cause
	HopReplay    = "message.replay"    // it is that other cause
	HopIdentity  = "chat.moved"        // a person's id changed; their conversation goes on under its key

	// The turn.

	HopRefused   = "policy.refused" // nobody answers, and which rule says so
	HopRoute     = "route.chosen"   // who answers, and which line of the configuration or choice of the user decided
	HopBegin     = "turn.begin"     // taken out of the inbox; how long it waited there
	HopGathered  = "turn.gathered"  // messages of a burst are answered together
	HopMerged    = "turn.merged"    // the message is answered together with an earlier one
	HopCancelled = "turn.cancelled" // by whom
	HopCut       = "turn.cut"       // given back unanswered, and why
	HopTurnEnd   = "turn.end"       // the outcome and why; how long the turn took
	HopStart     = "agent.start"    // the agent is asked
	HopFirst     = "agent.first"    // its first sign of life; how long that took
	HopProgress  = "agent.progress" // what it says that it does
	HopToolCall  = "agent.tool_call"
	HopToolDone  = "agent.tool_result"
	HopPartial   = "agent.partial"   // a part of the answer, on its way while the agent works on
	HopSlow      = "agent.slow"      // the user was told that the work goes on
	HopInterrupt = "agent.interrupt" // it asks for an approval
	HopAgentEnd  = "agent.end"       // how long the agent took

	// Out.

	HopPaced       = "send.paced"     // kept back by a limit of the platform, and which; how long from now
	HopJoined      = "send.joined"    // goes out in one message with others, since the recipient's limit is short
	HopAttempt     = "send.attempt"   // tried, and how that ended; how long it took
	HopDegraded    = "send.degraded"  // shown in a lesser way, and why
	HopHeld        = "send.held"      // waits until the person writes again, since the reply window is over
	HopReleased    = "send.unheld"    // the person wrote again
	HopUnknown     = "send.unknown"   // nobody can prove that it was or was not sent
	HopUnsettled   = "send.unsettled" // still unknown after the configured time: the operator has to look
	HopExpired     = "send.expired"   // its time was over
	HopDead        = "send.dead"      // given up, with the reason: it will not be tried again by itself
	HopDropped     = "send.drop"      // by the operator
	HopRedelivered = "send.redeliver" // by the operator
	HopRetried     = "send.retried"   // tried again, since the platform reported a failure after it had taken it

	// What the platform reports of a delivery: "receipt." and the state that it is in now.

	HopReceiptPrefix = "receipt."
)
