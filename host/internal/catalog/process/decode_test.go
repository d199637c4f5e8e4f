package process

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// Each line is what a logging library writes in its default form.
func TestLevels(t *testing.T) {
	t.Parallel()
	cases := []struct {
		line    string
		level   slog.Level
		message string
	}{
		{`{"@level":"warn","@message":"m","@timestamp":"t"}`, slog.LevelWarn, "m"},
		{`{"@level":"trace","@message":"m"}`, slog.LevelDebug - 4, "m"},
		{`{"time":"t","level":"ERROR","msg":"m"}`, slog.LevelError, "m"},
		{`{"level":"dpanic","ts":1.5,"msg":"m"}`, slog.LevelError, "m"},
		{`{"level":30,"time":1,"msg":"m"}`, slog.LevelInfo, "m"},
		{`{"level":60,"msg":"m"}`, slog.LevelError, "m"},
		{`{"level":20,"msg":"m"}`, slog.LevelDebug, "m"},
		{`{"level":1e999,"msg":"m"}`, slog.LevelInfo, "m"},
		{`{"levelname":"WARNING","message":"m","asctime":"t"}`, slog.LevelWarn, "m"},
		{`{"severity":"NOTICE","message":"m"}`, slog.LevelInfo, "m"},
		{`{"@message":5}`, slog.LevelInfo, "5"},
		{`{"@level":{},"@message":null}`, slog.LevelInfo, ""},
		{`{"msg":"m"} {"msg":"n"}`, slog.LevelInfo, `{"msg":"m"} {"msg":"n"}`},
		{`{"msg":`, slog.LevelInfo, `{"msg":`},
		{"null", slog.LevelInfo, "null"},
		{"", slog.LevelInfo, ""},
		{"[DEBUG] m", slog.LevelDebug, "m"},
		{"[INFO]  m", slog.LevelInfo, "m"},
		{"WARNING:root:m", slog.LevelWarn, "root:m"},
		{"CRITICAL: m", slog.LevelError, "m"},
		{"INFORMATION: m", slog.LevelInfo, "INFORMATION: m"},
		{`time="t" level=warning msg="m"`, slog.LevelWarn, `time="t" level=warning msg="m"`},
		{"sea level=high", slog.LevelInfo, "sea level=high"},
		{"panic: m", slog.LevelError, "panic: m"},
		{"SIGQUIT: quit", slog.LevelError, "SIGQUIT: quit"},
	}
	for _, c := range cases {
		var d decoder
		if r := d.decode(c.line); r.level != c.level || r.message != c.message {
			t.Errorf("%s: %v %q", c.line, r.level, r.message)
		}
	}
}

func TestTraceGoesOverSeveralLines(t *testing.T) {
	t.Parallel()
	var d decoder
	for _, c := range []struct {
		line  string
		level slog.Level
	}{
		{"before", slog.LevelInfo},
		{"Traceback (most recent call last):", slog.LevelError},
		{`  File "x.py", line 1`, slog.LevelError},
		{"ValueError: no", slog.LevelError},
		{"INFO:root:it went on", slog.LevelInfo},
		{"after", slog.LevelInfo},
	} {
		if r := d.decode(c.line); r.level != c.level {
			t.Errorf("%s: %v, want %v", c.line, r.level, c.level)
		}
	}
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	var d decoder
	r := d.decode(`{"@message":"m","b":9007199254740993,"a":{"c":[1]},"@level":"info"}`)
	if got := fmt.Sprintln(r.attrs...); got != "a map[c:[1]] b 9007199254740993\n" {
		t.Errorf("%s", got)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxLine)
	for in, want := range map[string][]string{
		"":                      nil,
		"a":                     {"a"},
		"a\r\n\nb\n":            {"a", "", "b"},
		long + "\nb":            {long, "b"},
		"\xff\n":                {"\uFFFD"},
		long + "yy\nb\n":        {long + " … (2 bytes left out)", "b"},
		long + long + "\n" + "": {long + fmt.Sprintf(" … (%d bytes left out)", maxLine)},
	} {
		var got []string
		readLines(strings.NewReader(in), func(line string) { got = append(got, line) })
		if fmt.Sprint(got) != fmt.Sprint(want) || len(got) != len(want) {
			t.Errorf("%.20q (%d bytes): %d lines, want %d", in, len(in), len(got), len(want))
		}
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	var l tail
	for i := range 5000 {
		l.add(fmt.Sprint("line ", i))
	}
	if s := l.String(); len(s) > maxTail || !strings.HasSuffix(s, "line 4999") {
		t.Errorf("%d bytes", len(s))
	}
	l.add(strings.Repeat("x", maxLine) + "end")
	if s := l.String(); len(s) > maxTail+8 || !strings.HasSuffix(s, "xend") {
		t.Errorf("%d bytes after a long line", len(s))
	}
}
