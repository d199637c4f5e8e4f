package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
)

// record is one line of a plugin's log.
type record struct {
	level   slog.Level
	message string
	attrs   []any
}

// decoder reads levels out of the lines of a plugin: the JSON of hclog, slog, zap, logrus, pino and Python,
// common prefixes, and the stack traces of crashes, which go over several lines.
type decoder struct{ crashing bool }

var levels = map[string]slog.Level{
	"trace": slog.LevelDebug - 4, "debug": slog.LevelDebug, "info": slog.LevelInfo, "notice": slog.LevelInfo,
	"warn": slog.LevelWarn, "warning": slog.LevelWarn, "error": slog.LevelError, "err": slog.LevelError,
	"critical": slog.LevelError, "fatal": slog.LevelError, "panic": slog.LevelError, "dpanic": slog.LevelError,
}

var (
	bracketed = regexp.MustCompile(`^\[(TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL)\]\s*(.*)$`)
	prefixed  = regexp.MustCompile(`^(DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)[: ]\s*(.*)$`)
	logfmt    = regexp.MustCompile(`(?:^|\s)(?:level|lvl)=(\w+)`)
	crash     = regexp.MustCompile(`^(panic: |fatal error: |Traceback \(most recent call last\)|SIGQUIT: |runtime: )`)
)

func (d *decoder) decode(line string) record {
	if strings.HasPrefix(line, "{") {
		if fields, ok := object(line); ok {
			d.crashing = false
			return fromJSON(fields)
		}
	}
	for _, form := range []*regexp.Regexp{bracketed, prefixed} {
		if m := form.FindStringSubmatch(line); m != nil {
			d.crashing = false // the trace was only logged: the plugin goes on
			return record{level: levels[strings.ToLower(m[1])], message: m[2]}
		}
	}
	if m := logfmt.FindStringSubmatch(line); m != nil {
		if level, ok := levels[strings.ToLower(m[1])]; ok {
			d.crashing = false
			return record{level: level, message: line}
		}
	}
	if crash.MatchString(line) {
		d.crashing = true
	}
	if d.crashing {
		return record{level: slog.LevelError, message: line}
	}
	return record{level: slog.LevelInfo, message: line}
}

// object reads a JSON object and keeps every digit of its numbers: ids do not fit into a float.
func object(line string) (fields map[string]any, ok bool) {
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	if d.Decode(&fields) != nil {
		return nil, false
	}
	_, err := d.Token()
	return fields, errors.Is(err, io.EOF)
}

func fromJSON(fields map[string]any) record {
	r := record{level: slog.LevelInfo}
	if v := take(fields, "@level", "level", "levelname", "severity", "lvl"); v != nil {
		r.level = levelOf(v)
	}
	if v := take(fields, "@message", "message", "msg", "event"); v != nil {
		r.message = fmt.Sprint(v)
	}
	take(fields, "@timestamp", "timestamp", "time", "ts", "asctime")
	keys := make([]string, 0, len(fields))
	for k := range fields {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		r.attrs = append(r.attrs, k, fields[k])
	}
	return r
}

// take removes the first of the keys that is there and returns its value.
func take(fields map[string]any, keys ...string) any {
	for _, k := range keys {
		if v, ok := fields[k]; ok {
			delete(fields, k)
			return v
		}
	}
	return nil
}

// levelOf reads a level that is a word or, as pino writes it, a number.
func levelOf(v any) slog.Level {
	switch v := v.(type) {
	case string:
		if level, ok := levels[strings.ToLower(v)]; ok {
			return level
		}
	case json.Number:
		n, err := v.Float64()
		switch {
		case err != nil:
			return slog.LevelInfo
		case n >= 50:
			return slog.LevelError
		case n >= 40:
			return slog.LevelWarn
		case n >= 30:
			return slog.LevelInfo
		}
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
