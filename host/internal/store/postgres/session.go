package postgres

import (
	"context"
	"crypto/tls"
	"database/sql"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// checkSession refuses a connection whose settings are not those that were asked for, and one that is shared with
// others: what a pooler of transactions gives. Prepared statements, settings and the lock of a migration belong to
// a session.
func (s *Store) checkSession(ctx context.Context) error {
	one, err := s.writes.Conn(ctx)
	if err != nil {
		return s.unreachable(err)
	}
	defer func() { _ = one.Close() }()
	other, err := s.writes.Conn(ctx)
	if err != nil {
		return s.unreachable(err)
	}
	defer func() { _ = other.Close() }()
	for _, name := range []string{"search_path", "synchronous_commit", "statement_timeout"} {
		value, err := ask(ctx, one, `SELECT setting FROM pg_settings WHERE name = $1`, name)
		if err != nil {
			return s.unreachable(err)
		}
		if want := s.asked[name]; value != want {
			return fmt.Errorf("the store %s: %s is %q, and not %q as this host asked: a pooler between them ignores it; "+
				"connect to the server itself, or have the pooler keep sessions", s.name, name, value, want)
		}
	}
	mark := uuid.NewString()
	if _, err := ask(ctx, one, `SELECT set_config('aofd.session', $1, false)`, mark); err != nil {
		return s.unreachable(err)
	}
	for conn, want := range map[*sql.Conn]string{other: "", one: mark} {
		value, err := ask(ctx, conn, `SELECT coalesce(current_setting('aofd.session', true), '')`)
		if err != nil {
			return s.unreachable(err)
		}
		if value != want {
			return fmt.Errorf("the store %s is reached through a pooler that shares sessions, such as PgBouncer with "+
				"pool_mode = transaction: connect to the server itself, or set pool_mode = session", s.name)
		}
	}
	_, err = ask(ctx, one, `SELECT set_config('aofd.session', '', false)`)
	return err
}

// ask returns one text. It prepares nothing, as a pooler may not be able to.
func ask(ctx context.Context, conn *sql.Conn, query string, args ...any) (value string, err error) {
	args = append([]any{pgx.QueryExecModeSimpleProtocol}, args...)
	return value, conn.QueryRowContext(ctx, query, args...).Scan(&value)
}

func (s *Store) unreachable(err error) error {
	return fmt.Errorf("the store %s cannot be reached: %w", s.name, err)
}

// exposed reports whether what is said to the database could be read, or answered, by others: it crosses a network
// without TLS, or without a check of the server's certificate.
func exposed(config *pgx.ConnConfig) bool {
	at := func(host string, c *tls.Config) bool {
		ip := net.ParseIP(host)
		local := strings.HasPrefix(host, "/") || host == "localhost" || ip != nil && ip.IsLoopback()
		return !local && (c == nil || c.InsecureSkipVerify && c.VerifyPeerCertificate == nil)
	}
	return at(config.Host, config.TLSConfig) || slices.ContainsFunc(config.Fallbacks, func(f *pgconn.FallbackConfig) bool {
		return at(f.Host, f.TLSConfig)
	})
}
