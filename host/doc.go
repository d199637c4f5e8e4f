// Package host is the daemon as a library: it loads the configuration, starts the plugins, and runs the
// stages that take a webhook in and send an answer out.
//
//	platform ─▶ ingress ─▶ INBOX ─▶ turn( router · agent ) ─▶ OUTBOX ─▶ egress ─▶ platform
//
// Run serves until its context ends; Validate checks a configuration and starts nothing that serves.
package host
