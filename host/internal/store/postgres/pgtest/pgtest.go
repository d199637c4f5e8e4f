// Package pgtest gives tests a PostgreSQL of their own: one server for a test binary, on a unix socket in a
// folder for temporary files, and a schema for each test.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Required is an environment variable that makes tests fail, and not only skip, when there is no PostgreSQL.
const Required = "AOFD_TEST_POSTGRES"

// Server is a PostgreSQL server. It is used by one goroutine at a time.
type Server struct {
	dir  string
	bin  string
	user *syscall.Credential // nil: that of the test
	port string              // of the socket's name, and of TCP when the server listens there
	cmd  *exec.Cmd
}

// ErrMissing means that PostgreSQL is not installed.
var ErrMissing = errors.New("PostgreSQL is not installed: run `make postgres`, or install version 14 or newer")

// New makes a server, which does not run yet. Remove ends it.
func New() (*Server, error) {
	s, err := bare()
	if err != nil {
		return nil, err
	}
	init := s.command("initdb", "--pgdata", s.data(), "--username", "aofd", "--auth", "trust", "--encoding", "UTF8",
		"--no-locale", "--no-sync", "--no-instructions")
	if out, err := init.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w: %s", err, out), s.Remove())
	}
	return s, nil
}

// bare makes the folder of a server.
func bare() (s *Server, err error) {
	s = &Server{port: "5432"}
	if s.bin, err = find(); err != nil {
		return nil, err
	}
	if s.user, err = unprivileged(); err != nil {
		return nil, err
	}
	// Not below TMPDIR, since the path of a socket has 107 bytes at most.
	if s.dir, err = os.MkdirTemp("/tmp", "aofd-pg-"); err != nil {
		return nil, err
	}
	if s.user != nil {
		if err := os.Chown(s.dir, int(s.user.Uid), int(s.user.Gid)); err != nil {
			return nil, errors.Join(err, s.Remove())
		}
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// find returns the folder of the server's programs: the newest of Debian's, or that in the path.
func find() (string, error) {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	if len(dirs) > 0 {
		return filepath.Dir(dirs[0]), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", ErrMissing
}

func version(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb)))) // 0 sorts last
	return n
}

// unprivileged returns whom the server runs as when the test is root, which it refuses.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), NoSetGroups: true}, errors.Join(err1, err2)
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is no other user")
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.SysProcAttr = attributes(s.user)
	return cmd
}

// Start starts the server and returns when it takes connections. settings are added to the ordinary ones, which
// sync every commit.
func (s *Server) Start(settings ...string) error {
	args := []string{
		"-D", s.data(), "-k", s.dir, "-p", s.port, "-c", "listen_addresses=", "-c", "max_connections=200",
		"-c", "shared_buffers=64MB", "-c", "max_wal_size=256MB", "-c", "logging_collector=off",
	}
	for _, c := range settings {
		args = append(args, "-c", c)
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	s.cmd = s.command("postgres", args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		err := s.exec(ctx, `SELECT 1`)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return errors.Join(fmt.Errorf("PostgreSQL does not start: %w: %s", err, text), s.Kill())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) exec(ctx context.Context, query string) error {
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, query)
	return err
}

// Socket is the path at which the server listens.
func (s *Server) Socket() string { return filepath.Join(s.dir, ".s.PGSQL."+s.port) }

// URL is the address of the server's only database.
func (s *Server) URL() string {
	if s.port != "5432" {
		return URL(s.dir) + "&port=" + s.port
	}
	return URL(s.dir)
}

// URL is the address of a server by the folder of its socket.
func URL(dir string) string {
	return "postgres:///postgres?" + url.Values{"host": {dir}, "user": {"aofd"}}.Encode()
}

// Stop ends the server in order, and all connections with it.
func (s *Server) Stop() error { return s.signal(syscall.SIGINT) }

// Kill ends the server and all its processes as a crash does.
func (s *Server) Kill() error {
	if s.cmd == nil {
		return nil
	}
	return s.signal(syscall.SIGQUIT) // its children are told to end at once; nothing is written any more
}

func (s *Server) signal(sig syscall.Signal) error {
	if s.cmd == nil {
		return nil
	}
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_ = s.cmd.Wait() // it was told to end
	s.cmd = nil
	return nil
}

// Remove ends the server and removes its files.
func (s *Server) Remove() error { return errors.Join(s.Kill(), os.RemoveAll(s.dir)) }

// shared is the server of a test binary, made when a test first asks for it.
var (
	sharedOnce sync.Once
	shared     *Server
	sharedErr  error
	schemas    atomic.Int64
)

// Shared returns the server of this test binary. Without PostgreSQL the test is skipped, or fails when that is
// required. Main must run the tests.
func Shared(t testing.TB) *Server {
	t.Helper()
	sharedOnce.Do(func() {
		if shared, sharedErr = New(); sharedErr == nil {
			sharedErr = shared.Start("fsync=off") // what survives a power loss is tested elsewhere
		}
	})
	need(t, sharedErr)
	return shared
}

// Own returns a running server that only this test uses, and that syncs. It is removed after the test.
func Own(t testing.TB, settings ...string) *Server {
	t.Helper()
	s, err := New()
	need(t, err)
	t.Cleanup(func() { remove(t, s) })
	if err := s.Start(settings...); err != nil {
		t.Fatal(err)
	}
	return s
}

// need ends a test that has no server.
func need(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, ErrMissing) && os.Getenv(Required) == "":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

// Schema returns the address of the shared server and the name of a schema that only this test uses, which is
// removed after it.
func Schema(t testing.TB) (url, schema string) {
	t.Helper()
	s := Shared(t)
	schema = fmt.Sprintf("t%d_%s", schemas.Add(1), plain(t.Name()))
	t.Cleanup(func() {
		if err := s.exec(context.Background(), `DROP SCHEMA IF EXISTS `+schema+` CASCADE`); err != nil {
			t.Error(err)
		}
	})
	return s.URL(), schema
}

// plain is a name with letters only, and not too long.
func plain(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(name))
	return name[:min(len(name), 20)]
}

// Main removes the shared server once all tests have run. It is for TestMain.
func Main(m *testing.M) int {
	code := m.Run()
	if shared != nil {
		if err := shared.Remove(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}
