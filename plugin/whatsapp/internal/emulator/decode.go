package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// decode reads a part of a body. It takes no member that it does not know, as Meta takes none.
func decode(raw []byte, into any, where string) error {
	if !utf8.Valid(raw) {
		return badParameter("%s is not valid UTF-8", where)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if shape, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return badParameter("Param %s['%s'] must not be a JSON %s", where, shape.Field, shape.Value)
	}
	if err != nil {
		if key, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return badParameter("Unexpected key %s on param '%s'", key, where)
		}
		return badParameter("%s is not valid JSON: %v", where, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return badParameter("%s has something after its end", where)
	}
	return nil
}

// absent reports whether a member is missing or null.
func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }
