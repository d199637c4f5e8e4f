package aofd_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/aof-dev/aofd/"

// rule says what the packages of one folder may import from this module and from others. The standard
// library is always allowed. The longest folder that matches a package is its rule; "self" is that folder.
type rule struct {
	folder string
	module []string // folders of this module, with all below them
	others []string // prefixes of import paths
	why    string
}

// stages of the pipeline know the store's words and the metrics, and never each other: host.go alone knows
// their order.
var stageMay = []string{"self", "sdk/chat", "host/internal/store!", "host/internal/telemetry", "host/internal/failpoint"}

var rules = []rule{
	{"proto/gen", []string{"self"}, []string{"google.golang.org/", "connectrpc.com/connect"}, "stubs are generated"},
	{"sdk/chat", nil, nil, "the vocabulary needs nothing"},
	{"sdk/version", nil, nil, "a word about the build"},
	{
		"sdk/wire",
		[]string{"self", "sdk/chat", "proto/gen/aof/plugin", "proto/gen/aof/platform", "proto/gen/aof/agent"},
		[]string{"google.golang.org/", "github.com/hashicorp/go-plugin"},
		"the only room that sees the stubs of plugins and agents",
	},
	{
		"sdk/platform",
		[]string{"self", "sdk/chat", "sdk/wire", "sdk/version"},
		[]string{"google.golang.org/grpc", "github.com/hashicorp/go-plugin", "github.com/hashicorp/go-hclog", "github.com/google/jsonschema-go"},
		"what a platform author needs",
	},
	{
		"sdk/agent",
		[]string{"self", "sdk/chat", "sdk/wire", "sdk/version"},
		[]string{"google.golang.org/grpc"},
		"what an agent author needs",
	},
	{
		"plugin/whatsapp",
		[]string{"self", "sdk/chat", "sdk/platform", "sdk/version"},
		[]string{"github.com/rivo/uniseg", "github.com/yuin/goldmark", "golang.org/x/", "github.com/google/uuid", "github.com/cenkalti/backoff", "github.com/spf13/cobra", "code.dny.dev/ssrf", "github.com/tidwall/gjson", "github.com/sony/gobreaker", "github.com/hashicorp/golang-lru"},
		"a plugin is built against the SDK only",
	},
	{
		"plugin/whatsapp/internal/emulator/scenario",
		[]string{"plugin/whatsapp/internal/emulator/span"},
		[]string{"go.yaml.in/yaml/v4"},
		"scenarios are YAML and speak the control API only",
	},
	{"host/internal/store", []string{"sdk/chat"}, nil, "the words of the store, without SQL"},
	{"host/internal/store/sqlstore", []string{"host/internal/store", "sdk/chat"}, []string{"github.com/pressly/goose/v3"}, "the SQL that databases share, without their drivers"},
	{
		"host/internal/store/postgres",
		[]string{"self", "host/internal/store", "sdk/chat"},
		[]string{"github.com/jackc/pgx/v5", "github.com/pressly/goose/v3", "github.com/google/uuid"},
		"a room that knows SQL",
	},
	{
		"host/internal/store/sqlite",
		[]string{"self", "host/internal/store", "sdk/chat"},
		[]string{"modernc.org/sqlite", "github.com/pressly/goose/v3", "github.com/gofrs/flock", "golang.org/x/"},
		"a room that knows SQL",
	},
	{"host/internal/store/storetest", []string{"host/internal/store", "sdk/chat"}, []string{"github.com/google/go-cmp"}, "the suite of all stores"},
	{"host/internal/failpoint", nil, nil, "places at which tests kill the daemon"},
	{"host/internal/telemetry", []string{"host/internal/store!", "sdk/chat"}, []string{"github.com/prometheus/", "go.opentelemetry.io/otel"}, "metrics and traces"},
	{"host/internal/ingress", stageMay, []string{"golang.org/x/sync"}, "a stage"},
	{"host/internal/turn", stageMay, []string{"golang.org/x/time"}, "a stage"},
	{"host/internal/egress", stageMay, []string{"golang.org/x/time"}, "a stage"},
	{"host/internal/router", []string{"self", "sdk/chat", "host/internal/config"}, []string{"golang.org/x/text"}, "a stage"},
	{"host/internal/session", []string{"self", "sdk/chat"}, []string{"github.com/agext/levenshtein"}, "a stage"},
	{
		"host/internal/runner",
		[]string{"self", "sdk/chat", "sdk/wire", "host/internal/config"},
		[]string{"google.golang.org/grpc", "github.com/tmaxmax/go-sse", "golang.org/x/"},
		"what runs agents",
	},
	{
		"host/internal/config",
		[]string{"sdk/chat"},
		[]string{"go.yaml.in/yaml/v4", "github.com/google/jsonschema-go", "github.com/agext/levenshtein", "golang.org/x/"},
		"YAML becomes checked values here and nowhere else",
	},
	{
		"host/internal/catalog",
		[]string{"self", "sdk/chat", "sdk/wire"},
		[]string{"github.com/hashicorp/", "google.golang.org/grpc", "github.com/Masterminds/semver/v3", "github.com/cenkalti/backoff/v5", "github.com/gofrs/flock", "golang.org/x/"},
		"the only room of the host that knows go-plugin",
	},
	{"host/internal/media", []string{"self", "sdk/chat"}, []string{"golang.org/x/"}, "bytes pass through here, whoever brings them"},
	{
		"host/internal/api",
		[]string{"self", "sdk/chat", "host/internal/store!", "host/internal/stats", "proto/gen/aof/host"},
		[]string{"connectrpc.com/connect", "google.golang.org/protobuf", "google.golang.org/genproto", "golang.org/x/time"},
		"the only room that knows aof.host.v1",
	},
	{
		"host/internal/dev",
		[]string{"self", "examples!", "sdk/chat", "host/internal/api", "host/internal/catalog", "host/internal/console", "proto/gen/aof/host"},
		[]string{"connectrpc.com/connect", "github.com/cenkalti/backoff/v5", "github.com/tmaxmax/go-sse"},
		"the playground: children of its own, never a plugin's package",
	},
	{"host/internal/stats", nil, []string{"github.com/prometheus/"}, "figures of the last hours, from the metrics"},
	{"host/internal/console", nil, nil, "a page and how it is served"},
	{
		"host",
		[]string{"self", "sdk/chat", "sdk/version", "proto/gen/aof/host"},
		[]string{"github.com/spf13/cobra", "github.com/lmittmann/tint", "github.com/mattn/go-isatty", "golang.org/x/", "connectrpc.com/connect", "google.golang.org/protobuf", "github.com/google/uuid", "github.com/gofrs/flock", "github.com/cenkalti/backoff/v5", "github.com/fsnotify/fsnotify", "github.com/cli/browser", "github.com/rivo/uniseg"},
		"the daemon: wires the stages, never a plugin",
	},
	{"examples", []string{"self", "sdk"}, nil, "examples are built as their readers would build them"},
	{"", nil, nil, "the root holds no code"},
}

func TestImportsFollowTheRules(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (path != "." && strings.HasPrefix(d.Name(), ".") || d.Name() == "bin" || d.Name() == "testdata" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		checkFile(t, filepath.ToSlash(path))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkFile(t *testing.T, path string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Errorf("%s does not parse: %v", path, err)
		return
	}
	folder := filepath.ToSlash(filepath.Dir(path))
	r := ruleOf(folder)
	if r.folder == "" {
		t.Errorf("%s: folder %s has no rule in layout_test.go: say what it may import", path, folder)
		return
	}
	for _, imp := range file.Imports {
		p := strings.Trim(imp.Path.Value, `"`)
		if !allowed(r, folder, p) {
			t.Errorf("%s imports %s, but %s may not: %s", path, p, r.folder, r.why)
		}
	}
}

func ruleOf(folder string) (best rule) {
	for _, r := range rules {
		if within(folder, r.folder) && len(r.folder) > len(best.folder) {
			best = r
		}
	}
	return best
}

func within(folder, in string) bool { return folder == in || strings.HasPrefix(folder, in+"/") }

func allowed(r rule, folder, imp string) bool {
	first, _, _ := strings.Cut(imp, "/")
	if !strings.Contains(first, ".") {
		return true // standard library
	}
	target, ours := strings.CutPrefix(imp, module)
	if !ours {
		return slices.ContainsFunc(r.others, func(p string) bool { return strings.HasPrefix(imp, p) })
	}
	return slices.ContainsFunc(r.module, func(m string) bool {
		if exact, ok := strings.CutSuffix(m, "!"); ok {
			return target == exact
		}
		if m == "self" {
			m = r.folder
		}
		return within(target, m)
	})
}

func TestTopLevelIsFixed(t *testing.T) {
	t.Parallel()
	want := []string{
		"ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "RELIABILITY.md",
		"SECURITY.md",
		"buf.gen.yaml", "buf.yaml", "examples", "go.mod", "go.sum", "host", "layout_test.go", "plugin", "proto",
		"sdk", "tools.mod", "tools.sum",
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if n := e.Name(); !strings.HasPrefix(n, ".") && n != "bin" && n != "data" && !slices.Contains(want, n) {
			t.Errorf("%s is not part of the fixed top level", n)
		}
	}
}

// Only the plugin, its users and the papers name a chat network: whatever the host needs to know of one, it
// gets from the plugin as data.
func TestOnlyThePluginNamesItsPlatform(t *testing.T) {
	t.Parallel()
	for _, root := range []string{"sdk", "host", "proto/aof"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata/") ||
				!strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".proto") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for i, line := range strings.Split(string(text), "\n") {
				if l := strings.ToLower(line); strings.Contains(l, "whatsapp") || strings.Contains(l, "graph.facebook") {
					t.Errorf("%s:%d names a platform: %s", path, i+1, strings.TrimSpace(line))
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Every test that ARCHITECTURE.md or RELIABILITY.md names as the holder of an invariant or a promise is there, and
// so is every quoted case of the stores' suite.
func TestInvariantsAreHeld(t *testing.T) {
	t.Parallel()
	var tests strings.Builder
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		tests.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	suite, err := os.ReadFile("host/internal/store/storetest/storetest.go")
	if err != nil {
		t.Fatal(err)
	}
	for doc, head := range map[string]string{
		"ARCHITECTURE.md": "| invariant | held by |", "RELIABILITY.md": "| promise | held by |",
	} {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		_, tables, _ := strings.Cut(string(text), head)
		rows := 0
		for _, line := range strings.Split(tables, "\n") {
			cells := strings.Split(line, "|")
			if len(cells) != 4 || strings.HasPrefix(cells[1], "--") || strings.TrimSpace(cells[1]) == "promise" {
				continue
			}
			rows++
			names := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`").FindAllStringSubmatch(cells[2], -1)
			cases := regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(cells[2], -1)
			if len(names)+len(cases) == 0 {
				t.Errorf("%s: nothing holds this: %s", doc, strings.TrimSpace(cells[1]))
			}
			for _, n := range names {
				if !strings.Contains(tests.String(), "\nfunc "+n[1]+"(") {
					t.Errorf("%s names %s, which is no test", doc, n[1])
				}
			}
			for _, c := range cases {
				if !strings.Contains(string(suite), "\t\t\""+c[1]+"\":") {
					t.Errorf("%s names the case %q, which is not in the stores' suite", doc, c[1])
				}
			}
		}
		if rows < 20 {
			t.Errorf("%s has no table of what is held by tests: %d rows", doc, rows)
		}
	}
}
