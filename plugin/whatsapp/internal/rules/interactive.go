package rules

import (
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// form is what a type of interactive message must and may have.
type form struct {
	check  func(*graph.Interactive) *refusal
	name   string          // the action's name
	header map[string]bool // kinds of headers that may stand above
	body   bool            // whether it needs a body
	footer bool            // whether it may have a footer
}

var (
	anyHeader  = map[string]bool{"text": true, "image": true, "video": true, "document": true}
	textHeader = map[string]bool{"text": true}
	noHeader   = map[string]bool{}
)

var interactives = map[string]form{
	"button":                   {check: checkButtons, header: anyHeader, body: true, footer: true},
	"list":                     {check: checkList, header: textHeader, body: true, footer: true},
	"cta_url":                  {check: checkLinkButton, name: "cta_url", header: anyHeader, body: true, footer: true},
	"carousel":                 {check: checkCarousel, header: noHeader, body: true},
	"location_request_message": {check: nothingMore, name: "send_location", header: noHeader, body: true},
	"request_contact_info":     {check: nothingMore, name: "request_contact_info", header: noHeader, body: true},
	"flow":                     {check: checkFlow, name: "flow", header: anyHeader, body: true, footer: true},
	"product":                  {check: checkProduct, header: noHeader, footer: true},
	"product_list":             {check: checkProducts, header: textHeader, body: true, footer: true},
	"catalog_message":          {check: nothingMore, name: "catalog_message", header: noHeader, body: true, footer: true},
	"address_message":          {check: checkAddress, name: "address_message", header: textHeader, body: true, footer: true},
}

func nothingMore(*graph.Interactive) *refusal { return nil }

func checkInteractive(i *graph.Interactive) *refusal {
	if i == nil {
		return shape("there is no interactive part")
	}
	f, known := interactives[i.Type]
	switch {
	case !known:
		return shape("%.40q is no type of interactive message", i.Type)
	case f.body && (i.Body == nil || strings.TrimSpace(i.Body.Text) == ""):
		return missing("the body is empty").because("give it a text")
	case i.Footer != nil && !f.footer:
		return shape("a message of type %s has no footer", i.Type)
	case f.name != i.Action.Name:
		return shape("the action of a message of type %s is named %q", i.Type, f.name)
	}
	if i.Body != nil {
		if r := within("the body", i.Body.Text, 0, InteractiveMax); r != nil {
			return r
		}
	}
	if i.Footer != nil {
		if r := oneLine("the footer", i.Footer.Text, FooterMax); r != nil {
			return r
		}
	}
	return first(checkHeader(i.Type, i.Header, f.header), f.check(i))
}

func oneLine(what, s string, most int) *refusal {
	if strings.ContainsAny(s, "\r\n") {
		return value("%s has more than one line", what)
	}
	return within(what, s, 1, most)
}

func checkHeader(of string, h *graph.Header, may map[string]bool) *refusal {
	switch {
	case h == nil:
		return nil
	case !may[h.Type]:
		return shape("a message of type %s has no header of type %.20q", of, h.Type)
	case h.Type == "text":
		return oneLine("the header", h.Text, HeaderMax)
	}
	return checkHeaderFile(h)
}

func checkHeaderFile(h *graph.Header) *refusal {
	file := map[string]*graph.Media{"image": h.Image, "video": h.Video, "document": h.Document}[h.Type]
	if file != nil && file.Caption != "" {
		return shape("the file of a header has no caption").because("the body says it")
	}
	return checkMedia(chat.MediaType(h.Type), file)
}

func checkButtons(i *graph.Interactive) *refusal {
	if n := len(i.Action.Buttons); n < 1 || n > ButtonsMax {
		return value("%d buttons, 1 to %d are possible", n, ButtonsMax).because("send a list instead")
	}
	ids, titles := unique{what: "the button id"}, unique{what: "the button title"}
	for n, b := range i.Action.Buttons {
		if b.Type != "reply" || b.Reply == nil {
			return shape("button %d is not of type reply", n+1)
		}
		if r := first(
			identifier("the id of a button", b.Reply.ID, ButtonIDMax), ids.add(b.Reply.ID),
			oneLine("the title of a button", b.Reply.Title, ButtonTitleMax), titles.add(b.Reply.Title),
		); r != nil {
			return r
		}
	}
	return nil
}

func checkList(i *graph.Interactive) *refusal {
	if r := oneLine("the label of the list", i.Action.Button, ListLabelMax); r != nil {
		return r
	}
	if n := len(i.Action.Sections); n < 1 || n > SectionsMax {
		return value("%d sections, 1 to %d are possible", n, SectionsMax)
	}
	rows, ids := 0, unique{what: "the row id"}
	for n, s := range i.Action.Sections {
		least := 0
		if len(i.Action.Sections) > 1 {
			least = 1
		}
		if r := within("the title of a section", s.Title, least, SectionTitleMax); r != nil {
			return r.because("several sections need titles")
		}
		if len(s.Rows) == 0 {
			return value("section %d has no rows", n+1)
		}
		for _, row := range s.Rows {
			if r := first(
				identifier("the id of a row", row.ID, RowIDMax), ids.add(row.ID),
				oneLine("the title of a row", row.Title, RowTitleMax),
				within("the description of a row", row.Description, 0, RowDescriptionMax),
			); r != nil {
				return r
			}
		}
		rows += len(s.Rows)
	}
	if rows > RowsMax {
		return value("%d rows over all sections, 1 to %d are possible", rows, RowsMax).because("the rows count over all sections")
	}
	return nil
}

func checkLinkButton(i *graph.Interactive) *refusal { return checkLinkAction(i.Action) }

func checkLinkAction(a graph.Action) *refusal {
	p := a.Parameters
	if p == nil {
		return missing("the button has no label and no address")
	}
	if r := first(oneLine("the label of the button", p.DisplayText, LinkLabelMax), checkLink("the address of the button", p.URL)); r != nil {
		return r
	}
	if !PublicLink(p.URL) {
		return shape("the address of the button has no name of a host").because("write the name instead of the IP address")
	}
	return nil
}

// checkCarousel wants cards that are all alike.
func checkCarousel(i *graph.Interactive) *refusal {
	cards := i.Action.Cards
	if n := len(cards); n < CardsMin || n > CardsMax {
		return value("%d cards, %d to %d are possible", n, CardsMin, CardsMax)
	}
	alike := func(c graph.Card) [4]any {
		header := ""
		if c.Header != nil {
			header = c.Header.Type
		}
		return [4]any{c.Type, header, len(c.Action.Buttons), c.Action.CatalogID}
	}
	ids := unique{what: "the id of a quick reply"}
	for n, c := range cards {
		switch {
		case c.CardIndex != n:
			return value("card %d has the index %d", n+1, c.CardIndex).because("cards count from 0")
		case alike(c) != alike(cards[0]):
			return value("card %d has another kind of header, catalog or number of buttons than the first", n+1).
				because("all cards of a carousel are of one kind")
		}
		if r := checkCard(c, &ids); r != nil {
			return r
		}
	}
	return nil
}

func checkCard(c graph.Card, ids *unique) *refusal {
	switch c.Type {
	case "product":
		if c.Action.ProductRetailerID == "" || c.Action.CatalogID == "" {
			return missing("a product card needs a product and a catalog")
		}
		return nil
	case "cta_url":
	default:
		return shape("%.20q is no type of card", c.Type)
	}
	if c.Header == nil {
		return missing("a card needs an image or a video above")
	}
	if c.Header.Type != "image" && c.Header.Type != "video" {
		return shape("a card has no header of type %.20q, it needs an image or a video above", c.Header.Type)
	}
	if r := checkHeaderFile(c.Header); r != nil {
		return r
	}
	if c.Body != nil {
		if r := within("the body of a card", c.Body.Text, 1, CardBodyMax); r != nil {
			return r
		}
		if strings.Count(c.Body.Text, "\n") > CardBreaksMax {
			return value("the body of a card has more than %d line breaks", CardBreaksMax)
		}
	}
	if len(c.Action.Buttons) == 0 {
		if c.Action.Name != "cta_url" {
			return shape("the action of a card is named cta_url")
		}
		return checkLinkAction(c.Action)
	}
	titles := unique{what: "the title of a quick reply"}
	if len(c.Action.Buttons) > ButtonsMax {
		return value("%d quick replies on a card, 1 to %d are possible", len(c.Action.Buttons), ButtonsMax)
	}
	for _, b := range c.Action.Buttons {
		if b.Type != "quick_reply" || b.QuickReply == nil {
			return shape("the buttons of a card are of type quick_reply")
		}
		if r := first(
			identifier("the id of a quick reply", b.QuickReply.ID, CardReplyMax), ids.add(b.QuickReply.ID),
			oneLine("the title of a quick reply", b.QuickReply.Title, CardReplyMax), titles.add(b.QuickReply.Title),
		); r != nil {
			return r
		}
	}
	return nil
}

func checkFlow(i *graph.Interactive) *refusal {
	p := i.Action.Parameters
	switch {
	case p == nil:
		return missing("the flow has no parameters")
	case p.FlowMessageVersion == "":
		return missing("the flow has no flow_message_version").because(`it is "3"`)
	case (p.FlowID == "") == (p.FlowName == ""):
		return missing("a flow needs either an id or a name")
	case p.Mode != "" && p.Mode != "draft" && p.Mode != "published":
		return shape("the mode of a flow is draft or published")
	case p.FlowAction != "" && p.FlowAction != "navigate" && p.FlowAction != "data_exchange":
		return shape("the action of a flow is navigate or data_exchange")
	case p.FlowAction == "data_exchange" && p.FlowActionPayload != nil:
		return shape("a flow whose action is data_exchange has no payload").because("the endpoint of the flow gives the first screen")
	case p.FlowActionPayload != nil && p.FlowActionPayload.Screen == "":
		return missing("the payload of the flow names no screen")
	case p.FlowActionPayload != nil && len(p.FlowActionPayload.Data) > 0 && !fullObject(p.FlowActionPayload.Data):
		return value("the data of a flow's payload is an object that is not empty").because("leave data out")
	case !withoutEmoji(p.FlowCTA):
		return value("the label of a flow has an emoji").because("write it with letters")
	}
	return oneLine("the label of the flow", p.FlowCTA, FlowLabelMax)
}

func checkProduct(i *graph.Interactive) *refusal {
	if i.Action.CatalogID == "" || i.Action.ProductRetailerID == "" {
		return missing("a product needs a catalog and the product's id")
	}
	return nil
}

func checkProducts(i *graph.Interactive) *refusal {
	switch n := len(i.Action.Sections); {
	case i.Header == nil:
		return missing("a list of products needs a header")
	case i.Action.CatalogID == "":
		return missing("a list of products needs a catalog")
	case n < 1 || n > SectionsMax:
		return value("%d sections, 1 to %d are possible", n, SectionsMax)
	}
	products := 0
	for n, s := range i.Action.Sections {
		least := 0
		if len(i.Action.Sections) > 1 {
			least = 1
		}
		if r := within("the title of a section", s.Title, least, SectionTitleMax); r != nil {
			return r
		}
		if len(s.ProductItems) == 0 {
			return value("section %d has no products", n+1)
		}
		for _, p := range s.ProductItems {
			if p.ProductRetailerID == "" {
				return missing("a product in section %d has no id", n+1)
			}
		}
		products += len(s.ProductItems)
	}
	if products > ProductsMax {
		return value("%d products over all sections, 1 to %d are possible", products, ProductsMax)
	}
	return nil
}

func checkAddress(i *graph.Interactive) *refusal {
	if p := i.Action.Parameters; p == nil || p.Country == "" {
		return missing("the question for an address names no country").because("Meta offers it in India: IN")
	}
	return nil
}
