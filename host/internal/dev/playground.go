package dev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/aof-dev/aofd/examples"
)

// config is the file of a folder that a playground is made from.
const configFile = "config.yaml"

// furnish puts the examples into a folder for the given platforms, unless it has a configuration already, and
// returns the path of that.
func furnish(dir string, platforms []string) (string, error) {
	path := filepath.Join(dir, configFile)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return "", fmt.Errorf("%s is not empty and has no %s: name an empty or a new folder, or give -c", dir, configFile)
	}
	for _, p := range platforms {
		text, err := examples.Playground.ReadFile("playground/trigger.yaml")
		if err != nil {
			return "", err
		}
		trigger := strings.ReplaceAll(string(text), "PLATFORM", p)
		if err := write(filepath.Join(dir, "triggers", p+".yaml"), []byte(trigger)); err != nil {
			return "", err
		}
	}
	if err := copyExamples("agents", filepath.Join(dir, "agents")); err != nil {
		return "", err
	}
	text, err := examples.Playground.ReadFile("playground/" + configFile)
	return path, errors.Join(err, write(path, text)) // last: it says that the folder is complete
}

func copyExamples(from, to string) error {
	entries, err := fs.ReadDir(examples.Playground, from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, err := examples.Playground.ReadFile(path.Join(from, e.Name()))
		if err != nil {
			return err
		}
		if err := write(filepath.Join(to, e.Name()), text); err != nil {
			return err
		}
	}
	return nil
}

// write makes a file; one that is a program may be run.
func write(path string, text []byte) error {
	mode := fs.FileMode(0o644)
	if filepath.Ext(path) == ".sh" {
		mode = 0o755
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the playground: %w", err)
	}
	if err := os.WriteFile(path, text, mode); err != nil {
		return fmt.Errorf("make the playground: %w", err)
	}
	return nil
}
