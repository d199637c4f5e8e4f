package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/aof-dev/aofd/host/internal/store/postgres/pgtest"
)

func TestMain(m *testing.M) {
	testscript.Main(tidy{m}, map[string]func(){
		"aofd": func() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) },
		"bare": bare,
	})
}

// tidy removes what the tests built.
type tidy struct{ *testing.M }

func (t tidy) Run() int {
	defer func() { _ = os.RemoveAll(built) }() // a temporary folder
	return pgtest.Main(t.M)
}

// The command line, as its users see it: see testdata/script.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("NO_COLOR", "1")
			return nil
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// The commands that look at a daemon and steer it, each against a real one with an emulator beside it: see
// testdata/daemon. The scripts have these commands:
//
//	phone TEXT...     says something on a phone; $ID is the message's id from then on
//	until TEXT ARG... repeats a command of aofd until its output has a text in it
func TestDaemonScripts(t *testing.T) {
	t.Parallel()
	bin(t) // once, not in each script
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "daemon"),
		Setup: func(e *testscript.Env) error {
			b := newBed(e.T().(testing.TB), map[string]string{
				"config.yaml": daemonHead + "\n  admin: {listen: \"127.0.0.1:0\", token: " + adminToken + "}\n" +
					"  agents: {directory: agents}\n  runtime: {default_agent: echo, max_tasks_per_user: 100}\n",
				"agents/echo.yaml":   says("echo", "the answer"),
				"agents/broken.yaml": "kind: Agent\nmetadata: {name: broken}\nspec: {exec: {command: [sh, -c, exit 3]}}\n",
			})
			b.emulate()
			b.serve()
			e.Values[bedKey{}] = b
			e.Setenv("NO_COLOR", "1")
			e.Setenv("DATA", filepath.Join(b.dir, "data"))
			e.Setenv("TOKEN", adminToken)
			out, _ := b.cli("status", "-o", "json")
			_, rest, _ := strings.Cut(out, `"admin_address": "`)
			admin, _, _ := strings.Cut(rest, `"`)
			e.Setenv("ADMIN", admin)
			e.Setenv("EMULATOR", b.emulator)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"phone": func(ts *testscript.TestScript, _ bool, args []string) {
				b := ts.Value(bedKey{}).(*bed)
				ts.Setenv("ID", b.phone(map[string]any{"from": "4915112345678", "type": "text", "text": strings.Join(args, " ")}))
			},
			"until": until,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

const adminToken = "a-token-of-the-tests-of-aofd"

type bedKey struct{}

// until repeats a command; its output is that of the last time, for stdout and stderr of the script.
func until(ts *testscript.TestScript, _ bool, args []string) {
	b := ts.Value(bedKey{}).(*bed)
	eventually(b, strings.Join(args, " "), func() error {
		cmd := exec.Command(filepath.Join(bin(b), "aofd"), args[1:]...)
		cmd.Env = append(os.Environ(), "NO_COLOR=1")
		out, err := cmd.CombinedOutput()
		if !strings.Contains(string(out), args[0]) {
			return errors.Join(fmt.Errorf("no %q in %s", args[0], out), err)
		}
		return nil
	})
}
