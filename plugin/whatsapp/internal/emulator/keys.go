package emulator

import (
	"encoding/json"
	"strings"
)

// exactKeys refuses members in capitals. Go's decoder does not mind the case and Meta does, so a client
// that forgot to name a field would pass here and fail there.
func exactKeys(raw []byte) error {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return badParameter("the body is not valid JSON: %v", err)
	}
	if key, found := capital(v); found {
		return badParameter("Unexpected key %.60q", key)
	}
	return nil
}

func capital(v any) (key string, found bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if k != strings.ToLower(k) {
				return k, true
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
