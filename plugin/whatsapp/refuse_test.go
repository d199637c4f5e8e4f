package whatsapp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/outbound"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
	"github.com/aof-dev/aofd/sdk/chat"
)

func letters(n int) string { return strings.Repeat("a", n) }

// emoji has n UTF-16 units, half as many code points.
func emoji(n int) string { return strings.Repeat("😀", n/2) }

func buttons(n int, change func(i int, b *whatsapp.Button)) whatsapp.Buttons {
	out := whatsapp.Buttons{Body: "b"}
	for i := range n {
		b := whatsapp.Button{ID: fmt.Sprint("id", i), Title: fmt.Sprint("Title ", i)}
		change(i, &b)
		out.Buttons = append(out.Buttons, b)
	}
	return out
}

func rows(sections, each int, change func(r *whatsapp.Row)) whatsapp.List {
	out := whatsapp.List{Body: "b", Label: "Show"}
	for s := range sections {
		section := whatsapp.Section{Title: fmt.Sprint("S", s)}
		for r := range each {
			row := whatsapp.Row{ID: fmt.Sprint(s, "-", r), Title: "T"}
			change(&row)
			section.Rows = append(section.Rows, row)
		}
		out.Sections = append(out.Sections, section)
	}
	return out
}

func cards(n int, change func(i int, c *whatsapp.Card)) whatsapp.Carousel {
	out := whatsapp.Carousel{Body: "b"}
	for i := range n {
		c := whatsapp.Card{Header: whatsapp.Image{File: link("a.png")}, Label: "Open", URL: "https://x.example"}
		change(i, &c)
		out.Cards = append(out.Cards, c)
	}
	return out
}

func products(sections, each int) whatsapp.Products {
	out := whatsapp.Products{CatalogID: "1", Header: "h", Body: "b"}
	for s := range sections {
		section := whatsapp.ProductSection{Title: fmt.Sprint("S", s)}
		for p := range each {
			section.ProductIDs = append(section.ProductIDs, fmt.Sprint("p", s, p))
		}
		out.Sections = append(out.Sections, section)
	}
	return out
}

func flow(change func(*whatsapp.Flow)) whatsapp.Flow {
	f := whatsapp.Flow{Body: "b", ID: "1", Label: "Fill in"}
	change(&f)
	return f
}

func template(change func(*whatsapp.Template)) whatsapp.Template {
	t := whatsapp.Template{Name: "n", Language: "en"}
	change(&t)
	return t
}

func body(p ...whatsapp.Parameter) func(*whatsapp.Template) {
	return func(t *whatsapp.Template) { t.Body = p }
}

func button(b ...whatsapp.TemplateButton) func(*whatsapp.Template) {
	return func(t *whatsapp.Template) { t.Buttons = b }
}

func same(int, *whatsapp.Button) {}
func row(*whatsapp.Row)          {}
func card(int, *whatsapp.Card)   {}

// What just fits goes out.
func TestWhatFitsIsSent(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	for name, c := range map[string]whatsapp.Content{
		"text":                 whatsapp.Text{Body: letters(4096)},
		"text of emoji":        whatsapp.Text{Body: emoji(4096)},
		"caption":              whatsapp.Image{File: link("a.png"), Caption: letters(1024)},
		"body":                 whatsapp.Buttons{Body: letters(1024), Buttons: oneButton},
		"header and footer":    whatsapp.Buttons{Header: whatsapp.HeaderText(letters(60)), Body: "b", Footer: letters(60), Buttons: oneButton},
		"buttons":              buttons(3, same),
		"button id":            buttons(1, func(_ int, b *whatsapp.Button) { b.ID = letters(256) }),
		"button title":         buttons(1, func(_ int, b *whatsapp.Button) { b.Title = letters(20) }),
		"rows in one section":  rows(1, 10, row),
		"rows in ten sections": rows(10, 1, row),
		"row": rows(1, 1, func(r *whatsapp.Row) {
			r.ID, r.Title, r.Description = letters(200), letters(24), letters(72)
		}),
		"list label":         whatsapp.List{Body: "b", Label: letters(20), Sections: rows(1, 1, row).Sections},
		"section title":      whatsapp.List{Body: "b", Label: "l", Sections: []whatsapp.Section{{Title: letters(24), Rows: rows(1, 1, row).Sections[0].Rows}}},
		"link label":         whatsapp.LinkButton{Body: "b", Label: letters(20), URL: "https://x.example/" + letters(1900)},
		"cards":              cards(10, card),
		"card body":          cards(2, func(_ int, c *whatsapp.Card) { c.Body = letters(158) + "\n\n" }),
		"products":           products(10, 3),
		"flow label":         flow(func(f *whatsapp.Flow) { f.Label = letters(30) }),
		"template name":      template(func(t *whatsapp.Template) { t.Name = letters(512) }),
		"template text":      template(body(whatsapp.Parameter{Text: "four    spaces"})),
		"ten template cards": template(func(t *whatsapp.Template) { t.Cards = make([]whatsapp.TemplateCard, 10) }),
		"contacts":           make(whatsapp.Contacts, 257),
	} {
		if cards, ok := c.(whatsapp.Contacts); ok {
			for i := range cards {
				cards[i].Name = whatsapp.ContactName{FormattedName: "A B", FirstName: "A"}
			}
		}
		before := len(m.sent())
		if _, err := p.Send(t.Context(), to, c); err != nil || len(m.sent()) != before+1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What Meta would refuse is refused with Meta's code, before any request, and with something to do about it.
func TestWhatMetaRefusesIsNotSent(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	for name, c := range map[string]struct {
		content whatsapp.Content
		code    string
		word    string
	}{
		"nothing":               {nil, "100", "no content"},
		"no text":               {whatsapp.Text{Body: " \n"}, "100", "empty"},
		"long text":             {whatsapp.Text{Body: letters(4097)}, "100", "4096"},
		"long text of emoji":    {whatsapp.Text{Body: emoji(4098)}, "100", "4098"},
		"no file":               {whatsapp.Image{}, "100", "id or a link"},
		"id and link":           {whatsapp.Video{File: whatsapp.File{ID: "1", Link: "https://x.example"}}, "100", "id or a link"},
		"link of another kind":  {whatsapp.Document{File: whatsapp.File{Link: "file:///etc/passwd"}}, "100", "URL"},
		"relative link":         {whatsapp.Document{File: whatsapp.File{Link: "a.pdf"}}, "100", "URL"},
		"long caption":          {whatsapp.Image{File: link("a.png"), Caption: letters(1025)}, "131009", "1024"},
		"north of the pole":     {whatsapp.Location{Latitude: 90.5}, "131009", "degrees"},
		"no card":               {whatsapp.Contacts{}, "100", "no address card"},
		"many cards":            {make(whatsapp.Contacts, 258), "131009", "257"},
		"card without a name":   {whatsapp.Contacts{{}}, "131008", "name"},
		"card with half a name": {whatsapp.Contacts{{Name: whatsapp.ContactName{FormattedName: "A"}}}, "131008", "another part"},
		"reaction to nothing":   {whatsapp.Reaction{Emoji: "👍"}, "131008", "message"},
		"two emoji":             {whatsapp.Reaction{MessageID: "m", Emoji: "👍👍"}, "131009", "emoji"},
		"a letter":              {whatsapp.Reaction{MessageID: "m", Emoji: "x"}, "131009", "emoji"},

		"no body":              {whatsapp.Buttons{Buttons: oneButton}, "131008", "body"},
		"long body":            {whatsapp.Buttons{Body: letters(1025), Buttons: oneButton}, "131009", "1024"},
		"long header":          {whatsapp.Buttons{Header: whatsapp.HeaderText(letters(61)), Body: "b", Buttons: oneButton}, "131009", "60"},
		"header of two lines":  {whatsapp.Buttons{Header: whatsapp.HeaderText("a\nb"), Body: "b", Buttons: oneButton}, "131009", "one line"},
		"header's caption":     {whatsapp.Buttons{Header: whatsapp.Image{File: link("a"), Caption: "c"}, Body: "b", Buttons: oneButton}, "100", "caption"},
		"header without file":  {whatsapp.Buttons{Header: whatsapp.Video{}, Body: "b", Buttons: oneButton}, "100", "id or a link"},
		"long footer":          {whatsapp.Buttons{Body: "b", Footer: letters(61), Buttons: oneButton}, "131009", "60"},
		"no button":            {buttons(0, same), "131009", "buttons"},
		"four buttons":         {buttons(4, same), "131009", "buttons"},
		"button without id":    {buttons(1, func(_ int, b *whatsapp.Button) { b.ID = "" }), "131009", "id"},
		"long button id":       {buttons(1, func(_ int, b *whatsapp.Button) { b.ID = letters(257) }), "131009", "256"},
		"padded button id":     {buttons(1, func(_ int, b *whatsapp.Button) { b.ID = " x" }), "131009", "white space"},
		"same button ids":      {buttons(2, func(_ int, b *whatsapp.Button) { b.ID = "x" }), "131009", "twice"},
		"same button titles":   {buttons(2, func(_ int, b *whatsapp.Button) { b.Title = "x" }), "131009", "twice"},
		"button without title": {buttons(1, func(_ int, b *whatsapp.Button) { b.Title = "" }), "131009", "title"},
		"long button title":    {buttons(1, func(_ int, b *whatsapp.Button) { b.Title = letters(21) }), "131009", "20"},
		"long title of emoji":  {buttons(1, func(_ int, b *whatsapp.Button) { b.Title = emoji(22) }), "131009", "20"},

		"no rows":               {rows(0, 0, row), "131009", "sections"},
		"empty section":         {rows(1, 0, row), "131009", "rows"},
		"eleven rows":           {rows(1, 11, row), "131009", "11 rows"},
		"six and six rows":      {rows(2, 6, row), "131009", "12 rows"},
		"eleven sections":       {rows(11, 1, row), "131009", "sections"},
		"section without title": {whatsapp.List{Body: "b", Label: "l", Sections: append(rows(1, 1, row).Sections, whatsapp.Section{Rows: []whatsapp.Row{{ID: "x", Title: "x"}}})}, "131009", "section"},
		"same row ids":          {rows(1, 2, func(r *whatsapp.Row) { r.ID = "x" }), "131009", "twice"},
		"long row id":           {rows(1, 1, func(r *whatsapp.Row) { r.ID = letters(201) }), "131009", "200"},
		"long row title":        {rows(1, 1, func(r *whatsapp.Row) { r.Title = letters(25) }), "131009", "24"},
		"long row description":  {rows(1, 1, func(r *whatsapp.Row) { r.Description = letters(73) }), "131009", "72"},
		"list without label":    {whatsapp.List{Body: "b", Sections: rows(1, 1, row).Sections}, "131009", "label"},
		"long list label":       {whatsapp.List{Body: "b", Label: letters(21), Sections: rows(1, 1, row).Sections}, "131009", "20"},

		"no link":          {whatsapp.LinkButton{Body: "b", Label: "l"}, "100", "URL"},
		"link to mail":     {whatsapp.LinkButton{Body: "b", Label: "l", URL: "mailto:a@b.example"}, "100", "URL"},
		"link to an IP":    {whatsapp.LinkButton{Body: "b", Label: "l", URL: "https://10.0.0.1/"}, "100", "host"},
		"long link":        {whatsapp.LinkButton{Body: "b", Label: "l", URL: "https://x.example/" + letters(2000)}, "131009", "2000"},
		"long link label":  {whatsapp.LinkButton{Body: "b", Label: letters(21), URL: "https://x.example"}, "131009", "20"},
		"request, no body": {whatsapp.LocationRequest{}, "131008", "body"},
		"no country":       {whatsapp.AddressRequest{Body: "b"}, "131008", "country"},

		"product without catalog": {whatsapp.Product{ProductID: "x"}, "131008", "catalog"},
		"products without header": {whatsapp.Products{CatalogID: "1", Body: "b", Sections: products(1, 1).Sections}, "131008", "header"},
		"31 products":             {products(1, 31), "131009", "31 products"},
		"eleven product sections": {products(11, 1), "131009", "sections"},
		"empty product section":   {products(1, 0), "131009", "products"},

		"one card":              {cards(1, card), "131009", "cards"},
		"eleven cards":          {cards(11, card), "131009", "cards"},
		"carousel without text": {whatsapp.Carousel{Cards: cards(2, card).Cards}, "131008", "body"},
		"card without picture":  {cards(2, func(_ int, c *whatsapp.Card) { c.Header = nil }), "131008", "image"},
		"card with words above": {cards(2, func(_ int, c *whatsapp.Card) { c.Header = whatsapp.HeaderText("h") }), "100", "image"},
		"mixed headers": {cards(2, func(i int, c *whatsapp.Card) {
			if i == 1 {
				c.Header = whatsapp.Video{File: link("a.mp4")}
			}
		}), "131009", "kind of header"},
		"mixed actions": {cards(2, func(i int, c *whatsapp.Card) {
			if i == 1 {
				c.Replies = oneButton
			}
		}), "131009", "number of buttons"},
		"long card body":     {cards(2, func(_ int, c *whatsapp.Card) { c.Body = letters(161) }), "131009", "160"},
		"card body of lines": {cards(2, func(_ int, c *whatsapp.Card) { c.Body = "a\nb\nc\nd" }), "131009", "line breaks"},
		"long card reply": {cards(2, func(i int, c *whatsapp.Card) {
			c.Replies = []whatsapp.Button{{ID: letters(20) + fmt.Sprint(i), Title: "t"}}
		}), "131009", "20"},
		"same replies of cards": {cards(2, func(_ int, c *whatsapp.Card) { c.Replies = oneButton }), "131009", "twice"},
		"catalogs differ": {cards(2, func(i int, c *whatsapp.Card) {
			*c = whatsapp.Card{ProductID: "p", CatalogID: fmt.Sprint(i + 1)}
		}), "131009", "catalog"},

		"flow without id":        {flow(func(f *whatsapp.Flow) { f.ID = "" }), "131008", "id or a name"},
		"flow with two ids":      {flow(func(f *whatsapp.Flow) { f.Name = "n" }), "131008", "id or a name"},
		"flow without label":     {flow(func(f *whatsapp.Flow) { f.Label = "" }), "131009", "label"},
		"long flow label":        {flow(func(f *whatsapp.Flow) { f.Label = letters(31) }), "131009", "30"},
		"flow label with emoji":  {flow(func(f *whatsapp.Flow) { f.Label = "Go 🚀" }), "131009", "emoji"},
		"flow data, no screen":   {flow(func(f *whatsapp.Flow) { f.Data = map[string]any{"a": 1} }), "131008", "screen"},
		"flow screen, exchanged": {flow(func(f *whatsapp.Flow) { f.Screen, f.Exchange = "S", true }), "100", "data_exchange"},
		"flow data, not JSON":    {flow(func(f *whatsapp.Flow) { f.Screen, f.Data = "S", map[string]any{"a": make(chan int)} }), "100", "JSON"},

		"template without name":     {template(func(t *whatsapp.Template) { t.Name = "" }), "131008", "name"},
		"template without language": {template(func(t *whatsapp.Template) { t.Language = "" }), "131008", "language"},
		"template, capital letters": {template(func(t *whatsapp.Template) { t.Name = "Alert" }), "132001", "Alert"},
		"template, long name":       {template(func(t *whatsapp.Template) { t.Name = letters(513) }), "132001", "name"},
		"template, odd language":    {template(func(t *whatsapp.Template) { t.Language = "English" }), "132001", "English"},
		"parameter, two lines":      {template(body(whatsapp.Parameter{Text: "a\nb"})), "132018", "line breaks"},
		"parameter, tab":            {template(body(whatsapp.Parameter{Text: "a\tb"})), "132018", "tabs"},
		"parameter, five spaces":    {template(body(whatsapp.Parameter{Text: "a     b"})), "132018", "spaces"},
		"parameter, empty":          {template(body(whatsapp.Parameter{})), "131008", "empty"},
		"parameter, two values":     {template(body(whatsapp.Parameter{Text: "a", DateTime: "b"})), "132012", "several"},
		"parameters, named and not": {template(body(whatsapp.Parameter{Name: "a", Text: "a"}, whatsapp.Parameter{Text: "b"})), "132012", "name"},
		"parameters, same name":     {template(body(whatsapp.Parameter{Name: "a", Text: "a"}, whatsapp.Parameter{Name: "a", Text: "b"})), "131009", "twice"},
		"parameter, odd name":       {template(body(whatsapp.Parameter{Name: "A B", Text: "a"})), "131009", "name"},
		"parameters too long":       {template(body(whatsapp.Parameter{Text: letters(1025)})), "132005", "too long"},
		"parameter, odd money":      {template(body(whatsapp.Parameter{Currency: &whatsapp.Currency{Code: "EURO"}})), "131008", "money"},
		"parameter, file as bytes": {template(func(t *whatsapp.Template) {
			t.Header = []whatsapp.Parameter{{Image: &whatsapp.File{Content: strings.NewReader("x")}}}
		}), "131053", "bytes"},
		"template button 10":         {template(button(whatsapp.TemplateButton{Index: 10, Payload: "x"})), "131009", "index"},
		"template button twice":      {template(button(whatsapp.TemplateButton{Payload: "x"}, whatsapp.TemplateButton{Payload: "y"})), "131009", "twice"},
		"template button of nothing": {template(button(whatsapp.TemplateButton{})), "131008", "sub_type"},
		"template button of two":     {template(button(whatsapp.TemplateButton{Payload: "x", URLSuffix: "y"})), "132012", "several"},
		"eleven template cards":      {template(func(t *whatsapp.Template) { t.Cards = make([]whatsapp.TemplateCard, 11) }), "131009", "cards"},

		"native, eleven rows": {whatsapp.Native(`{"type":"interactive","interactive":{"type":"list","body":{"text":"b"},"action":{"button":"l","sections":[{"rows":[` +
			strings.TrimSuffix(strings.Repeat(`{"id":"x","title":"t"},`, 11), ",") + `]}]}}}`), "131009", "twice"},
		"native, no JSON": {whatsapp.Native(`{`), "100", "JSON"},
		"native, no type": {whatsapp.Native(`{}`), "100", "type"},
		"native, huge":    {whatsapp.Native(`{"type":"x","x":"` + letters(256<<10) + `"}`), "100", "bytes"},
	} {
		if cards, ok := c.content.(whatsapp.Contacts); ok && len(cards) == 258 {
			for i := range cards {
				cards[i].Name = whatsapp.ContactName{FormattedName: "A B", FirstName: "A"}
			}
		}
		_, err := p.Send(t.Context(), to, c.content)
		if err == nil {
			t.Errorf("%s: sent", name)
			continue
		}
		e := failure(t, err)
		// What the emulator's decoder refuses as well, it refuses with the same code. It leaves some to a template's
		// definition.
		if c.content == nil {
			continue
		}
		if body, err := whatsapp.Unchecked(c.content, to); err == nil {
			_, err := outbound.Parse(body, false)
			if no, ok := errors.AsType[*refusal.Refusal](err); ok && fmt.Sprint(no.Code) != c.code {
				t.Errorf("%s: we say %s, the emulator says %v", name, c.code, no)
			}
		}
		if e.PlatformCode != c.code || !strings.Contains(e.Text, c.word) || e.Hint == "" || !e.Permanent || e.Sent != chat.SentNo {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if n := len(m.sent()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// Groups take texts, files and templates.
func TestGroups(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	sent := 0
	for _, c := range everyType {
		kind := decoded(t, c.body)["type"].(string)
		_, err := p.Send(t.Context(), "group:Y2Fw", c.content)
		switch kind {
		case "text", "image", "video", "audio", "document", "sticker", "template":
			if sent++; err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		default:
			if err == nil || failure(t, err).PlatformCode != "131051" {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
	for _, b := range m.sent() {
		if got := decoded(t, b); got["recipient_type"] != "group" || got["to"] != "Y2Fw" {
			t.Errorf("%s", b)
		}
	}
	if n := len(m.sent()); n != sent {
		t.Errorf("%d requests, want %d", n, sent)
	}
}

// Codes to copy need a phone number.
func TestUserIDs(t *testing.T) {
	t.Parallel()
	_, p := newMeta(t, nil)
	coupon := template(button(whatsapp.TemplateButton{CouponCode: "SAVE"}))
	if _, err := p.Send(t.Context(), to, coupon); err != nil {
		t.Error(err)
	}
	if _, err := p.Send(t.Context(), "DE.90210", coupon); err == nil || failure(t, err).PlatformCode != "131062" {
		t.Errorf("%v", err)
	}
}

// What Meta may have invented since is Meta's to judge.
func TestUnknownNativeTypesPass(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	for i, body := range []string{
		`{"type":"hologram","hologram":{"x":[1]}}`,
		`{"type":"interactive","interactive":{"type":"poll","action":{"choices":["a"]}}}`,
		`{"type":"location","location":{"latitude":"52.5","longitude":"13.4"}}`,
		`{"type":"text","text":{"body":"hi","future":true}}`,
	} {
		if _, err := p.SendNative(t.Context(), to, whatsapp.Native(body)); err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		for key, want := range decoded(t, body) {
			if got := decoded(t, m.sent()[i])[key]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %v", key, got)
			}
		}
	}
}

// The limits that the plugin publishes are those that it enforces.
func TestPublishedLimits(t *testing.T) {
	t.Parallel()
	l := whatsapp.Info().Limits
	raw, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{
		`"text_max":4096`, `"interactive_text_max":1024`, `"caption_max":1024`, `"header_max":60`, `"footer_max":60`,
		`"buttons_max":3`, `"button_label_max":20`, `"list_label_max":20`, `"list_sections_max":10`, `"list_rows_max":10`,
		`"section_title_max":24`, `"row_title_max":24`, `"row_description_max":72`, `"action_id_max":256`, `"contacts_max":257`,
		`"native_bytes_max":262144`, `"reply_window_ns":86400000000000`, `"per_account":{"period_ns":13888888,"burst":8}`,
		`"per_recipient":{"period_ns":6000000000,"burst":45}`,
	} {
		if !strings.Contains(string(raw), field) {
			t.Errorf("%s is not published: %s", field, raw)
		}
	}
	most := map[chat.MediaType]uint64{}
	for _, m := range l.Media {
		most[m.Type] = max(most[m.Type], m.MaxBytes)
	}
	for kind, want := range map[chat.MediaType]uint64{
		chat.MediaImage: 5 << 20, chat.MediaVideo: 16 << 20, chat.MediaAudio: 16 << 20, chat.MediaDocument: 100 << 20, chat.MediaSticker: 500 << 10,
	} {
		if most[kind] != want {
			t.Errorf("%s: %d bytes", kind, most[kind])
		}
	}
}
