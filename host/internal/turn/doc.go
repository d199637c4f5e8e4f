// Package turn takes messages out of the inbox, one at a time in each conversation, has them answered,
// and puts the answers into the outbox in the same step in which the message is marked done.
//
// A crash at any instant repeats a turn at most. It cannot lose one, and since the ids of the answers are
// derived from the message, it cannot enqueue an answer twice.
package turn
