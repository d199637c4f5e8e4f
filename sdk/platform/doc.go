// Package platform is what one writes a platform plugin with: a chat network's adapter that aofd starts as a
// process of its own.
//
//	type echo struct{ platform.Base }
//
//	func main() {
//		platform.Main(platform.Spec{
//			Info: platform.Info{ID: "echo", DisplayName: "Echo", Version: "0.1.0"},
//			New:  platform.Configured(func(c Config) (platform.Platform, error) { return &echo{}, nil }),
//		})
//	}
//
// Main brings everything that is not about the chat network: the handshake, TLS, the deadline and the
// panics of each call, logging by slog, the schema of the configuration, and a clean end.
package platform
