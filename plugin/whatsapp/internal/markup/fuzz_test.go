package markup_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	ghtml "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/net/html"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/markup"
)

// A browser's view of Markdown, by another way than ours: as HTML, without the tags.
var web = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(ghtml.WithUnsafe()))

// visible counts the characters that a reader of a web page sees.
func visible(t *testing.T, source string) map[rune]int {
	t.Helper()
	var page bytes.Buffer
	if err := web.Convert([]byte(source), &page); err != nil {
		t.Fatal(err)
	}
	counts := map[rune]int{}
	z := html.NewTokenizer(&page)
	for {
		switch z.Next() {
		case html.ErrorToken:
			return counts
		case html.TextToken:
			count(counts, z.Token().Data)
		case html.StartTagToken:
			switch name, _ := z.TagName(); string(name) {
			case "script", "style", "textarea", "title", "iframe", "noembed", "noframes", "noscript", "plaintext", "xmp":
				z.Next()
			}
		}
	}
}

func count(counts map[rune]int, s string) {
	for _, r := range s {
		if !unicode.IsSpace(r) && !unicode.IsControl(r) && r != '\u200b' && r != utf8.RuneError {
			counts[r]++
		}
	}
}

// FuzzMarkdown: every character that a web page would show is there, in valid UTF-8; all blocks of code are
// closed; and the same text gives the same again.
func FuzzMarkdown(f *testing.F) {
	for _, seed := range []string{
		"# a\n\n**b _c_** ~~d~~ `e`\n\n- f\n  1. g\n\n> h\n\n|i|j|\n|-|-|\n|k|l|\n\n```go\nm\n```\n",
		"[a](https://b.example/c_d_e) ![f](g) <https://h.example> i@j.example\n---\n<div>k<br>l</div> &amp; \\*m\\*",
		"2*3*4 ***x*** **`y`** `` ` `` ~~~\n```\n", "- [ ] a\n- [x] b\n\n    c\n", "<b>a</b> <pod> <!-- c --> &#0; \x00\xff",
		"a\n\n> - b\n>   ```\n>   c\n>   ```\n", "🇩🇪**👩‍👩‍👧‍👦**_é_\u200b*\u200b", "http://a_b_c*d* *http://e* www.f_g_h",
		"0&#X;", "**0*\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 1<<14 {
			return
		}
		got := markup.Markdown(source, markup.Options{})
		if !utf8.ValidString(got.Text) {
			t.Fatalf("not UTF-8: %q", got.Text)
		}
		if strings.Count(got.Text, markup.Fence)%2 != 0 {
			t.Errorf("a block of code is open: %q", got.Text)
		}
		have := map[rune]int{}
		count(have, got.Text)
		page := strings.NewReplacer("\x00", "\ufffd", "\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(source, "\ufffd"))
		for r, n := range visible(t, page) {
			if have[r] < n {
				t.Errorf("%q is there %d times, a page has it %d times:\n%q", r, have[r], n, got.Text)
			}
		}
		if again := markup.Markdown(source, markup.Options{}); again.Text != got.Text {
			t.Error("not the same twice")
		}
	})
}

// FuzzHTML: nothing breaks, and the text between the tags is there.
func FuzzHTML(f *testing.F) {
	f.Add("<p>a <b>b</b></p><ul><li>c</ul><a href=d>e")
	f.Add("<pre>x\n`y</pre></pre></a></li><ol><li>&lt;<td>")
	f.Fuzz(func(t *testing.T, source string) {
		got := markup.HTML(source)
		if !utf8.ValidString(got.Text) || strings.Count(got.Text, markup.Fence)%2 != 0 {
			t.Fatalf("%q", got.Text)
		}
	})
}

// FuzzLiteral: in a text whose every mark is escaped, each character is shown and none marks anything.
func FuzzLiteral(f *testing.F) {
	for _, seed := range []string{
		"*a* _b_ ~c~ `d` ```e```", "> a", "- a\n* b\n1. c\n23. d", "a*b*c **d** __e__ ***f***", "`a` `` b ``` c", "*a _b* c_ ~d~*e*",
		"2 * 3 * 4", "*.log *.tmp", "(*a*) \"_b_\" é*c*é ✅*d*", "http://a_b_*c*", "*\n*", "_\u200b_", "a`b`c*`*`*",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 1<<12 || strings.ContainsAny(source, "\x00\r") || !utf8.ValidString(source) {
			return
		}
		var escaped strings.Builder
		for line := range strings.Lines(source) {
			for _, r := range strings.TrimLeft(line, " \t") { // else it were a block of code
				if r > ' ' && r < 0x7f && unicode.In(r, unicode.P, unicode.S) {
					escaped.WriteByte('\\')
				}
				escaped.WriteRune(r)
			}
		}
		got := markup.Markdown(escaped.String(), markup.Options{})
		plain := func(s string) string {
			return strings.Map(func(r rune) rune {
				if unicode.IsSpace(r) || r == '\u200b' {
					return -1
				}
				return r
			}, s)
		}
		if g, w := plain(got.Text), plain(source); g != w {
			t.Errorf("%q became %q", source, got.Text)
		}
		if strings.Contains(got.Text, markup.Fence) {
			t.Errorf("a block of code in %q", got.Text)
		}
		for line := range strings.SplitSeq(got.Text, "\n") {
			if spans := markup.Spans(line); len(spans) > 0 {
				t.Errorf("%v is marked in %q", spans, line)
			}
			for _, start := range []string{"> ", "- ", "* ", "1. "} {
				if strings.HasPrefix(line, start) {
					t.Errorf("%q begins a block", line)
				}
			}
		}
	})
}
