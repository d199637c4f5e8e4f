package sqlstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aof-dev/aofd/sdk/chat"
)

// micros is how times are stored: microseconds since 1970, 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment is the reverse of micros.
func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}

// errUnreadable means that a row was stored and cannot be understood. It must not hold up others.
var errUnreadable = errors.New("store: a row cannot be decoded")

func encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("store: encode: %w", err)
	}
	return b, nil
}

func decode(b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return nil
}

// encodeError is an error as a column has it: empty for none.
func encodeError(e *chat.DeliveryError) (string, error) {
	if e == nil {
		return "", nil
	}
	b, err := encode(e)
	return string(b), err
}

// decodeError is the reverse of encodeError.
func decodeError(s string) (e *chat.DeliveryError, err error) {
	if s == "" {
		return nil, nil
	}
	return e, decode([]byte(s), &e)
}

// numbers are what Engine.In takes.
func numbers(ns []int64) string {
	b, _ := json.Marshal(ns) // which never fails
	return string(b)
}

// bytesOf is b as a column has it, which is never null.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
