package whatsapp_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp"
)

// The README has a row for each key of the configuration.
func TestReadmeHasEveryKey(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := whatsapp.Spec().New.Schema()
	if err != nil {
		t.Fatal(err)
	}
	for key := range schema.Properties {
		if !strings.Contains(string(doc), "| `"+key+"` |") {
			t.Errorf("README.md has no row for %s", key)
		}
	}
}

// Each test that the README names as a proof is there, and each row of its tables of what is supported names one or
// says why there is none.
func TestReadmeNamesItsTests(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tables, found := strings.Cut(string(doc), "## What is supported")
	if !found {
		t.Fatal("the README does not say what is supported")
	}
	tests := testNames(t)
	named := regexp.MustCompile("`((?:Test|Fuzz|Benchmark|Example)[A-Za-z0-9_]+)(/[a-z0-9_]+)?`")
	rows := 0
	for line := range strings.Lines(tables) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| |") || strings.HasSuffix(line, "| test |\n") {
			continue
		}
		rows++
		all := named.FindAllStringSubmatch(line, -1)
		if len(all) == 0 && !strings.Contains(line, " no: ") {
			t.Errorf("no test: %s", line)
		}
		for _, n := range all {
			if !tests[n[1]] {
				t.Errorf("there is no %s: %s", n[1], line)
			}
			if n[2] != "" {
				if _, err := os.Stat(filepath.Join("internal/webhook/testdata/webhooks", n[2]+".json")); err != nil {
					t.Errorf("%s%s: %v", n[1], n[2], err)
				}
			}
		}
	}
	if rows < 60 {
		t.Errorf("%d rows", rows)
	}
}

// testNames are the tests of this folder and those below.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)[A-Za-z0-9_]+)\(`)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(source, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Each type of content is in the README's table, with its method.
func TestReadmeHasEveryMethod(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	methods := reflect.TypeFor[*whatsapp.Platform]()
	var missing []string
	for i := range methods.NumMethod() {
		name := methods.Method(i).Name
		if strings.HasPrefix(name, "Send") && name != "Send" && name != "SendSignal" && !strings.Contains(string(doc), "`"+name+"`") {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		t.Errorf("README.md does not name %v", missing)
	}
}
