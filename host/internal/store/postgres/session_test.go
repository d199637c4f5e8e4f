package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/aof-dev/aofd/host/internal/store/postgres"
	"github.com/aof-dev/aofd/host/internal/store/postgres/pgtest"
)

// attempt opens a store, writes to it and closes it. told is all that was logged and returned.
func attempt(t *testing.T, address string) (told string, err error) {
	t.Helper()
	var log lines
	s, err := postgres.Open(t.Context(), address, postgres.Options{
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err == nil {
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		return log.String(), s.Close()
	}
	return log.String() + err.Error(), err
}

// lines collects a log that several goroutines write.
type lines struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

// TestTLS: with verify-full the store is reached by a server that proves to be the right one only, and no secret is
// told, whatever goes wrong.
func TestTLS(t *testing.T) {
	const secret = "s3cret-pass%word"
	address, ca := pgtest.Secure(t, secret)
	other, _, _ := pgtest.Certificate(t, t.TempDir())
	to := func(user *url.Userinfo, host string, query ...string) string {
		q := url.Values{}
		for i := 0; i+1 < len(query); i += 2 {
			q.Set(query[i], query[i+1])
		}
		u := url.URL{Scheme: "postgres", User: user, Host: host, Path: "/postgres", RawQuery: q.Encode()}
		return u.String()
	}
	_, port, _ := net.SplitHostPort(address)
	alone, full := url.User("aofd"), []string{"sslmode", "verify-full", "sslrootcert", ca}
	for name, c := range map[string]struct {
		address  string
		password string // of the environment
		want     string // part of the error; empty: it works
	}{
		"password of the environment": {to(alone, address, full...), secret, ""},
		"password of the address":     {to(url.UserPassword("aofd", secret), address, full...), "", ""},
		"wrong password":              {to(alone, address, full...), "not-" + secret, "password authentication failed"},
		"no password":                 {to(alone, address, full...), "", "password authentication failed"},
		"another authority":           {to(alone, address, "sslmode", "verify-full", "sslrootcert", other), secret, "certificate"},
		"no authority's file":         {to(alone, address, "sslmode", "verify-full", "sslrootcert", filepath.Join(t.TempDir(), "x")), secret, "no such file"},
		"another name":                {to(alone, "127.0.0.1:"+port, full...), secret, "certificate"},
		"without TLS":                 {to(alone, address, "sslmode", "disable"), secret, "no encryption"},
		"no port":                     {to(url.UserPassword("aofd", secret), "localhost:x", full...), "", "cannot parse"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PGPASSWORD", c.password)
			told, err := attempt(t, c.address)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
				if strings.Contains(told, form) {
					t.Errorf("it tells the password: %s", told)
				}
			}
		})
	}
	t.Setenv("PGPASSWORD", secret)
	conn, err := pgx.Connect(t.Context(), to(alone, address, full...))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var secured bool
	if err := conn.QueryRow(t.Context(), `SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`).Scan(&secured); err != nil || !secured {
		t.Errorf("the connection is in the clear: %v", err)
	}
}

// TestUnprotectedIsTold: what crosses a network without TLS, or without knowing to whom, is worth a warning.
func TestUnprotectedIsTold(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel() // nobody is to be reached
	for address, want := range map[string]bool{
		"postgres://a@192.0.2.1/x":                      true,
		"postgres://a@db.example/x?sslmode=disable":     true,
		"postgres://a@db.example/x?sslmode=require":     true,
		"postgres://a@db.example/x?sslmode=verify-ca":   false,
		"postgres://a@db.example/x?sslmode=verify-full": false,
		"postgres://a@localhost/x":                      false,
		"postgres://a@127.0.0.1,[::1]/x":                false,
		"postgres://a@127.0.0.1,db.example/x":           true,
		"postgres:///x?host=/run/postgresql":            false,
	} {
		var log lines
		if _, err := postgres.Open(gone, address, postgres.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}); err == nil {
			t.Errorf("%s was reached", address)
		}
		if got := strings.Contains(log.String(), "unprotected"); got != want {
			t.Errorf("%s: told %v, want %v: %s", address, got, want, &log)
		}
	}
}

// TestReadOnlyIsRefused: a replica, or a server that takes no writes, could store nothing.
func TestReadOnlyIsRefused(t *testing.T) {
	primary := pgtest.Own(t)
	replica := pgtest.Standby(t, primary)
	for name, address := range map[string]string{
		"a replica":                   replica.URL(),
		"a replica that is asked for": replica.URL() + "&target_session_attrs=standby",
		"a read-only session":         primary.URL() + "&options=-c%20default_transaction_read_only%3Don",
	} {
		if _, err := attempt(t, address); err == nil || !strings.Contains(err.Error(), "takes no writes") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := attempt(t, primary.URL()); err != nil {
		t.Error(err)
	}
}

// TestPoolerOfTransactionsIsRefused: sessions that are shared with others, or that lose what they were asked for, would
// fail in ways that nobody sees.
func TestPoolerOfTransactionsIsRefused(t *testing.T) {
	s := pgtest.Shared(t)
	for name, c := range map[string]struct {
		keeps bool // the settings of whoever connects
		want  string
	}{
		"that keeps no settings": {false, "a pooler between them ignores it"},
		"that shares sessions":   {true, "a pooler that shares sessions"},
	} {
		t.Run(name, func(t *testing.T) {
			p := pooling(t, s.URL(), c.keeps)
			if _, err := attempt(t, pgtest.URL(p)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// pooling starts a pooler that gives one session of the server to whoever asks, for the length of a query, and
// returns the folder of its socket.
func pooling(t *testing.T, address string, keeps bool) (dir string) {
	t.Helper()
	config, err := pgconn.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	if keeps {
		config.RuntimeParams = map[string]string{"search_path": postgres.DefaultSchema, "statement_timeout": "10000"}
	}
	server, err := pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	session, err := server.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		_ = session.Conn.Close()
		clients.Wait()
	})
	var turn sync.Mutex
	clients.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			clients.Go(func() { serve(conn, session.Frontend, &turn) })
		}
	})
	return dir
}

// serve answers one client of a pooler.
func serve(conn net.Conn, server *pgproto3.Frontend, turn *sync.Mutex) {
	defer func() { _ = conn.Close() }()
	client := pgproto3.NewBackend(conn, conn)
	if _, err := client.ReceiveStartupMessage(); err != nil {
		return
	}
	client.Send(&pgproto3.AuthenticationOk{})
	for name, value := range map[string]string{"standard_conforming_strings": "on", "client_encoding": "UTF8"} {
		client.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if client.Flush() != nil {
		return
	}
	for {
		m, err := client.Receive()
		if err != nil {
			return
		}
		if _, over := m.(*pgproto3.Terminate); over {
			return
		}
		turn.Lock()
		err = relay(m, client, server)
		turn.Unlock()
		if err != nil {
			return
		}
	}
}

// relay hands on a request and whatever belongs to it, until the server is ready for the next one.
func relay(m pgproto3.FrontendMessage, client *pgproto3.Backend, server *pgproto3.Frontend) (err error) {
	for {
		server.Send(m)
		_, simple := m.(*pgproto3.Query)
		_, sync := m.(*pgproto3.Sync)
		if simple || sync {
			break
		}
		if m, err = client.Receive(); err != nil {
			return err
		}
	}
	if err := server.Flush(); err != nil {
		return err
	}
	for {
		m, err := server.Receive()
		if err != nil {
			return errors.Join(err, io.ErrUnexpectedEOF)
		}
		client.Send(m)
		if _, ready := m.(*pgproto3.ReadyForQuery); ready {
			return client.Flush()
		}
	}
}
