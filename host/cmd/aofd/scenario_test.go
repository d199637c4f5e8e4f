package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestScenarios plays examples/scenarios against a daemon with its plugin, all as processes. Each of them says
// what people write, what they get, and what goes wrong meanwhile.
func TestScenarios(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("thirty conversations, each with an agent in Python, take half a minute")
	}
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("the agent of the scenarios is written in Python, which is not here")
	}
	files, err := filepath.Glob(filepath.Join(root, "examples/scenarios/*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(root, "examples/scenarios/config.yaml")
	b := &bed{TB: t, dir: t.TempDir(), address: freeAddress(t), emulator: freeAddress(t)}
	_, port, _ := net.SplitHostPort(b.address)
	start(t, []string{"AOFD_PORT=" + port, "AOFD_GRAPH=http://" + b.emulator}, "aofd", "serve", "-c", config,
		"--data-dir", filepath.Join(b.dir, "data"))

	args := []string{
		"emulate", "run", "--listen", b.emulator, "--webhook", "http://" + b.address + "/webhook/whatsapp",
		"--ready", "60s", "--json", "--junit", filepath.Join(b.dir, "junit.xml"),
	}
	for _, f := range files {
		if f != config {
			args = append(args, f)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin(t), "plugins/aof-platform-whatsapp"), args...)
	cmd.Stderr = &output{}
	out, err := cmd.Output()
	var report struct {
		Passed    int
		Scenarios []struct {
			Name    string
			File    string
			Failure *struct {
				Line        int
				Step, Error string
			}
		}
	}
	if jsonErr := json.Unmarshal(out, &report); jsonErr != nil {
		t.Fatalf("no report: %v, %v\n%s\n%s", err, jsonErr, out, cmd.Stderr)
	}
	for _, s := range report.Scenarios {
		if s.Failure != nil {
			t.Errorf("%s: %s:%d: %s: %s", s.Name, s.File, s.Failure.Line, s.Failure.Step, s.Failure.Error)
		}
	}
	if report.Passed < 20 {
		t.Errorf("%d scenarios passed", report.Passed)
	}
	if xml, err := os.ReadFile(filepath.Join(b.dir, "junit.xml")); err != nil || len(xml) == 0 {
		t.Errorf("no JUnit report: %v", err)
	}
}
