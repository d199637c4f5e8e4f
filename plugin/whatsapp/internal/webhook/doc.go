// Package webhook judges and reads what Meta posts. Signature says whether bytes are from Meta; Parser
// turns them into events.
//
// The rules of reading:
//
//   - Only changes of the field "messages" carry live messages and receipts. Every other field is a notice,
//     whatever it has inside.
//   - Nothing that one part of a webhook has wrong costs another part: what cannot be understood becomes an
//     issue that names its place.
//   - Only what the configured phone numbers received comes out; the rest becomes an issue.
//   - Ids, times and codes may be strings or numbers, and every member may be missing.
//
// A user is known by phone number where Meta tells it, else by the user id that Meta scopes to the business;
// all other ids are aliases. An answer goes to the same id, or to "group:<id>" for what was said in a group.
package webhook
