package whatsapp

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/rules"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Template is a message that Meta has approved beforehand: the only kind that gets through when the user last
// wrote more than 24 hours ago.
type Template struct {
	Name     string // small letters, digits and underscores
	Language string // as the template has it, such as en or en_US
	Header   []Parameter
	Body     []Parameter
	Buttons  []TemplateButton
	Cards    []TemplateCard
	// Offer is when a limited offer ends, for templates that have one.
	Offer time.Time
}

// Parameter fills a place in a template. Exactly one of the fields after Name is set.
type Parameter struct {
	// Name is for templates with named parameters: all of them have one. Without names the order counts.
	Name     string
	Text     string // one line, without tabs and without more than four spaces in a row
	Currency *Currency
	DateTime string // as it is to be shown
	// Image, Video and Document have an ID or a Link; UploadMedia makes an ID.
	Image     *File
	Video     *File
	Document  *File
	Location  *Location
	ProductID string
}

// Currency is an amount of money: FallbackValue as it is shown, Code by ISO 4217, Amount1000 times a thousand.
type Currency = graph.Currency

// TemplateButton fills a button of a template. Exactly one of the fields after Index is set.
type TemplateButton struct {
	Index   int    // from 0, over all buttons of the template
	Payload string // what a quick reply sends back, as the text "button:<Payload>"
	// URLSuffix ends the address of a button that opens a page.
	URLSuffix  string
	CouponCode string
	// FlowToken and FlowData are for a button that opens a form.
	FlowToken string
	FlowData  map[string]any
	// Catalog is for a button that opens the catalog, with the picture of a product.
	Catalog string
	// Products are for a button that shows articles; Catalog then is the one whose picture is shown.
	Products []ProductSection
}

// TemplateCard fills one card of a template's carousel.
type TemplateCard struct {
	Header  []Parameter
	Body    []Parameter
	Buttons []TemplateButton
}

func (t Template) message() (graph.Message, *chat.Error) {
	components, err := componentsOf(t.Header, t.Body, t.Buttons)
	if err != nil {
		return graph.Message{}, err
	}
	if !t.Offer.IsZero() {
		components = append(components, graph.Component{Type: "limited_time_offer", Parameters: []graph.Parameter{{
			Type: "limited_time_offer", LimitedTimeOffer: &graph.LimitedTimeOffer{ExpirationTimeMS: t.Offer.UnixMilli()},
		}}})
	}
	if len(t.Cards) > 0 {
		carousel := graph.Component{Type: "carousel"}
		for n, c := range t.Cards {
			parts, err := componentsOf(c.Header, c.Body, c.Buttons)
			if err != nil {
				return graph.Message{}, err
			}
			carousel.Cards = append(carousel.Cards, graph.TemplateCard{CardIndex: n, Components: parts})
		}
		components = append(components, carousel)
	}
	out := &graph.Template{Name: t.Name, Language: graph.Language{Code: t.Language}}
	if len(components) > 0 {
		raw, err := json.Marshal(components)
		if err != nil {
			return graph.Message{}, rules.Failure(100, "the template cannot be written as JSON: "+err.Error(), "")
		}
		out.Components = raw
	}
	return graph.Message{Type: "template", Template: out}, nil
}

func componentsOf(header, body []Parameter, buttons []TemplateButton) (out []graph.Component, err *chat.Error) {
	for _, part := range []struct {
		name       string
		parameters []Parameter
	}{{"header", header}, {"body", body}} {
		if len(part.parameters) == 0 {
			continue
		}
		c := graph.Component{Type: part.name}
		for _, p := range part.parameters {
			wire, err := p.wire()
			if err != nil {
				return nil, err
			}
			c.Parameters = append(c.Parameters, wire)
		}
		out = append(out, c)
	}
	for _, b := range buttons {
		c, err := b.wire()
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func (p Parameter) wire() (out graph.Parameter, err *chat.Error) {
	out.ParameterName = p.Name
	set := 0
	kind := func(is bool, name string) {
		if is {
			out.Type = name
			set++
		}
	}
	kind(p.Text != "", "text")
	kind(p.Currency != nil, "currency")
	kind(p.DateTime != "", "date_time")
	kind(p.Image != nil, "image")
	kind(p.Video != nil, "video")
	kind(p.Document != nil, "document")
	kind(p.Location != nil, "location")
	kind(p.ProductID != "", "product")
	if set > 1 {
		return out, rules.Failure(132012, "a parameter of the template has several values", "set one of its fields")
	}
	if set == 0 {
		out.Type = "text" // the check says that it is empty
	}
	out.Text, out.Currency = p.Text, p.Currency
	if p.DateTime != "" {
		out.DateTime = &graph.DateTime{FallbackValue: p.DateTime}
	}
	if p.Location != nil {
		out.Location = p.Location.wire()
	}
	if p.ProductID != "" {
		out.Product = &graph.TemplateProduct{ProductRetailerID: p.ProductID}
	}
	for _, f := range []struct {
		file *File
		into **graph.Media
	}{{p.Image, &out.Image}, {p.Video, &out.Video}, {p.Document, &out.Document}} {
		if f.file == nil {
			continue
		}
		if f.file.Content != nil {
			return out, rules.Failure(131053, "a file of a template comes as bytes", "upload it with UploadMedia and give its ID")
		}
		*f.into = &graph.Media{ID: f.file.ID, Link: f.file.Link}
	}
	if out.Document != nil {
		out.Document.Filename = p.Document.Name
	}
	return out, nil
}

func (b TemplateButton) wire() (out graph.Component, err *chat.Error) {
	out = graph.Component{Type: "button", Index: graph.Scalar(strconv.Itoa(b.Index))}
	set := func(kind string, p graph.Parameter) {
		out.SubType = kind
		out.Parameters = append(out.Parameters, p)
	}
	if b.Payload != "" {
		set("quick_reply", graph.Parameter{Type: "payload", Payload: b.Payload})
	}
	if b.URLSuffix != "" {
		set("url", graph.Parameter{Type: "text", Text: b.URLSuffix})
	}
	if b.CouponCode != "" {
		set("copy_code", graph.Parameter{Type: "coupon_code", CouponCode: b.CouponCode})
	}
	if b.FlowToken != "" || len(b.FlowData) > 0 {
		action := &graph.TemplateAction{FlowToken: b.FlowToken}
		if len(b.FlowData) > 0 {
			raw, err := json.Marshal(b.FlowData)
			if err != nil {
				return out, rules.Failure(100, "the data of a flow cannot be written as JSON: "+err.Error(), "")
			}
			action.FlowActionData = raw
		}
		set("flow", graph.Parameter{Type: "action", Action: action})
	}
	switch action := (&graph.TemplateAction{ThumbnailProductRetailerID: b.Catalog}); {
	case len(b.Products) > 0:
		action.Sections = productSections(b.Products)
		set("mpm", graph.Parameter{Type: "action", Action: action})
	case b.Catalog != "":
		set("catalog", graph.Parameter{Type: "action", Action: action})
	}
	if len(out.Parameters) > 1 {
		return out, rules.Failure(132012, "a button of the template has several values", "set one of its fields")
	}
	return out, nil
}

// SendTemplate sends a template.
func (p *Platform) SendTemplate(ctx context.Context, to string, t Template, options ...Option) (id string, err error) {
	return p.Send(ctx, to, t, options...)
}
