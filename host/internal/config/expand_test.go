package config

import (
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	t.Parallel()
	env := environment{"A": "x", "EMPTY": "", "_u1": "y", "MEAN": "${A} $${A} $(id) a: b"}
	for in, want := range map[string]string{
		"":                      "",
		"plain":                 "plain",
		"${A}":                  "x",
		"<${A}${_u1}>":          "<xy>",
		"${A:-d}":               "x",
		"${NO:-d}":              "d",
		"${NO:-}":               "",
		"${EMPTY:-d}":           "d",
		"${NO:-a b: c, d}":      "a b: c, d",
		"${NO:-:?x}":            ":?x",
		"${A:?say}":             "x",
		"$":                     "$",
		"$A":                    "$A",
		"a$b$$c$":               "a$b$$c$",
		"$${A}":                 "${A}",
		"$$${A}":                "$${A}",
		"$${":                   "${",
		"${{ github.ref }}":     "${{ github.ref }}",
		"${{ a }}${A}":          "${{ a }}x",
		"${{ never closed":      "${{ never closed",
		"${{}}":                 "${{}}",
		"$(id) `id`":            "$(id) `id`",
		"${MEAN}":               "${A} $${A} $(id) a: b", // once, never twice
		"^\\d+$":                "^\\d+$",
		"${NO}":                 "unset NO",
		"${EMPTY}":              "unset EMPTY",
		"${NO:?set it, please}": "unset NO set it, please",
		"${NO} ${A} ${OFF}":     "unset NO unset OFF",
		"${A":                   "has ${ without }",
		"${A:-${B}}":            "has ${ inside of ${…}, which is not supported",
		"${}":                   "has ${…} around something that is no name of a variable",
		"${1A}":                 "has ${…} around something that is no name of a variable",
		"${A-d}":                "has ${…} around something that is no name of a variable",
		"${ A }":                "has ${…} around something that is no name of a variable",
		"${Ä}":                  "has ${…} around something that is no name of a variable",
		"${A:=d}":               "has ${…} around something that is no name of a variable",
	} {
		e := expand(in, env.lookup)
		got := e.text
		switch {
		case e.bad != "":
			got = e.bad
		case len(e.unset) > 0:
			var words []string
			for _, u := range e.unset {
				words = append(words, strings.TrimSpace("unset "+u.name+" "+u.message))
			}
			got = strings.Join(words, " ")
		}
		if got != want || e.ok() != (e.bad == "" && len(e.unset) == 0) {
			t.Errorf("%s becomes %q, want %q", in, got, want)
		}
	}
}

func TestNormalID(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"+49 170 1234567":   "491701234567",
		"0049 170 1234567":  "491701234567",
		"(415) 555-0123":    "4155550123",
		"+1.415.555.0123":   "14155550123",
		" 14155551234 ":     "14155551234",
		"0123":              "0123",
		"00":                "00",
		"-1002233445566":    "-1002233445566", // a group
		"DE.13491208655302": "DE.13491208655302",
		"U0AB12":            "U0AB12",
		"name@example.org":  "name@example.org",
		"":                  "",
	} {
		if got := NormalID(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	known := []string{"default_agent", "port", "host"}
	for in, want := range map[string]string{
		"prot": "port", "pot": "port", "PORT": "port", "default-agent": "default_agent", "defaultAgent": "default_agent", "x": "", "hostt": "host",
	} {
		if got := nearest(in, known); got != want {
			t.Errorf("%s is %q, want %q", in, got, want)
		}
	}
}
