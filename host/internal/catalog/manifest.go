package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/aof-dev/aofd/host/internal/catalog/process"
	"github.com/aof-dev/aofd/sdk/chat"
)

// manifestTimeout is how long a plugin may take to say what it is.
const manifestTimeout = 5 * time.Second

// Find lists all files in the folders that look like plugins, with why some are not used.
func Find(dirs []string) ([]Found, error) { return find(dirs) }

// Manifest asks a plugin's file what it is. Nothing goes on running.
func Manifest(ctx context.Context, f Found) (info chat.PluginInfo, err error) {
	ctx, cancel := context.WithTimeout(ctx, manifestTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, f.Path, "--manifest")
	cmd.Env = process.Environment(os.Environ())
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &info)
	}
	if err != nil {
		return info, fmt.Errorf("ask %s for its manifest: %w", f.Path, err)
	}
	return info, nil
}
