// Package router decides which trigger takes a message and which agent its rules lead to. It looks at the
// configuration and the message only: the same message always takes the same way.
package router
