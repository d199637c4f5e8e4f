package catalog

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/aof-dev/aofd/host/internal/catalog/process"
	"github.com/aof-dev/aofd/sdk/wire"
)

// terminal are the variables that say how a command may look.
var terminal = []string{"TERM", "NO_COLOR", "COLUMNS"}

// Program returns a command that runs a plugin's file with arguments, as a person would, and not to serve. It has no
// streams yet. Like a plugin that serves, it sees little of the host's environment. config, unless nil, is what it
// reads from its configuration descriptor; it is neither in its arguments nor in its environment. free must be called
// when the command has ended.
func (c *Catalog) Program(ctx context.Context, id string, config []byte, args ...string) (cmd *exec.Cmd, free func(), err error) {
	f, ok := lookup(c.found, id)
	if !ok {
		return nil, nil, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if !f.usable() {
		return nil, nil, fmt.Errorf("%w: %s: %s", ErrNotFound, f.Path, f.Refused)
	}
	path, err := take(f.Path, c.run.store())
	if err != nil {
		return nil, nil, err
	}
	cmd = exec.CommandContext(ctx, path, args...)
	cmd.Env = process.Environment(os.Environ())
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); slices.Contains(terminal, name) {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	if config == nil {
		return cmd, func() {}, nil
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("hand over the configuration: %w", err)
	}
	cmd.ExtraFiles = []*os.File{read} // descriptor 3
	cmd.Env = append(cmd.Env, wire.EnvConfigFD+"=3")
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = write.Write(config) // one that does not read it does not want it
		_ = write.Close()
	}()
	return cmd, func() {
		_ = read.Close()
		_ = write.Close() // ends a write that nobody read
		<-written
	}, nil
}
