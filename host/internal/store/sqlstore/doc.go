// Package sqlstore is what a store does, in the SQL that SQLite and PostgreSQL share. An Engine says what
// differs: how to connect, how to begin a transaction, and which failures end what.
//
// What many callers want stored at the same time shares one transaction and so one fsync. A transaction of a
// database with several writers first locks the keys that its operations are about, so that what happens in
// one conversation happens one after the other, as it does with a single writer.
//
// Where round trips cost, operations of one transaction that are about different keys run in lock step, as if each
// had a transaction of its own at the same time: what one does may happen between any two statements of the other,
// and a lock on a row does not keep them apart, only a key does. Operations without keys run alone.
package sqlstore
