package config

import (
	"path/filepath"
	"testing"
)

// root is the folder of the repository.
const root = "../../.."

func TestTheExamplesLoad(t *testing.T) {
	t.Parallel()
	dir, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	s := Settings{Path: "examples/demo/config.yaml", WorkDir: dir, Strict: true, ValidateOnly: true}
	cfg, diags := Load(s)
	hasFindings(t, diags)
	if len(cfg.Agents) == 0 || len(cfg.Triggers) == 0 || len(cfg.Platforms) == 0 {
		t.Errorf("%+v", cfg)
	}
	files, err := filepath.Glob(filepath.Join(dir, "examples/agents/*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, folder := range append(files, filepath.Join(dir, "examples/agents")) {
		if found, _ := filepath.Glob(filepath.Join(folder, "*.yaml")); len(found) > 0 {
			_, diags := Load(Settings{WorkDir: dir, Strict: true, ValidateOnly: true, Overrides: Overrides{AgentsDir: folder}})
			for _, d := range diags {
				if d.Text != "3 agents are loaded, and none of them is the default" {
					t.Error(lines(diags))
				}
			}
		}
	}
}
