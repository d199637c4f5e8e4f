// Package chat is the vocabulary of aofd: what people say in chats, what agents answer, and what became
// of it. Every other package speaks in these words; the wire and the databases have their own and
// translate.
//
// The types are plain values. A value that has been handed to another component is not changed any more,
// so it may be read by many goroutines. The JSON form of the types is the JSON that agents get on stdin
// or by HTTP and may answer with: field names as in the proto files, enums as lower-case words, times in
// RFC 3339, bytes in base64.
package chat
