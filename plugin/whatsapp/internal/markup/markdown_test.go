package markup_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/markup"
)

func TestMarkdown(t *testing.T) {
	t.Parallel()
	const z = "\u200b"
	for name, c := range map[string]struct{ in, want string }{
		"nothing":                          {"", ""},
		"text":                             {"All pods run.", "All pods run."},
		"strong":                           {"**all** pods", "*all* pods"},
		"strong, underscores":              {"__all__ pods", "*all* pods"},
		"emphasis":                         {"*all* and _some_", "_all_ and _some_"},
		"strike":                           {"~~old~~ new", "~old~ new"},
		"both":                             {"***very***", "*_very_*"},
		"nested":                           {"**a _b_ c**", "*a _b_ c*"},
		"nested at the end":                {"**a _b_**", "*a _b_*"},
		"over lines":                       {"**one\ntwo**", "*one*\n*two*"},
		"before punctuation":               {"**Done**: (*yes*), ~~no~~.", "*Done*: (_yes_), ~no~."},
		"heading":                          {"# Pods\n\nall run", "*Pods*\n\nall run"},
		"heading, strong in it":            {"## The **api** is *down*", "*The api is _down_*"},
		"heading below a line":             {"Pods\n====\ntext", "*Pods*\ntext"},
		"heading with a link":              {"# See [docs](https://d.example)", "*See docs* (https://d.example)"},
		"code":                             {"run `kubectl get pods`", "run `kubectl get pods`"},
		"code with a back-tick":            {"``a`b``", "```a`b```"},
		"code in strong":                   {"**use `x` now**", "*use `x` now*"},
		"code with a mark":                 {"**use `a*b` now**", "*use* `a*b` *now*"},
		"code in a word":                   {"the `pod`s", "the pods"},
		"fence":                            {"```go\nx := 1\n\ty()\n```", "```\nx := 1\n    y()\n```"},
		"fence without an end":             {"a\n\n```\nx", "a\n\n```\nx\n```"},
		"fence of tildes":                  {"~~~\na ``` b\n~~~", "```\na `" + z + "`" + "` b\n```"},
		"indented code":                    {"    x = 1\n    y = 2", "```\nx = 1\ny = 2\n```"},
		"quote":                            {"> one\n> two\n\nthree", "> one\n> two\n\nthree"},
		"quote in a quote":                 {"> a\n> > b", "> a\n> b"},
		"quote with code":                  {"> look\n> ```\n> x\n> ```", "> look\n> `x`"},
		"list":                             {"* one\n* two", "- one\n- two"},
		"list, far apart":                  {"- one\n\n- two", "- one\n- two"},
		"numbers":                          {"3. c\n4. d", "3. c\n4. d"},
		"nested lists":                     {"- a\n  - b\n    - c\n  - d\n- e", "- a\n  ◦ b\n    ▪ c\n  ◦ d\n- e"},
		"numbers in bullets":               {"- a\n  1. b\n  2. c", "- a\n  1. b\n  2. c"},
		"two paragraphs in one":            {"- a\n\n  b\n- c", "- a\n\n  b\n- c"},
		"quote in a list":                  {"- a\n\n  > b\n- c", "- a\n\n> b\n- c"},
		"code in a list":                   {"1. do\n   ```\n   x\n   ```\n2. done", "1. do\n```\nx\n```\n2. done"},
		"tasks":                            {"- [ ] open\n- [x] done", "☐ open\n☑ done"},
		"link":                             {"see [the docs](https://d.example/a_b_c)", "see the docs (https://d.example/a_b_c)"},
		"link, strong":                     {"**[docs](https://d.example)**", "*docs* (https://d.example)"},
		"link that says itself":            {"[https://d.example](https://d.example)", "https://d.example"},
		"link of a name only":              {"[d.example](https://d.example)", "https://d.example"},
		"link in the page":                 {"[above](#top)", "above"},
		"link by reference":                {"[docs][1]\n\n[1]: https://d.example", "docs (https://d.example)"},
		"autolink":                         {"<https://d.example> https://e.example/x_y_", "https://d.example https://e.example/x_y_"},
		"mail":                             {"<a@b.example> [mail](mailto:a@b.example)", "a@b.example mail (mailto:a@b.example)"},
		"image":                            {"![load](https://g.example/a.png)", "load (https://g.example/a.png)"},
		"rule":                             {"a\n\n---\n\nb", "a\n\n——————\n\nb"},
		"hard breaks":                      {"a  \nb\\\nc<br>d", "a\nb\nc\nd"},
		"soft break":                       {"a\nb", "a\nb"},
		"entities":                         {"a &amp; b &lt;c&gt; &#42;x&#42; AT&T &copy;", "a & b <c> " + z + "*" + z + "x" + z + "*" + z + " AT&T ©"},
		"HTML in a line":                   {"a <b>c</b> <!-- no --> d", "a c  d"},
		"what is no HTML":                  {"kubectl logs <pod-name> List<String>", "kubectl logs <pod-name> List<String>"},
		"HTML block":                       {"<div>\n<p>one <b>two</b></p>\n<script>x()</script>\n</div>", "one *two*"},
		"details":                          {"<details><summary>Log</summary>\nline &lt;1&gt;\n</details>", "*Log*\nline <1>"},
		"escaped":                          {`\*no\* \_no\_`, z + "*" + z + "no" + z + "*" + z + " " + z + "_" + z + "no" + z + "_" + z},
		"globs stay as they are":           {"rm \\*.log and \\*.tmp", "rm *.log and *.tmp"},
		"arithmetic":                       {"2 * 3 * 4 = 24 and 2*3*4", "2 * 3 * 4 = 24 and 2*3*4"},
		"names":                            {"my_var_name and __init__.py", "my_var_name and " + "*init*" + ".py"},
		"about":                            {"~5 to ~10 minutes", "~5 to ~10 minutes"},
		"emphasis in a word is arithmetic": {"f(a*b*c) = 2*x*4", "f(a*b*c) = 2*x*4"},
		"in the middle of a word":          {"un**believ**able", "unbelievable"},
		"Chinese":                          {"这是**重点**内容", "这是重点内容"},
		"beside an emoji":                  {"✅**done**", "✅*done*"},
		"quote that is none":               {`\> 5 is more`, z + "> 5 is more"},
		"number that is no list":           {`1986\. A year`, z + "1986. A year"},
		"bullet that is none":              {`\- x`, z + "- x"},
		"table":                            {"| Pod | Ready |\n|:--|--:|\n| api | 3/3 |\n| 網頁 | 10/10 |", "```\nPod   Ready\n----  -----\napi     3/3\n網頁  10/10\n```"},
		"table, marks in it":               {"|a|b|\n|-|-|\n|**x**|`y`|", "```\na  b\n-  -\nx  y\n```"},
		"table in the middle":              {"a\n\n|a|b|c|\n|:-:|-|-|\n|xxx|y|\n\nb", "a\n\n```\n a   b  c\n---  -  -\nxxx  y\n```\n\nb"},
		"table that is wide": {
			"|Name|Message|\n|-|-|\n|api-7f9c|" + strings.Repeat("long ", 9) + "|\n|web|see [docs](https://d.example)|",
			"*Name: api-7f9c*\nMessage: " + strings.TrimSpace(strings.Repeat("long ", 9)) + "\n\n*Name: web*\nMessage: see docs (https://d.example)",
		},
		"Windows line ends": {"a\r\n\r\n- b\r\n- c", "a\n\n- b\n- c"},
		"not UTF-8":         {"a\xffb", "a\ufffdb"},
	} {
		got := markup.Markdown(c.in, markup.Options{}).Text
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// What is shown in a lesser way is said, and nothing else is.
func TestLost(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"# a\n\n**b** `c` [d](https://e.example)\n\n|a|b|\n|-|-|\n|c|d|": nil,
		"un**believ**able `x`s":          {"marks left out, as they would stand in the middle of words: 2"},
		"a <b>c</b>":                     {"HTML taken out, with its text left: 2"},
		"![x](https://y.example/z.png)":  {"pictures shown as links: 1"},
		"> > a":                          {"quotes within quotes, shown as plain quotes: 1"},
		`[a](https://b.example "title")`: {"titles of links, not shown: 1"},
		"|a|b|\n|-|-|\n|" + strings.Repeat("x", 40) + "|c|": {"tables too wide for a phone, shown row by row: 1"},
		strings.Repeat("*a* ", 30_000):                      {"the text is too long or too deep, so its markup is left as it is"},
		strings.Repeat("1. ", 50) + "a":                     {"the text is too long or too deep, so its markup is left as it is"},
		strings.Repeat("> ", 49) + "a":                      {"quotes within quotes, shown as plain quotes: 48"},
	} {
		if d := cmp.Diff(want, markup.Markdown(in, markup.Options{}).Lost); d != "" {
			t.Errorf("%.40q: %s", in, d)
		}
	}
}

// Pictures are taken out of the text only when that is wished: they would be fetched without anybody's tap.
func TestImages(t *testing.T) {
	t.Parallel()
	const in = "before\n\n![the *load*](https://g.example/a.png)\n\nafter ![small](https://g.example/b.png)\n\n![no](/c.png)"
	got := markup.Markdown(in, markup.Options{TakeImages: true})
	want := markup.Result{
		Text:   "before\n\nafter small (https://g.example/b.png)\n\nno (/c.png)",
		Images: []markup.Image{{URL: "https://g.example/a.png", Alt: "the load"}},
		Lost:   []string{"pictures shown as links: 2"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := markup.Markdown(in, markup.Options{}); len(got.Images) != 0 || !strings.Contains(got.Text, "the _load_ (https://g.example/a.png)") {
		t.Errorf("%+v", got)
	}
}

func TestHTML(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"<p>one <b>two</b> <i>three</i></p><p>four</p>": "one *two* _three_\nfour",
		"a<br/>b &amp; c":                                                 "a\nb & c",
		"<a href='https://d.example'>docs</a>":                            "docs (https://d.example)",
		"<ul><li>a</li><li>b<ol><li>c</li></ol></li></ul>":                "- a\n- b\n1. c",
		"<h1>Title</h1>text":                                              "*Title*\ntext",
		"<code>x *y*</code> <s>z</s>":                                     "`x *y*` ~z~",
		"<pre>a\nb</pre>":                                                 "`a`\n`b`",
		"<style>p{}</style><script>alert(1)</script>ok":                   "ok",
		"unclosed <b>bold":                                                "unclosed *bold*",
		"<img alt='load' src='https://g.example/a.png'>":                  "load (https://g.example/a.png)",
		"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>": "a · b\nc",
		"<pod-name> 1 < 2":                                                "<pod-name> 1 < 2",
	} {
		if d := cmp.Diff(want, markup.HTML(in).Text); d != "" {
			t.Errorf("%s: %s", in, d)
		}
	}
}

// One sentence of each kind of text that nests without end is done in a moment.
func TestDeepNesting(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{">", "- ", "1. ", "*", "_a ", "[", "![", "`", "~~", "<b>", "<", "|", "&", "\\", "#", "**a _b ", "(https://"} {
		in := strings.Repeat(unit, 20_000/len(unit))
		if got := markup.Markdown(in, markup.Options{}); strings.TrimSpace(got.Text) == "" && unit == "<" {
			t.Errorf("%q is lost", unit)
		}
	}
}

func TestLiteral(t *testing.T) {
	t.Parallel()
	const z = "\u200b"
	for in, want := range map[string]string{
		"plain, of two\nlines": "plain, of two\nlines", "*a*": z + "*" + z + "a" + z + "*" + z, "*.log": "*.log", "> a\n1. b": z + "> a\n" + z + "1. b",
		"v1.2-rc": "v1.2-rc", "": "",
	} {
		if got := markup.Literal(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
