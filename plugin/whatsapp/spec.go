package whatsapp

import "github.com/aof-dev/aofd/sdk/platform"

// Spec is the plugin aof-platform-whatsapp.
func Spec() platform.Spec {
	return platform.Spec{Info: Info(), New: platform.Configured(configured), Commands: commands()}
}

// configured is New as the SDK wants it: without the trap of a nil pointer in an interface.
func configured(c Config) (platform.Platform, error) {
	p, err := New(c)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// commands are what the binary does beside serving the host.
func commands() []platform.Command {
	return []platform.Command{{
		Name: "emulate", Short: "stands in for Meta and a phone; see emulate --help", Run: emulate,
	}}
}
