// Package wire is what is said on the socket between the host and a plugin or an agent: the handshake, TLS,
// the translation between the contract's messages and package chat, and errors. It serves both sides, so
// that they cannot drift apart.
//
// It is not for authors of plugins: use packages platform and agent.
package wire
