// Package failpoint lets a test kill the daemon at a chosen place: between the moments at which something
// becomes durable, which is where a crash hurts. Only a binary that was built with the tag failpoint has them;
// in every other one Here does nothing and costs nothing.
//
// AOFD_FAILPOINT=turn.finished=3 kills the process, as kill -9 does, when it comes to that place for the third
// time.
package failpoint

// The places, in the order in which a message comes to them.
const (
	Parsed   = "ingress.parsed" // nothing is stored yet
	Stored   = "ingress.stored" // the platform has no 200 yet
	Claimed  = "turn.claimed"   // no agent was asked yet
	Answered = "turn.answered"  // the answer is stored nowhere
	Finished = "turn.finished"  // the answer is in the outbox
	Sending  = "egress.sending" // marked as being sent, and not sent yet
	Sent     = "egress.sent"    // the platform has it, and the store does not know
	Settled  = "egress.settled" // all is stored
)

// Places are all of them.
var Places = []string{Parsed, Stored, Claimed, Answered, Finished, Sending, Sent, Settled}
