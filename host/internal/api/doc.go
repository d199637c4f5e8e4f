// Package api serves aof.host.v1: what programs outside ask of the daemon. It listens on a unix socket in the
// data directory that only the daemon's user may open. A TCP listener for browsers and other machines stands
// behind a Guard: a token unless only this machine reaches it, and nothing for web pages of other origins.
package api
