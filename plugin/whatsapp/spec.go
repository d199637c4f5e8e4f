package whatsapp

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/operate"
	"github.com/aof-dev/aofd/sdk/platform"
)

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
	out := []platform.Command{{
		Name: "emulate", Short: "stands in for Meta and a phone; see emulate --help", Run: emulate,
	}}
	for name, short := range operate.Commands() {
		out = append(out, platform.Command{Name: name, Short: short, Run: func(ctx context.Context, args []string) int {
			return operate.Run(ctx, operated, append([]string{name}, args...), operate.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
		}})
	}
	slices.SortFunc(out, func(a, b platform.Command) int { return strings.Compare(a.Name, b.Name) })
	return out
}
