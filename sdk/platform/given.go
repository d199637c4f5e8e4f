package platform

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/aof-dev/aofd/sdk/wire"
)

// maxConfig bounds a configuration, in bytes.
const maxConfig = 1 << 20

// GivenConfig returns the platform's configuration, a JSON object with its secrets, when the host runs a subcommand
// for the operator: aofd plugin run <id> <command>. given is false when nobody handed one over. It can be read once.
func GivenConfig() (config json.RawMessage, given bool, err error) {
	number := os.Getenv(wire.EnvConfigFD)
	if number == "" {
		return nil, false, nil
	}
	fd, err := strconv.Atoi(number)
	if err != nil || fd < 3 {
		return nil, true, fmt.Errorf("%s is no number of a file descriptor from 3 on", wire.EnvConfigFD)
	}
	f := os.NewFile(uintptr(fd), "configuration")
	if f == nil {
		return nil, true, fmt.Errorf("file descriptor %d of %s is not open", fd, wire.EnvConfigFD)
	}
	defer func() { _ = f.Close() }()
	config, err = io.ReadAll(io.LimitReader(f, maxConfig+1))
	switch {
	case err != nil:
		return nil, true, fmt.Errorf("read the configuration: %w", err)
	case len(config) > maxConfig || !json.Valid(config):
		return nil, true, fmt.Errorf("the configuration is not JSON of at most %d bytes", maxConfig)
	}
	return config, true, nil
}
