package config

import (
	"math"
	"regexp"
	"strings"
	"time"
)

// schemaName is what a schema may be called, so that it needs no quoting in SQL.
var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,47}$`)

func (l *loader) readStore(p place) {
	url := p.child("url")
	url.hide() // it may hold a password
	p.isMapping()
	p.knownKeys()
	l.cfg.Store = Store{
		URL: url.str(), Schema: p.child("schema").str(),
		Interval:           p.child("sync").oneOf("always", "interval") == "interval",
		MaxPendingMessages: p.child("max_pending_messages").integer(1, math.MaxInt),
		MaxPendingBytes:    int64(p.child("max_pending_bytes").integer(1<<20, math.MaxInt)),

		MaxPendingDeliveries:    p.child("max_pending_deliveries").integer(1, math.MaxInt),
		MaxPendingDeliveryBytes: int64(p.child("max_pending_delivery_bytes").integer(1<<20, math.MaxInt)),
	}
	s := &l.cfg.Store
	if s.URL != "" && !strings.HasPrefix(s.URL, "postgres://") && !strings.HasPrefix(s.URL, "postgresql://") {
		url.errorf("leave it out to keep everything in a file of the data directory", "%s must begin with postgres://", url.key)
	}
	if schema := p.child("schema"); !schemaName.MatchString(s.Schema) {
		schema.errorf("", "%s must be lower-case letters, digits and underscores, and begin with a letter", schema.key)
	}
	r := p.child("retention")
	r.isMapping()
	r.knownKeys()
	days := func(key string, least int) time.Duration {
		return time.Duration(r.child(key).integer(least, 3650)) * 24 * time.Hour
	}
	s.IDs, s.Ledger, s.Bodies = days("ids_days", 7), days("ledger_days", 1), days("bodies_days", 1)
	s.Trace, s.History = days("trace_days", 1), days("history_days", 1)
}
