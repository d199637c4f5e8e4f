package platform

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/aof-dev/aofd/sdk/wire"
)

// logTo makes slog write one JSON object per line in the form that the host reads levels from.
func logTo(w io.Writer) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(os.Getenv(wire.EnvLogLevel))); err != nil {
		level = slog.LevelInfo
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) > 0 {
				return a
			}
			switch a.Key {
			case slog.LevelKey:
				return slog.String("@level", strings.ToLower(a.Value.String()))
			case slog.MessageKey:
				return slog.String("@message", a.Value.String())
			case slog.TimeKey:
				return slog.String("@timestamp", a.Value.Time().Format("2006-01-02T15:04:05.000000Z07:00"))
			}
			return a
		},
	})))
}

// printJSON writes v, indented.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
