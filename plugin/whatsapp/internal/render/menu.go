package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/rules"
	"github.com/aof-dev/aofd/sdk/chat"
)

const (
	defaultListLabel = "Choose"
	defaultBody      = "Please choose an option."
	defaultLinkLabel = "Open"
)

// menu is what can be tapped in an answer.
type menu struct {
	sections []chat.Section // without rows that open pages, and without sections that are empty
	grouped  bool           // the answer came with sections
	pages    []chat.Action  // rows that open pages
	rows     int
}

// newMenu sorts the actions of an answer. Ids that WhatsApp would refuse are an error.
func (b *builder) newMenu(r chat.Response) (m menu, err *chat.Error) {
	sections := r.Sections
	m.grouped = len(sections) > 0
	if !m.grouped {
		sections = []chat.Section{{Rows: r.Actions}}
	} else if len(r.Actions) > 0 {
		b.degrade("actions", "%d actions were left out, as the answer has sections", len(r.Actions))
	}
	for _, s := range sections {
		var rows []chat.Action
		for _, a := range s.Rows {
			if a.URL == "" {
				rows = append(rows, a)
			} else {
				m.pages = append(m.pages, a)
			}
		}
		if len(rows) > 0 {
			m.sections = append(m.sections, chat.Section{Title: s.Title, Rows: rows})
			m.rows += len(rows)
		}
	}
	return m, m.check()
}

// links shows the pages of a menu as lines of text, as only a page by itself can be a button.
func (b *builder) links(m menu) string {
	lines := make([]string, len(m.pages))
	for i, a := range m.pages {
		if lines[i] = a.URL; !blank(a.Label) {
			lines[i] = b.literal(strings.TrimSpace(a.Label)) + ": " + a.URL
		}
	}
	if len(lines) > 0 {
		b.degrade("links", "%d links are shown as text, as only one by itself can be a button", len(lines))
	}
	return strings.Join(lines, "\n")
}

// form is how a menu is shown.
type form int

const (
	formNone form = iota
	formButtons
	formList
	formLink    // one button that opens a page
	formNumbers // as text
)

func (m *menu) form(inGroup bool) form {
	switch {
	case m.rows == 0 && len(m.pages) == 1 && !inGroup && rules.PublicLink(m.pages[0].URL):
		return formLink
	case m.rows == 0:
		return formNone
	case inGroup || m.rows > rules.RowsMax || len(m.sections) > rules.SectionsMax:
		return formNumbers
	case m.grouped || m.rows > rules.ButtonsMax:
		return formList
	}
	return formButtons
}

// check looks at the ids, which are never shortened or changed: they come back as they are.
func (m *menu) check() *chat.Error {
	most := rules.ButtonIDMax
	if m.form(false) == formList {
		most = rules.RowIDMax
	}
	seen := make(map[string]bool, m.rows)
	n := 0
	for _, s := range m.sections {
		for _, a := range s.Rows {
			n++
			switch {
			case a.ID == "":
				return badAction(n, "has no id")
			case len(a.ID) > most:
				return badAction(n, fmt.Sprintf("has an id of %d bytes, the limit is %d", len(a.ID), most))
			case strings.TrimSpace(a.ID) != a.ID:
				return badAction(n, "has an id with white space around it")
			case seen[a.ID]:
				return badAction(n, "has the id of an earlier one")
			}
			seen[a.ID] = true
		}
	}
	return nil
}

func badAction(n int, what string) *chat.Error {
	return rejected(codeValue, fmt.Sprintf("action %d %s", n, what),
		fmt.Sprintf("give each action an id of its own: 1 to %d bytes, %d in a list, no white space around it",
			rules.ButtonIDMax, rules.RowIDMax))
}

// labels returns what the rows say; a row without a label shows its id.
func (b *builder) labels(rows []chat.Action) []string {
	labels := make([]string, len(rows))
	for i, a := range rows {
		labels[i] = a.Label
		if blank(a.Label) {
			labels[i] = a.ID
			b.degrade("label", "action %q has no label, its id is shown", a.ID)
		}
	}
	return labels
}

// linkButton is the button of a page.
func (b *builder) linkButton(page chat.Action) graph.Action {
	label := page.Label
	if blank(label) {
		label = defaultLinkLabel
	}
	titles, changed := Titles([]string{label}, rules.LinkLabelMax)
	b.shortened("button labels", changed, rules.LinkLabelMax)
	return graph.Action{Name: "cta_url", Parameters: &graph.Parameters{DisplayText: titles[0], URL: page.URL}}
}

func (b *builder) buttons(rows []chat.Action) graph.Action {
	titles, changed := Titles(b.labels(rows), rules.ButtonTitleMax)
	b.shortened("button labels", changed, rules.ButtonTitleMax)
	var out graph.Action
	for i, a := range rows {
		out.Buttons = append(out.Buttons, graph.Button{Type: "reply", Reply: &graph.Reply{ID: a.ID, Title: titles[i]}})
	}
	if slices.ContainsFunc(rows, func(a chat.Action) bool { return !blank(a.Description) }) {
		b.degrade("descriptions", "the actions' descriptions are not shown, as buttons have none")
	}
	return out
}

func (b *builder) list(m menu, label string) graph.Action {
	if blank(label) {
		label = defaultListLabel
	}
	opens, cut := Titles([]string{label}, rules.ListLabelMax)
	b.shortened("list label", cut, rules.ListLabelMax)
	out := graph.Action{Button: opens[0]}
	var names []string
	var rows []chat.Action
	for i, s := range m.sections {
		if names = append(names, s.Title); blank(s.Title) && len(m.sections) > 1 {
			names[i] = fmt.Sprintf("Section %d", i+1) // several sections need titles
		}
		rows = append(rows, s.Rows...)
	}
	names, changed := Titles(names, rules.SectionTitleMax)
	b.shortened("section titles", changed, rules.SectionTitleMax)
	titles, changed := Titles(b.labels(rows), rules.RowTitleMax)
	b.shortened("row titles", changed, rules.RowTitleMax)
	n, described := 0, 0
	for i, s := range m.sections {
		section := graph.Section{Title: names[i]}
		for _, a := range s.Rows {
			row := graph.Row{ID: a.ID, Title: titles[n], Description: Shorten(a.Description, rules.RowDescriptionMax)}
			if strings.HasSuffix(row.Description, ellipsis) && !strings.HasSuffix(a.Description, ellipsis) {
				described++
			}
			section.Rows = append(section.Rows, row)
			n++
		}
		out.Sections = append(out.Sections, section)
	}
	b.shortened("row descriptions", described, rules.RowDescriptionMax)
	return out
}

// numbers shows a menu as text.
func (b *builder) numbers(m menu) string {
	var out strings.Builder
	n := 0
	for i, s := range m.sections {
		if i > 0 {
			out.WriteString("\n")
		}
		if !blank(s.Title) {
			out.WriteString(b.literal(s.Title) + "\n")
		}
		labels := b.labels(s.Rows)
		for j, a := range s.Rows {
			n++
			fmt.Fprintf(&out, "%d. %s", n, b.literal(strings.TrimSpace(labels[j])))
			if !blank(a.Description) {
				out.WriteString(" – " + b.literal(strings.TrimSpace(a.Description)))
			}
			out.WriteString("\n")
		}
	}
	if b.inGroup() {
		b.degrade("actions", "%d actions are shown as numbered text, as groups have nothing to tap", n)
	} else {
		b.degrade("actions", "%d actions are shown as numbered text, as a list takes %d rows in %d sections",
			n, rules.RowsMax, rules.SectionsMax)
	}
	if n == 1 {
		return out.String() + "\nReply with 1 to choose it."
	}
	return out.String() + fmt.Sprintf("\nReply with a number from 1 to %d.", n)
}

func (b *builder) shortened(what string, n, most int) {
	if n > 0 {
		b.degrade(what, "%d made shorter or different to fit into %d characters", n, most)
	}
}
