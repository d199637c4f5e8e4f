// Package media brings files that users sent. That takes two steps: Meta is asked where the file is, and it is
// fetched from there, both with the token.
//
// The second address is Meta's to choose, so it is not trusted: the token goes to the Graph API's own host and to
// Meta's store of files and nowhere else, not by a redirect either, and no connection is made to an address that is
// not part of the public internet, whatever name led to it. Only when the Graph API itself is on this machine, as in
// tests, may files come from there.
//
// A file is handed on while it arrives; its last piece only after its length and its digest are known to be right. So
// whoever gets all of it, gets the right one.
//
// Meta blocks whoever asks again and again for what it does not give. So a file that could not be had is not asked
// for again for a while, and after many failures nothing is.
package media
