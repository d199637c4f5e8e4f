package postgres

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/aof-dev/aofd/host/internal/store"
	"github.com/aof-dev/aofd/host/internal/store/sqlstore"
)

//go:embed migrations/*.sql
var embedded embed.FS

// migrations are the versions of the schema.
var migrations, _ = fs.Sub(embedded, "migrations") // which is there

// Options of Open.
type Options struct {
	Logger *slog.Logger // required
	// Schema is the namespace of the store's tables; it is made when it is not there. Hosts with the same URL
	// and schema are one deployment. Empty: DefaultSchema.
	Schema string
	// Interval lets the database answer before a commit is on disk: a power loss may take the last moments.
	Interval bool
	Limits   sqlstore.Limits
	// Committed is called after each transaction, with how many operations shared it. Optional.
	Committed func(operations int, took time.Duration)
	Retry     store.Retry // of what failed after the platform had taken it; nil: never
	// Now is the clock of leases; nil takes the database's. For tests.
	Now func() time.Time
}

// DefaultSchema is where the tables are.
const DefaultSchema = "aofd"

// Store is the store in a PostgreSQL database. See store.Store.
type Store struct {
	*sqlstore.Store // nil until the database was reached

	log      *slog.Logger
	name     string // of the database, for people; no secrets
	schema   string
	config   *pgx.ConnConfig   // of a reader; copied before it is changed
	asked    map[string]string // the settings of a writer's session
	writes   *sql.DB
	reads    *sql.DB
	now      func() time.Time // nil: the database's clock
	ahead    atomic.Int64     // how far the database's clock is ahead of ours, in nanoseconds
	hints    *hints
	stopOnce sync.Once
}

var _ store.Store = (*Store)(nil)

const (
	writers = 3                // transactions of one host at the same time
	readers = 8                // connections for reading, at most
	batched = 128              // operations that share a transaction
	patient = 10 * time.Second // what one transaction, one read or one connection may take
)

// planning has the statements of writers find rows by an index, and in its order, as all of them are meant to. The
// planner goes by what it last knew of a table: of one that has grown since, such as the lanes in a sudden load, it
// believes that it is quickly read and sorted, and a claim took seconds.
var planning = map[string]string{
	"enable_seqscan": "off", "enable_bitmapscan": "off", "enable_sort": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
	"plan_cache_mode": "force_generic_plan", // with these there is one plan only
	"jit":             "off",                // it pays for long queries
}

// schemaName is what a schema may be called, so that it needs no quoting.
var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,47}$`)

// Open connects to the database at url (postgres://…; what it does not say comes from the environment variables
// of libpq, such as PGPASSWORD) and brings the schema up to date. It is refused when a newer version wrote the
// schema, when this host's clock is far from the database's, by a server that takes no writes, and through a pooler
// that shares sessions. ctx bounds the opening only.
func Open(ctx context.Context, url string, o Options) (s *Store, err error) {
	if o.Schema == "" {
		o.Schema = DefaultSchema
	}
	if !schemaName.MatchString(o.Schema) {
		return nil, fmt.Errorf("the schema %q must be lower-case letters, digits and underscores, and begin with a letter", o.Schema)
	}
	config, err := configure(url, o)
	if err != nil {
		return nil, err
	}
	s = &Store{
		log: o.Logger, schema: o.Schema, config: config, now: o.Now,
		name: fmt.Sprintf("%s at %s, schema %s", config.Database, config.Host, o.Schema),
	}
	defer func() {
		if err != nil {
			s.release()
			s = nil
		}
	}()
	synced := config.Copy()
	maps.Copy(synced.RuntimeParams, planning)
	if o.Interval {
		synced.RuntimeParams["synchronous_commit"] = "off"
	}
	if exposed(config) {
		o.Logger.Warn("messages and the password may cross the network to the store unprotected: add sslmode=verify-full to its address",
			"store", s.name)
	}
	s.asked = synced.RuntimeParams
	s.writes = pool(synced, writers)
	s.reads = pool(config, readers)
	if err := s.checkSession(ctx); err != nil {
		return s, err
	}
	if err := s.prepare(ctx); err != nil {
		return s, err
	}
	if err := s.checkClock(ctx); err != nil {
		return s, err
	}
	s.hints = listen(s)
	s.Store = sqlstore.New(&sqlstore.Engine{
		Reads: s.reads, Committed: o.Committed, Connect: s.writes.Conn, Writers: writers, Batch: batched, Deadline: patient,
		Begin: s.begin, Send: send, Lock: s.lock, Now: s.clock, Text: text,
		Skip: " FOR UPDATE OF d SKIP LOCKED", Settled: "tx < pg_snapshot_xmin(pg_current_snapshot())",
		// As a subquery instead of an array it might be joined, by walking the table.
		In: func(column, arg string) string {
			return column + ` = ANY (ARRAY(SELECT jsonb_array_elements_text(` + arg + `::jsonb)::bigint))`
		},
		Gone: gone, Again: again, Wrote: s.hints.give,
		// A cast to JSON would fail for a text with a zero character in it.
		Said: `substring(convert_from(d.response, 'UTF8') from '"text":"(([^"\\]|\\.)*)"')`,
	}, o.Limits, o.Logger)
	s.Retry = o.Retry
	return s, nil
}

// configure reads the URL.
func configure(url string, o Options) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the address of the store: %w", err) // pgx leaves the password out
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = patient
	}
	config.ValidateConnect = readWrite // whatever target_session_attrs says
	for name, value := range map[string]string{
		"application_name":                    "aofd",
		"search_path":                         o.Schema,
		"timezone":                            "UTC",
		"statement_timeout":                   strconv.Itoa(int(patient.Milliseconds())),
		"lock_timeout":                        strconv.Itoa(int(patient.Milliseconds() / 2)),
		"idle_in_transaction_session_timeout": strconv.Itoa(int(patient.Milliseconds())),
		"synchronous_commit":                  "on", // whatever the database's default is
	} {
		config.RuntimeParams[name] = value
	}
	return config, nil
}

func pool(config *pgx.ConnConfig, connections int) *sql.DB {
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(time.Minute)
	return db
}

// prepare makes the schema and brings it up to date, one host at a time.
func (s *Store) prepare(ctx context.Context) error {
	db := s.patientPool() // a migration may take longer than a transaction
	defer func() { _ = db.Close() }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return s.unreachable(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, hash(s.schema)); err != nil {
		return fmt.Errorf("the store %s: wait for another host that prepares it: %w", s.name, err)
	}
	defer func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, hash(s.schema))
	}()
	var there bool
	if err := conn.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`, s.schema).
		Scan(&there); err != nil {
		return fmt.Errorf("the store %s: %w", s.name, err)
	}
	if !there { // who may not make schemas may use one that is there
		if _, err := conn.ExecContext(ctx, `CREATE SCHEMA `+s.schema); err != nil {
			return fmt.Errorf("the store %s: make the schema: %w", s.name, err)
		}
	}
	return sqlstore.Migrate(ctx, db, goose.DialectPostgres, migrations, s.name)
}

// maxSkew is how far a host's clock may be from the database's. Leases go by the database's clock alone; but ages
// and the times in the trace are the host's.
const maxSkew = time.Minute

func (s *Store) checkClock(ctx context.Context) error {
	before := time.Now()
	var now time.Time
	if err := s.reads.QueryRowContext(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return fmt.Errorf("the store %s: read its clock: %w", s.name, err)
	}
	s.ahead.Store(int64(now.Sub(before)))
	skew := max(before.Sub(now), time.Until(now))
	if s.now == nil && skew > maxSkew {
		return fmt.Errorf("the clock of this host is %s away from that of the store %s: set both by NTP and start again",
			skew.Round(time.Second), s.name)
	}
	return nil
}

// clock is the database's, as far as this host knows it.
func (s *Store) clock() time.Time {
	if s.now != nil {
		return s.now()
	}
	return time.Now().Add(time.Duration(s.ahead.Load()))
}

// text is a text as the database takes it: without the character that it has no place for.
func text(t string) string {
	if strings.IndexByte(t, 0) < 0 {
		return t
	}
	return strings.ReplaceAll(t, "\x00", "\uFFFD")
}

// Changed implements store.Store.
func (s *Store) Changed() <-chan struct{} { return s.hints.changed }

// Close implements store.Store.
func (s *Store) Close() error {
	s.stopOnce.Do(s.release)
	return nil
}

// release closes what is open. It may be called when Open stopped halfway.
func (s *Store) release() {
	if s.Store != nil {
		s.Store.Close()
	}
	if s.hints != nil {
		s.hints.close()
	}
	for _, db := range []*sql.DB{s.reads, s.writes} {
		if db != nil {
			_ = db.Close() // what was to be written is
		}
	}
}
