package whatsapp

import (
	"context"
	"encoding/json"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/rules"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Header stands above a message with something to tap: HeaderText, or an Image, Video or Document without a
// caption.
type Header interface {
	header() (*graph.Header, *chat.Error)
}

// HeaderText is one line of at most 60 characters, without marks.
type HeaderText string

func (h HeaderText) header() (*graph.Header, *chat.Error) {
	return &graph.Header{Type: "text", Text: string(h)}, nil
}

func (i Image) header() (*graph.Header, *chat.Error)    { return headerOf(i) }
func (v Video) header() (*graph.Header, *chat.Error)    { return headerOf(v) }
func (d Document) header() (*graph.Header, *chat.Error) { return headerOf(d) }

func headerOf(c Content) (*graph.Header, *chat.Error) {
	m, err := c.message()
	if err != nil {
		return nil, err
	}
	return &graph.Header{Type: m.Type, Image: m.Image, Video: m.Video, Document: m.Document}, nil
}

// interactive builds the body that messages with something to tap have in common. Empty parts are left out.
func interactive(kind string, h Header, body, footer string, a graph.Action) (graph.Message, *chat.Error) {
	i := &graph.Interactive{Type: kind, Action: a}
	if h != nil {
		header, err := h.header()
		if err != nil {
			return graph.Message{}, err
		}
		i.Header = header
	}
	if body != "" {
		i.Body = &graph.Words{Text: body}
	}
	if footer != "" {
		i.Footer = &graph.Words{Text: footer}
	}
	return graph.Message{Type: "interactive", Interactive: i}, nil
}

// text is a header of words that may be empty.
func text(s string) Header {
	if s == "" {
		return nil
	}
	return HeaderText(s)
}

// Buttons is a text with 1 to 3 reply buttons. A tap comes back as the text "button:<ID>".
type Buttons struct {
	Header  Header // may be nil
	Body    string // at most 1024 characters
	Footer  string // may be empty; one line of at most 60 characters
	Buttons []Button
}

func (b Buttons) message() (graph.Message, *chat.Error) {
	a := graph.Action{}
	for _, button := range b.Buttons {
		a.Buttons = append(a.Buttons, graph.Button{Type: "reply", Reply: &graph.Reply{ID: button.ID, Title: button.Title}})
	}
	return interactive("button", b.Header, b.Body, b.Footer, a)
}

// SendButtons sends a text with reply buttons.
func (p *Platform) SendButtons(ctx context.Context, to string, b Buttons, options ...Option) (id string, err error) {
	return p.Send(ctx, to, b, options...)
}

// List is a text with a menu of 1 to 10 rows over all sections. A choice comes back as the text "list:<ID>".
type List struct {
	Header   string // may be empty; one line of at most 60 characters
	Body     string // at most 1024 characters
	Footer   string // may be empty; one line of at most 60 characters
	Label    string // opens the menu; at most 20 characters
	Sections []Section
}

func (l List) message() (graph.Message, *chat.Error) {
	a := graph.Action{Button: l.Label}
	for _, s := range l.Sections {
		section := graph.Section{Title: s.Title}
		for _, r := range s.Rows {
			section.Rows = append(section.Rows, graph.Row{ID: r.ID, Title: r.Title, Description: r.Description})
		}
		a.Sections = append(a.Sections, section)
	}
	return interactive("list", text(l.Header), l.Body, l.Footer, a)
}

// SendList sends a text with a menu.
func (p *Platform) SendList(ctx context.Context, to string, l List, options ...Option) (id string, err error) {
	return p.Send(ctx, to, l, options...)
}

// LinkButton is a text with one button that opens a page.
type LinkButton struct {
	Header Header // may be nil
	Body   string // at most 1024 characters
	Footer string // may be empty; one line of at most 60 characters
	Label  string // at most 20 characters
	URL    string // http or https, with the name of a host rather than its IP address
}

func (l LinkButton) message() (graph.Message, *chat.Error) {
	return interactive("cta_url", l.Header, l.Body, l.Footer, linkAction(l.Label, l.URL))
}

func linkAction(label, url string) graph.Action {
	return graph.Action{Name: "cta_url", Parameters: &graph.Parameters{DisplayText: label, URL: url}}
}

// SendLinkButton sends a text with a button that opens a page.
func (p *Platform) SendLinkButton(ctx context.Context, to string, l LinkButton, options ...Option) (id string, err error) {
	return p.Send(ctx, to, l, options...)
}

// LocationRequest asks where the user is; the answer is a location.
type LocationRequest struct {
	Body string // at most 1024 characters
}

func (r LocationRequest) message() (graph.Message, *chat.Error) {
	return interactive("location_request_message", nil, r.Body, "", graph.Action{Name: "send_location"})
}

// SendLocationRequest asks where the user is.
func (p *Platform) SendLocationRequest(ctx context.Context, to string, r LocationRequest, options ...Option) (id string, err error) {
	return p.Send(ctx, to, r, options...)
}

// ContactRequest asks for the user's phone number; the answer is an address card.
type ContactRequest struct {
	Body string // at most 1024 characters
}

func (r ContactRequest) message() (graph.Message, *chat.Error) {
	return interactive("request_contact_info", nil, r.Body, "", graph.Action{Name: "request_contact_info"})
}

// SendContactRequest asks for the user's phone number.
func (p *Platform) SendContactRequest(ctx context.Context, to string, r ContactRequest, options ...Option) (id string, err error) {
	return p.Send(ctx, to, r, options...)
}

// AddressRequest asks for a postal address, which Meta offers in India; the answer is a form.
type AddressRequest struct {
	Body    string // at most 1024 characters
	Footer  string // may be empty; one line of at most 60 characters
	Country string // such as IN
	// Values are filled in already, by Meta's names of the fields, such as name and in_pin_code.
	Values map[string]string
	Saved  []SavedAddress
	// Errors say what was wrong with an earlier answer, by the names of the fields.
	Errors map[string]string
}

// SavedAddress is one that the user can choose.
type SavedAddress struct {
	ID    string            `json:"id"`
	Value map[string]string `json:"value"`
}

func (r AddressRequest) message() (graph.Message, *chat.Error) {
	return interactive("address_message", nil, r.Body, r.Footer, graph.Action{
		Name: "address_message", Parameters: &graph.Parameters{
			Country: r.Country, Values: object(r.Values), ValidationErrors: object(r.Errors), SavedAddresses: list(r.Saved),
		},
	})
}

// object writes a map that is not empty.
func object(m map[string]string) json.RawMessage {
	if len(m) == 0 {
		return nil
	}
	raw, _ := json.Marshal(m) // texts can always be written
	return raw
}

func list(a []SavedAddress) json.RawMessage {
	if len(a) == 0 {
		return nil
	}
	raw, _ := json.Marshal(a)
	return raw
}

// SendAddressRequest asks for a postal address.
func (p *Platform) SendAddressRequest(ctx context.Context, to string, r AddressRequest, options ...Option) (id string, err error) {
	return p.Send(ctx, to, r, options...)
}

// Product shows one article of a catalog.
type Product struct {
	CatalogID string
	ProductID string // the article's own id, which Meta calls retailer id
	Body      string // may be empty
	Footer    string // may be empty; one line of at most 60 characters
}

func (i Product) message() (graph.Message, *chat.Error) {
	return interactive("product", nil, i.Body, i.Footer, graph.Action{CatalogID: i.CatalogID, ProductRetailerID: i.ProductID})
}

// SendProduct shows an article of a catalog.
func (p *Platform) SendProduct(ctx context.Context, to string, i Product, options ...Option) (id string, err error) {
	return p.Send(ctx, to, i, options...)
}

// Products shows up to 30 articles of a catalog, in up to 10 sections. An order comes back.
type Products struct {
	CatalogID string
	Header    string // one line of at most 60 characters
	Body      string // at most 1024 characters
	Footer    string // may be empty; one line of at most 60 characters
	Sections  []ProductSection
}

// ProductSection is a group of articles.
type ProductSection struct {
	Title      string // at most 24 characters; needed when there are several
	ProductIDs []string
}

func (i Products) message() (graph.Message, *chat.Error) {
	a := graph.Action{CatalogID: i.CatalogID, Sections: productSections(i.Sections)}
	return interactive("product_list", text(i.Header), i.Body, i.Footer, a)
}

func productSections(sections []ProductSection) (out []graph.Section) {
	for _, s := range sections {
		section := graph.Section{Title: s.Title}
		for _, id := range s.ProductIDs {
			section.ProductItems = append(section.ProductItems, graph.Product{ProductRetailerID: id})
		}
		out = append(out, section)
	}
	return out
}

// SendProducts shows articles of a catalog.
func (p *Platform) SendProducts(ctx context.Context, to string, i Products, options ...Option) (id string, err error) {
	return p.Send(ctx, to, i, options...)
}

// Catalog opens the whole catalog of the number.
type Catalog struct {
	Body               string // at most 1024 characters
	Footer             string // may be empty; one line of at most 60 characters
	ThumbnailProductID string // whose picture is shown; empty takes the first
}

func (c Catalog) message() (graph.Message, *chat.Error) {
	a := graph.Action{Name: "catalog_message"}
	if c.ThumbnailProductID != "" {
		a.Parameters = &graph.Parameters{ThumbnailProductRetailerID: c.ThumbnailProductID}
	}
	return interactive("catalog_message", nil, c.Body, c.Footer, a)
}

// SendCatalog sends the way to the catalog.
func (p *Platform) SendCatalog(ctx context.Context, to string, c Catalog, options ...Option) (id string, err error) {
	return p.Send(ctx, to, c, options...)
}

// Carousel is a text with 2 to 10 cards to swipe through. All cards are of one kind: with a link, with the same
// number of replies, or with products of one catalog; and all have an image or all have a video.
type Carousel struct {
	Body  string // at most 1024 characters
	Cards []Card
}

// Card is one of a carousel. URL with Label, Replies or ProductID with CatalogID is set.
type Card struct {
	Header  Header // an Image or a Video
	Body    string // may be empty; at most 160 characters and two line breaks
	URL     string
	Label   string   // of the link; at most 20 characters
	Replies []Button // ids and titles have at most 20 characters

	ProductID, CatalogID string
}

func (c Carousel) message() (graph.Message, *chat.Error) {
	a := graph.Action{}
	for n, card := range c.Cards {
		wire, err := card.wire(n)
		if err != nil {
			return graph.Message{}, err
		}
		a.Cards = append(a.Cards, wire)
	}
	return interactive("carousel", nil, c.Body, "", a)
}

func (c Card) wire(n int) (graph.Card, *chat.Error) {
	card := graph.Card{CardIndex: n, Type: "cta_url"}
	if c.Header != nil {
		header, err := c.Header.header()
		if err != nil {
			return card, err
		}
		card.Header = header
	}
	if c.Body != "" {
		card.Body = &graph.Words{Text: c.Body}
	}
	switch {
	case c.ProductID != "" || c.CatalogID != "":
		card.Type = "product"
		card.Action = graph.Action{ProductRetailerID: c.ProductID, CatalogID: c.CatalogID}
	case len(c.Replies) > 0:
		for _, r := range c.Replies {
			card.Action.Buttons = append(card.Action.Buttons,
				graph.Button{Type: "quick_reply", QuickReply: &graph.Reply{ID: r.ID, Title: r.Title}})
		}
	default:
		card.Action = linkAction(c.Label, c.URL)
	}
	return card, nil
}

// SendCarousel sends cards to swipe through.
func (p *Platform) SendCarousel(ctx context.Context, to string, c Carousel, options ...Option) (id string, err error) {
	return p.Send(ctx, to, c, options...)
}

// Flow opens a form that was made in WhatsApp Manager; the answer is a form.
type Flow struct {
	Header Header // may be nil
	Body   string // at most 1024 characters
	Footer string // may be empty; one line of at most 60 characters
	ID     string // or Name
	Name   string
	Label  string // at most 30 characters, no emoji
	Token  string // comes back with the answer; may be empty
	Draft  bool   // sends one that is not published yet
	// Screen is where the form begins, with Data for it. Empty lets Exchange decide, or the form's own beginning.
	Screen string
	Data   map[string]any
	// Exchange asks the form's endpoint for the first screen.
	Exchange bool
}

func (f Flow) message() (graph.Message, *chat.Error) {
	p := &graph.Parameters{
		FlowMessageVersion: "3", FlowID: f.ID, FlowName: f.Name, FlowCTA: f.Label, FlowToken: f.Token,
	}
	if f.Draft {
		p.Mode = "draft"
	}
	if f.Exchange {
		p.FlowAction = "data_exchange"
	}
	if f.Screen != "" || len(f.Data) > 0 {
		p.FlowActionPayload = &graph.FlowPayload{Screen: f.Screen}
		if !f.Exchange {
			p.FlowAction = "navigate"
		}
	}
	if len(f.Data) > 0 {
		raw, err := json.Marshal(f.Data)
		if err != nil {
			return graph.Message{}, rules.Failure(100, "the data of the flow cannot be written as JSON: "+err.Error(), "")
		}
		p.FlowActionPayload.Data = raw
	}
	return interactive("flow", f.Header, f.Body, f.Footer, graph.Action{Name: "flow", Parameters: p})
}

// SendFlow sends the way to a form.
func (p *Platform) SendFlow(ctx context.Context, to string, f Flow, options ...Option) (id string, err error) {
	return p.Send(ctx, to, f, options...)
}
