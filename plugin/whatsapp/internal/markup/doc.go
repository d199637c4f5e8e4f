// Package markup knows the marks that WhatsApp has in texts: *bold*, _italic_, ~struck~, `code`, blocks of
// code between three back-ticks, quotes and lists. It writes Markdown and HTML with them, and finds them in a
// text, so that nobody cuts one in two.
//
// There is no character that takes a mark its meaning. Zero-width spaces on both sides do, for a mark only
// counts between a word and what is no word; they are put where a character would be taken for a mark, and
// nowhere else, as people copy commands from chats.
//
// All of it is pure and works on texts of any kind.
package markup
