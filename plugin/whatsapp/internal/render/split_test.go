package render_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rivo/uniseg"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/markup"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/render"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/rules"
)

// utf16Len counts as the most careful reader of Meta's limits would.
func utf16Len(s string) int { return len(utf16.Encode([]rune(s))) }

// visible is what a reader of a text sees, without the fences of code blocks and other marks.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("`*_~", r) {
			return -1
		}
		return r
	}, s)
}

// fenced reports whether all back-ticks of a text are fences in pairs.
func fenced(text string) bool {
	for _, run := range regexp.MustCompile("`+").FindAllString(text, -1) {
		if run != "```" {
			return false
		}
	}
	return strings.Count(text, "```")%2 == 0
}

// checkSplit checks what is true of every text.
func checkSplit(t *testing.T, text string, head, tail int) []string {
	t.Helper()
	parts := render.Split(text, head, tail)
	if len(parts) == 0 {
		t.Fatalf("no part of %q", text)
	}
	for i, p := range parts {
		most := head
		if i == len(parts)-1 {
			most = tail
		}
		if n := utf16Len(p); n > most {
			t.Errorf("part %d has %d characters, the limit is %d", i, n, most)
		}
		if !utf8.ValidString(p) {
			t.Errorf("part %d is not UTF-8: %q", i, p)
		}
		if len(parts) > 1 && strings.TrimSpace(p) == "" {
			t.Errorf("part %d is blank", i)
		}
	}
	if got, want := visible(strings.Join(parts, "")), visible(text); got != want {
		t.Errorf("visible characters were lost or added:\n got %q\nwant %q", got, want)
	}
	for _, mark := range []string{"`", "*", "_", "~"} {
		if got, want := strings.Count(strings.Join(parts, ""), mark), strings.Count(text, mark); got < want {
			t.Errorf("%d %s of %d are left", got, mark, want)
		}
	}
	if fenced(text) {
		for i, p := range parts {
			if strings.Count(p, "```")%2 != 0 {
				t.Errorf("part %d has a code block that is open: %q", i, p)
			}
		}
	}
	if again := render.Split(text, head, tail); !slices.Equal(parts, again) {
		t.Error("not the same twice")
	}
	return parts
}

func TestSplit(t *testing.T) {
	t.Parallel()
	word := strings.Repeat("w", 39)
	for name, c := range map[string]struct {
		text       string
		head, tail int
		want       []string
	}{
		"short":             {"hello", 64, 64, []string{"hello"}},
		"empty":             {"", 64, 64, []string{""}},
		"exactly the limit": {strings.Repeat("a", 64), 64, 64, []string{strings.Repeat("a", 64)}},
		"one more":          {strings.Repeat("a", 65), 64, 64, []string{strings.Repeat("a", 64), "a"}},
		"between words":     {word + " " + word, 64, 64, []string{word, word}},
		"between sentences, not words": {
			word + ". one two three " + word, 64, 64, []string{word + ".", "one two three " + word},
		},
		"between lines, not sentences": {word + "\nYes. " + word, 64, 64, []string{word, "Yes. " + word}},
		"between paragraphs, not lines": {
			word + "\n\none\ntwo " + word, 64, 64, []string{word, "one\ntwo " + word},
		},
		"Chinese sentences": {
			strings.Repeat("好", 40) + "。" + strings.Repeat("是", 40), 64, 64,
			[]string{strings.Repeat("好", 40) + "。", strings.Repeat("是", 40)},
		},
		"indentation stays": {word + "\n\n    " + word, 64, 64, []string{word, "    " + word}},
		"only the last part is bound by tail": {
			strings.Repeat("a", 100) + " " + strings.Repeat("b", 50), 256, 64,
			[]string{strings.Repeat("a", 100), strings.Repeat("b", 50)},
		},
		"the last part is bound even when only white space follows": {
			strings.Repeat("a", 90) + " " + strings.Repeat("b", 37) + " ", 128, 64,
			[]string{strings.Repeat("a", 90), strings.Repeat("b", 37)},
		},
		"and when only the end of a code block follows": {
			"```\n" + strings.Repeat("a", 120) + "\n```\n", 128, 64,
			[]string{"```\n" + strings.Repeat("a", 64) + "\n```", "```\n" + strings.Repeat("a", 56) + "\n```"},
		},
		"emoji count twice": {
			strings.Repeat("😀", 33), 64, 64, []string{strings.Repeat("😀", 32), "😀"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := checkSplit(t, c.text, c.head, c.tail); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestSplitCode(t *testing.T) {
	t.Parallel()
	line := strings.Repeat("x", 29)
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"closed and opened again": {
			"```\n" + line + "\n  " + line + "\n```",
			[]string{"```\n" + line + "\n```", "```\n  " + line + "\n```"},
		},
		"begins in the rest when it has just begun": {
			strings.Repeat("y", 55) + "\n```\n" + line + "\n```",
			[]string{strings.Repeat("y", 55), "```\n" + line + "\n```"},
		},
		"ends before the rest when it ends there": {
			"```\n" + strings.Repeat("x", 54) + "\n```\nand then it was over",
			[]string{"```\n" + strings.Repeat("x", 54) + "\n```", "and then it was over"},
		},
		"no fence is torn": {
			strings.Repeat("x", 59) + "```" + line + "```",
			[]string{strings.Repeat("x", 59), "```" + line + "```"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := checkSplit(t, c.text, 64, 64)
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	// A long listing between two paragraphs, as agents send them: every part shows its code as code.
	text := "Logs of the pod:\n\n```\n" + strings.Repeat("level=error msg=\"no route to host\"\n", 400) + "```\n\nWhat now?"
	checkSplit(t, text, rules.TextMax, rules.TextMax)
	checkSplit(t, text, rules.TextMax, rules.InteractiveMax)
}

// styled is what a reader sees of parts, each character with the marks around it, without white space.
func styled(parts ...string) (out []string) {
	for _, p := range parts {
		for i, piece := range strings.Split(p, "```") {
			for line := range strings.SplitSeq(piece, "\n") {
				var spans []markup.Span
				if i%2 == 0 {
					spans = markup.Spans(line)
				}
				for at, r := range line {
					marks, isMark := "", false
					for _, s := range spans {
						isMark = isMark || at == s.Open || at == s.Close
						if s.Open < at && at < s.Close {
							marks += string(s.Mark)
						}
					}
					if i%2 == 1 {
						marks = "```"
					}
					if !isMark && !unicode.IsSpace(r) {
						out = append(out, marks+" "+string(r))
					}
				}
			}
		}
	}
	return out
}

// A marked piece that is cut is closed and opened again, so that the reader sees the same letters in the same
// way as if nothing had been cut.
func TestSplitMarks(t *testing.T) {
	t.Parallel()
	ten := strings.TrimSpace(strings.Repeat("ten words are here to be cut somewhere in the. ", 9))
	for name, text := range map[string]string{
		"bold":               "*" + ten + "*",
		"nested":             "_*" + ten + "* and ~" + ten + "~_",
		"code":               "run `" + ten + "` now, " + ten,
		"many":               strings.Repeat("*a b* _c d_ ~e f~ `g h` ", 20),
		"literal marks":      strings.Repeat("2 * 3 * 4 a_b_c ~5 ", 20),
		"a fence in between": "*" + ten + "* ```" + ten + "``` _" + ten + "_",
		"one long word":      "*" + strings.Repeat("x", 300) + "*",
		"nested long word":   "*_~" + strings.Repeat("x", 300) + "~_*",
		"addresses":          strings.Repeat("https://x.example/a_b_c*d* ", 12),
	} {
		for limit := 64; limit < 140; limit += 5 {
			parts := checkSplit(t, text, limit, 64)
			if d := cmp.Diff(styled(text), styled(parts...)); d != "" {
				t.Errorf("%s in %d: %s\n%q", name, limit, d, parts)
				break
			}
		}
	}
	// Between words of a text rather than inside a command, while there is a choice.
	got := checkSplit(t, strings.Repeat("word ", 8)+"`kubectl get pods -n production --all-namespaces` end", 64, 64)
	if want := []string{strings.TrimSpace(strings.Repeat("word ", 8)), "`kubectl get pods -n production --all-namespaces` end"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// Graphemes stay whole wherever one fits: families, flags, accents and scripts that join.
func TestSplitGraphemes(t *testing.T) {
	t.Parallel()
	for _, g := range []string{"👩‍👩‍👧‍👦", "🇩🇪", "e\u0301", "👍🏽", "नि", "각", "\r\n", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"} {
		text := "a" + strings.Repeat(g, 150)
		var whole []string
		for _, p := range checkSplit(t, text, 64, 64) {
			for rest := p; rest != ""; {
				var cluster string
				cluster, rest, _, _ = uniseg.FirstGraphemeClusterInString(rest, -1)
				whole = append(whole, cluster)
			}
		}
		for _, c := range whole {
			if c != g && c != "a" {
				t.Errorf("%+q was cut into %+q", g, c)
				break
			}
		}
	}
	// One grapheme that is longer than the limit has to be cut.
	checkSplit(t, "e"+strings.Repeat("\u0301", 200), 64, 64)
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{
		"", "hello", strings.Repeat("word ", 50), strings.Repeat("a", 200), strings.Repeat("👩‍👩‍👧‍👦", 30),
		"intro\n\n```\n" + strings.Repeat("code\n", 40) + "```\nend", strings.Repeat("```", 40), strings.Repeat("`", 131),
		strings.Repeat(" ", 300), strings.Repeat("\n", 100) + "x", strings.Repeat("好。", 60), strings.Repeat("``` ", 60),
		strings.Repeat("x", 61) + "````" + strings.Repeat("y", 70),
	} {
		f.Add(s, uint8(0), uint8(0))
		f.Add(s, uint8(100), uint8(30))
	}
	f.Fuzz(func(t *testing.T, s string, more, less uint8) {
		head := 64 + int(more)
		tail := max(64, head-int(less))
		checkSplit(t, strings.ToValidUTF8(s, "\uFFFD"), head, tail)
	})
}
