// Package outbound reads the bodies that send a message and says what Meta would refuse of them: shapes,
// limits, and values that must differ. What depends on the state of the number, such as a template or the
// window of a chat, is not looked at here.
package outbound
