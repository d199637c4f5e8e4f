// Package egress sends what the outbox holds: in order within a conversation, paced by the limits that the
// platform publishes, each delivery until it has one visible end.
//
//	sent                      the platform took it; receipts move it on
//	tried again               nothing went out and it may work later: backoff with jitter, or the platform's wait
//	failed                    it will never work, or it was tried too often or too long
//	unknown                   the answer was lost after the request had left; never sent again blindly
package egress
