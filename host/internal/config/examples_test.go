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
