package graph

import (
	"bytes"
	"encoding/json"
)

// Scalar is a JSON string, number or boolean, taken as text. Meta is not of one mind on which of them an
// id, a code or a time is, so nothing here depends on it. Anything else, null too, is the empty text.
type Scalar string

// UnmarshalJSON never fails.
func (s *Scalar) UnmarshalJSON(data []byte) error {
	*s = ""
	switch {
	case len(data) == 0:
	case data[0] == '"':
		*s = Scalar(text(data))
	case data[0] != '{' && data[0] != '[' && data[0] != 'n':
		*s = Scalar(data)
	}
	return nil
}

// text decodes a JSON string; one without escapes is by far the most common and needs no decoder.
func text(data []byte) string {
	inner := data[1 : len(data)-1]
	if bytes.IndexFunc(inner, func(r rune) bool { return r == '\\' || r < ' ' || r > '~' }) < 0 {
		return string(inner)
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return ""
	}
	return s
}
