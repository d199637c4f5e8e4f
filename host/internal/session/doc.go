// Package session answers what users ask the daemon itself: which agents there are, which one is theirs, and
// what is being worked on. It never calls an agent.
package session
