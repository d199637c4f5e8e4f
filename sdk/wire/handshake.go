package wire

import "github.com/hashicorp/go-plugin"

// What the host and a plugin must agree on before the first call.
const (
	// ProtocolVersion N speaks the proto packages vN.
	ProtocolVersion = 1
	// CookieKey and CookieValue tell a plugin that the host started it. They are no secret.
	CookieKey   = "AOF_PLUGIN"
	CookieValue = "aof.plugin.v1"
	// The files with the plugin's certificate, its key, and the only client certificate to accept. PEM.
	EnvTLSCert     = "AOF_TLS_CERT"
	EnvTLSKey      = "AOF_TLS_KEY"
	EnvTLSClientCA = "AOF_TLS_CLIENT_CA"
	// EnvLogLevel is the level from which a plugin logs: debug, info, warn or error.
	EnvLogLevel = "AOF_LOG_LEVEL"
	// EnvConfigFD is the number of the file descriptor from which a subcommand reads the platform's configuration,
	// a JSON object, when the host runs it for the operator.
	EnvConfigFD = "AOF_CONFIG_FD"
	// MaxMessageBytes bounds a message on the wire, both ways.
	MaxMessageBytes = 64 << 20
)

// Handshake is the same on both sides.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion: ProtocolVersion, MagicCookieKey: CookieKey, MagicCookieValue: CookieValue,
}
