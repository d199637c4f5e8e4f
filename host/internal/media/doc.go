// Package media lets agents get the files of the messages that they are to answer. An agent finds an address in the
// message; a GET there brings the file, as the platform's plugin fetches it.
//
// The address is on the loopback interface, is good for one file and for as long as the run lasts, and cannot be
// guessed: whoever knows it may have the file. Nothing is kept here; bytes pass through. A file that turns out not to
// be whole or right breaks off, so that a client that checks how a response ends never takes it for the file.
package media
