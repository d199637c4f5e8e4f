// Package render turns an answer into the messages that WhatsApp can show, and says what it had to show in a
// lesser way. It is pure: the same answer gives the same messages, so that a delivery can go on after the
// parts that are out already.
//
// The order of the messages: a reaction, the text, files, place, cards, template, and at the end what can be
// tapped. When something can be tapped, the last part of the text stands there with it.
package render
