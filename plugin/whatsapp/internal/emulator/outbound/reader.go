package outbound

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
)

// reader reads one body and gathers what is found in it.
type reader struct {
	lenient  bool // members that Meta does not name are a warning and no refusal
	warnings []string
	media    []Media
	kinds    []string // of the message and what is in it, outermost first
}

// decode reads a part of a body.
func (r *reader) decode(raw []byte, into any, where string) error {
	if !utf8.Valid(raw) {
		return refusal.Parameter("%s is not valid UTF-8", where)
	}
	err := strictly(raw, into, true)
	if key, unknown := unknownKey(err); unknown {
		if !r.lenient {
			return refusal.Parameter("Unexpected key %s on param '%s'", key, where)
		}
		r.warnings = append(r.warnings, "Unexpected key "+key+" on param '"+where+"'")
		err = strictly(raw, into, false)
	}
	if shape, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return refusal.Parameter("Param %s['%s'] must not be a JSON %s", where, shape.Field, shape.Value)
	}
	if errors.Is(err, errMore) {
		return refusal.Parameter("%s has something after its end", where)
	}
	if err != nil {
		return refusal.Parameter("%s is not valid JSON: %v", where, err)
	}
	return nil
}

var errMore = errors.New("more than one value")

func strictly(raw []byte, into any, known bool) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if known {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errMore
	}
	return nil
}

func unknownKey(err error) (quoted string, unknown bool) {
	if err == nil {
		return "", false
	}
	return strings.CutPrefix(err.Error(), "json: unknown field ")
}

// absent reports whether a member is missing or null.
func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// free are the members whose insides are the business's own words.
var free = map[string]bool{
	"data": true, "flow_action_data": true, "values": true, "saved_addresses": true, "validation_errors": true,
}

// exactKeys refuses members in capitals. Go's decoder does not mind the case and Meta does, so a client
// that forgot to name a field would pass here and fail there.
func (r *reader) exactKeys(raw []byte) error {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return refusal.Parameter("the body is not valid JSON: %v", err)
	}
	key, found := capital(v)
	switch {
	case !found:
		return nil
	case r.lenient:
		r.warnings = append(r.warnings, "Unexpected key "+key)
		return nil
	default:
		return refusal.Parameter("Unexpected key %.60q", key)
	}
}

func capital(v any) (key string, found bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if k != strings.ToLower(k) {
				return k, true
			}
			if free[k] {
				continue
			}
			if key, found = capital(inner); found {
				return key, true
			}
		}
	case []any:
		for _, inner := range v {
			if key, found = capital(inner); found {
				return key, true
			}
		}
	}
	return "", false
}
