// Package api serves aof.host.v1: what programs outside ask of the daemon. It listens on a unix socket in
// the data directory that only the daemon's user may open; there is no port and no token to leak.
package api
