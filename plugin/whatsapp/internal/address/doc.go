// Package address knows how people and chats are named on WhatsApp: by phone number, by a user id that
// Meta scopes to the business, or by the id of a group. It turns what people write into the form that is
// compared and sent.
package address
