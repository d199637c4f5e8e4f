// Package emulator stands in for Meta's Graph API and for the phones of people, so that the whole way of a
// message can be tried on one machine, without an account, and by tests in one process.
//
// It is strict: what Meta refuses it refuses too, with Meta's error, so that a body that works here is
// more likely to work there. For that reason it has its own idea of what a body may be and shares no types
// with the client that it tests. Where Meta's pages disagree or do not say what a character is, the
// smaller limit counts.
//
// One server on one port has the Graph API (below /v25.0 and its like), the phone page (at /) and the
// control API of that page and of tests (below /_emulator/, see API.md). It listens on the loopback
// interface only, unless a token keeps others out, as whoever reaches it speaks in the name of any phone
// number.
//
// The packages below, in reading order: world is what Meta and the phones know; outbound and template read
// what the business sends, and refusal says no to it; phone is what people do; hook delivers webhooks;
// fault decides what goes wrong on purpose; clock moves the time; journal tells the pages what changed.
package emulator
