package whatsapp_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aof-dev/aofd/plugin/whatsapp"
	"github.com/aof-dev/aofd/sdk/chat"
)

// everyType has one message of each type, with all that it can have, and the body that goes out.
var everyType = []struct {
	name    string
	content whatsapp.Content
	body    string // without messaging_product, recipient_type and the recipient
}{
	{"text", whatsapp.Text{Body: "hi"}, `{"type":"text","text":{"body":"hi","preview_url":false}}`},
	{
		"text with preview",
		whatsapp.Text{Body: "see https://x.example", Preview: true},
		`{"type":"text","text":{"body":"see https://x.example","preview_url":true}}`,
	},
	{
		"image by link",
		whatsapp.Image{File: link("a.png"), Caption: "c"},
		`{"type":"image","image":{"link":"https://files.example/a.png","caption":"c"}}`,
	},
	{"image by id", whatsapp.Image{File: whatsapp.File{ID: "11"}}, `{"type":"image","image":{"id":"11"}}`},
	{
		"video",
		whatsapp.Video{File: link("a.mp4"), Caption: "c"},
		`{"type":"video","video":{"link":"https://files.example/a.mp4","caption":"c"}}`,
	},
	{"audio", whatsapp.Audio{File: link("a.mp3")}, `{"type":"audio","audio":{"link":"https://files.example/a.mp3"}}`},
	{
		"voice",
		whatsapp.Audio{File: link("a.ogg"), Voice: true},
		`{"type":"audio","audio":{"link":"https://files.example/a.ogg","voice":true}}`,
	},
	{
		"document",
		whatsapp.Document{File: whatsapp.File{Link: "https://files.example/a.pdf", Name: "A.pdf"}, Caption: "c"},
		`{"type":"document","document":{"link":"https://files.example/a.pdf","caption":"c","filename":"A.pdf"}}`,
	},
	{"sticker", whatsapp.Sticker{File: link("a.webp")}, `{"type":"sticker","sticker":{"link":"https://files.example/a.webp"}}`},
	{
		"location",
		whatsapp.Location{Latitude: 52.5, Longitude: -0.25, Name: "n", Address: "a"},
		`{"type":"location","location":{"latitude":52.5,"longitude":-0.25,"name":"n","address":"a"}}`,
	},
	{
		"contacts",
		whatsapp.Contacts{{
			Name:      whatsapp.ContactName{FormattedName: "Dr. Ann B. Lee", FirstName: "Ann", LastName: "Lee", MiddleName: "B.", Prefix: "Dr.", Suffix: "PhD"},
			Phones:    []whatsapp.ContactPhone{{Phone: "+1 650", WaID: "1650", Type: "CELL"}},
			Emails:    []whatsapp.ContactEmail{{Email: "a@b.example", Type: "WORK"}},
			URLs:      []whatsapp.ContactURL{{URL: "https://b.example", Type: "WORK"}},
			Addresses: []whatsapp.ContactAddress{{Street: "1 St", City: "C", State: "S", Zip: "Z", Country: "US", CountryCode: "us", Type: "HOME"}},
			Org:       &whatsapp.ContactOrg{Company: "X", Department: "D", Title: "T"},
			Birthday:  "1999-01-01",
		}},
		`{"type":"contacts","contacts":[{"name":{"formatted_name":"Dr. Ann B. Lee","first_name":"Ann","last_name":"Lee","middle_name":"B.",
			"prefix":"Dr.","suffix":"PhD"},"phones":[{"phone":"+1 650","wa_id":"1650","type":"CELL"}],"emails":[{"email":"a@b.example","type":"WORK"}],
			"urls":[{"url":"https://b.example","type":"WORK"}],"addresses":[{"street":"1 St","city":"C","state":"S","zip":"Z","country":"US",
			"country_code":"us","type":"HOME"}],"org":{"company":"X","department":"D","title":"T"},"birthday":"1999-01-01"}]}`,
	},
	{
		"reaction",
		whatsapp.Reaction{MessageID: "wamid.1", Emoji: "👍🏽"},
		`{"type":"reaction","reaction":{"message_id":"wamid.1","emoji":"👍🏽"}}`,
	},
	{"reaction taken back", whatsapp.Reaction{MessageID: "wamid.1"}, `{"type":"reaction","reaction":{"message_id":"wamid.1","emoji":""}}`},
	{
		"buttons",
		whatsapp.Buttons{Body: "b", Buttons: []whatsapp.Button{{ID: "y", Title: "Yes"}, {ID: "n", Title: "No"}}},
		`{"type":"interactive","interactive":{"type":"button","body":{"text":"b"},"action":{"buttons":[
			{"type":"reply","reply":{"id":"y","title":"Yes"}},{"type":"reply","reply":{"id":"n","title":"No"}}]}}}`,
	},
	{
		"buttons, text header and footer",
		whatsapp.Buttons{Header: whatsapp.HeaderText("h"), Body: "b", Footer: "f", Buttons: oneButton},
		buttonsWith(`"header":{"type":"text","text":"h"},`, `"footer":{"text":"f"},`),
	},
	{
		"buttons, image header",
		whatsapp.Buttons{Header: whatsapp.Image{File: link("a.png")}, Body: "b", Buttons: oneButton},
		buttonsWith(`"header":{"type":"image","image":{"link":"https://files.example/a.png"}},`, ""),
	},
	{
		"buttons, video header",
		whatsapp.Buttons{Header: whatsapp.Video{File: whatsapp.File{ID: "7"}}, Body: "b", Buttons: oneButton},
		buttonsWith(`"header":{"type":"video","video":{"id":"7"}},`, ""),
	},
	{
		"buttons, document header",
		whatsapp.Buttons{
			Header: whatsapp.Document{File: whatsapp.File{ID: "7", Name: "A.pdf"}}, Body: "b", Buttons: oneButton,
		},
		buttonsWith(`"header":{"type":"document","document":{"id":"7","filename":"A.pdf"}},`, ""),
	},
	{
		"list",
		whatsapp.List{Header: "h", Body: "b", Footer: "f", Label: "Show", Sections: []whatsapp.Section{
			{Title: "S", Rows: []whatsapp.Row{{ID: "r1", Title: "R1", Description: "d"}}}, {Title: "T", Rows: []whatsapp.Row{{ID: "r2", Title: "R2"}}},
		}},
		`{"type":"interactive","interactive":{"type":"list","header":{"type":"text","text":"h"},"body":{"text":"b"},"footer":{"text":"f"},
			"action":{"button":"Show","sections":[{"title":"S","rows":[{"id":"r1","title":"R1","description":"d"}]},
			{"title":"T","rows":[{"id":"r2","title":"R2"}]}]}}}`,
	},
	{
		"link button",
		whatsapp.LinkButton{Header: whatsapp.HeaderText("h"), Body: "b", Footer: "f", Label: "Open", URL: "https://x.example/d"},
		`{"type":"interactive","interactive":{"type":"cta_url","header":{"type":"text","text":"h"},"body":{"text":"b"},"footer":{"text":"f"},
			"action":{"name":"cta_url","parameters":{"display_text":"Open","url":"https://x.example/d"}}}}`,
	},
	{
		"location request",
		whatsapp.LocationRequest{Body: "b"},
		`{"type":"interactive","interactive":{"type":"location_request_message","body":{"text":"b"},"action":{"name":"send_location"}}}`,
	},
	{
		"contact request",
		whatsapp.ContactRequest{Body: "b"},
		`{"type":"interactive","interactive":{"type":"request_contact_info","body":{"text":"b"},"action":{"name":"request_contact_info"}}}`,
	},
	{
		"address request",
		whatsapp.AddressRequest{
			Body: "b", Country: "IN", Values: map[string]string{"name": "A"}, Errors: map[string]string{"in_pin_code": "wrong"},
			Saved: []whatsapp.SavedAddress{{ID: "1", Value: map[string]string{"city": "M"}}},
		},
		`{"type":"interactive","interactive":{"type":"address_message","body":{"text":"b"},"action":{"name":"address_message","parameters":
			{"country":"IN","values":{"name":"A"},"saved_addresses":[{"id":"1","value":{"city":"M"}}],"validation_errors":{"in_pin_code":"wrong"}}}}}`,
	},
	{
		"product",
		whatsapp.Product{CatalogID: "1", ProductID: "sku", Body: "b", Footer: "f"},
		`{"type":"interactive","interactive":{"type":"product","body":{"text":"b"},"footer":{"text":"f"},
			"action":{"catalog_id":"1","product_retailer_id":"sku"}}}`,
	},
	{
		"products",
		whatsapp.Products{CatalogID: "1", Header: "h", Body: "b", Sections: []whatsapp.ProductSection{{Title: "S", ProductIDs: []string{"a", "b"}}}},
		`{"type":"interactive","interactive":{"type":"product_list","header":{"type":"text","text":"h"},"body":{"text":"b"},
			"action":{"catalog_id":"1","sections":[{"title":"S","product_items":[{"product_retailer_id":"a"},{"product_retailer_id":"b"}]}]}}}`,
	},
	{
		"catalog",
		whatsapp.Catalog{Body: "b", ThumbnailProductID: "sku"},
		`{"type":"interactive","interactive":{"type":"catalog_message","body":{"text":"b"},
			"action":{"name":"catalog_message","parameters":{"thumbnail_product_retailer_id":"sku"}}}}`,
	},
	{
		"carousel of links",
		whatsapp.Carousel{Body: "b", Cards: []whatsapp.Card{
			{Header: whatsapp.Image{File: link("1.png")}, Body: "one", Label: "Open", URL: "https://x.example/1"},
			{Header: whatsapp.Image{File: link("2.png")}, Body: "two", Label: "Open", URL: "https://x.example/2"},
		}},
		`{"type":"interactive","interactive":{"type":"carousel","body":{"text":"b"},"action":{"cards":[
			{"card_index":0,"type":"cta_url","header":{"type":"image","image":{"link":"https://files.example/1.png"}},"body":{"text":"one"},
				"action":{"name":"cta_url","parameters":{"display_text":"Open","url":"https://x.example/1"}}},
			{"card_index":1,"type":"cta_url","header":{"type":"image","image":{"link":"https://files.example/2.png"}},"body":{"text":"two"},
				"action":{"name":"cta_url","parameters":{"display_text":"Open","url":"https://x.example/2"}}}]}}}`,
	},
	{
		"carousel of replies",
		whatsapp.Carousel{Body: "b", Cards: []whatsapp.Card{
			{Header: whatsapp.Image{File: link("1.png")}, Replies: []whatsapp.Button{{ID: "1", Title: "One"}}},
			{Header: whatsapp.Image{File: link("2.png")}, Replies: []whatsapp.Button{{ID: "2", Title: "Two"}}},
		}},
		`{"type":"interactive","interactive":{"type":"carousel","body":{"text":"b"},"action":{"cards":[
			{"card_index":0,"type":"cta_url","header":{"type":"image","image":{"link":"https://files.example/1.png"}},
				"action":{"buttons":[{"type":"quick_reply","quick_reply":{"id":"1","title":"One"}}]}},
			{"card_index":1,"type":"cta_url","header":{"type":"image","image":{"link":"https://files.example/2.png"}},
				"action":{"buttons":[{"type":"quick_reply","quick_reply":{"id":"2","title":"Two"}}]}}]}}}`,
	},
	{
		"carousel of products",
		whatsapp.Carousel{Body: "b", Cards: []whatsapp.Card{{ProductID: "a", CatalogID: "1"}, {ProductID: "b", CatalogID: "1"}}},
		`{"type":"interactive","interactive":{"type":"carousel","body":{"text":"b"},"action":{"cards":[
			{"card_index":0,"type":"product","action":{"product_retailer_id":"a","catalog_id":"1"}},
			{"card_index":1,"type":"product","action":{"product_retailer_id":"b","catalog_id":"1"}}]}}}`,
	},
	{
		"flow",
		whatsapp.Flow{
			Header: whatsapp.HeaderText("h"), Body: "b", Footer: "f", ID: "1", Label: "Fill in", Token: "t", Draft: true, Screen: "FIRST",
			Data: map[string]any{"n": 1},
		},
		`{"type":"interactive","interactive":{"type":"flow","header":{"type":"text","text":"h"},"body":{"text":"b"},"footer":{"text":"f"},
			"action":{"name":"flow","parameters":{"flow_message_version":"3","flow_id":"1","flow_cta":"Fill in","flow_token":"t","mode":"draft",
			"flow_action":"navigate","flow_action_payload":{"screen":"FIRST","data":{"n":1}}}}}}`,
	},
	{
		"flow by its endpoint",
		whatsapp.Flow{Body: "b", Name: "f", Label: "Fill in", Exchange: true},
		`{"type":"interactive","interactive":{"type":"flow","body":{"text":"b"},"action":{"name":"flow","parameters":
			{"flow_message_version":"3","flow_name":"f","flow_cta":"Fill in","flow_action":"data_exchange"}}}}`,
	},
	{"template", whatsapp.Template{Name: "hello_world", Language: "en_US"}, `{"type":"template","template":{"name":"hello_world","language":{"code":"en_US"}}}`},
	{
		"template, positional",
		whatsapp.Template{
			Name: "alert_v2", Language: "en", Header: []whatsapp.Parameter{{Image: &whatsapp.File{ID: "1"}}},
			Body: []whatsapp.Parameter{
				{Text: "api"}, {Currency: &whatsapp.Currency{FallbackValue: "$1", Code: "USD", Amount1000: 1000}}, {DateTime: "Nov 22, 2026"},
			},
			Buttons: []whatsapp.TemplateButton{{Index: 0, Payload: "ACK"}, {Index: 1, URLSuffix: "42"}},
		},
		`{"type":"template","template":{"name":"alert_v2","language":{"code":"en"},"components":[
			{"type":"header","parameters":[{"type":"image","image":{"id":"1"}}]},
			{"type":"body","parameters":[{"type":"text","text":"api"},{"type":"currency","currency":{"fallback_value":"$1","code":"USD","amount_1000":1000}},
				{"type":"date_time","date_time":{"fallback_value":"Nov 22, 2026"}}]},
			{"type":"button","sub_type":"quick_reply","index":"0","parameters":[{"type":"payload","payload":"ACK"}]},
			{"type":"button","sub_type":"url","index":"1","parameters":[{"type":"text","text":"42"}]}]}}`,
	},
	{
		"template, named",
		whatsapp.Template{Name: "alert", Language: "en", Body: []whatsapp.Parameter{{Name: "first_name", Text: "Jessica"}}},
		`{"type":"template","template":{"name":"alert","language":{"code":"en"},"components":[
			{"type":"body","parameters":[{"type":"text","parameter_name":"first_name","text":"Jessica"}]}]}}`,
	},
	{
		"template, other headers and buttons",
		whatsapp.Template{
			Name: "all", Language: "en", Header: []whatsapp.Parameter{{Location: &whatsapp.Location{Latitude: 1, Longitude: 2, Name: "n"}}},
			Offer: time.UnixMilli(1795305600000),
			Buttons: []whatsapp.TemplateButton{
				{Index: 0, CouponCode: "SAVE"},
				{Index: 1, FlowToken: "t", FlowData: map[string]any{"a": "b"}},
				{Index: 2, Catalog: "sku"},
				{Index: 3, Catalog: "sku", Products: []whatsapp.ProductSection{{Title: "S", ProductIDs: []string{"a"}}}},
			},
		},
		`{"type":"template","template":{"name":"all","language":{"code":"en"},"components":[
			{"type":"header","parameters":[{"type":"location","location":{"latitude":1,"longitude":2,"name":"n"}}]},
			{"type":"button","sub_type":"copy_code","index":"0","parameters":[{"type":"coupon_code","coupon_code":"SAVE"}]},
			{"type":"button","sub_type":"flow","index":"1","parameters":[{"type":"action","action":{"flow_token":"t","flow_action_data":{"a":"b"}}}]},
			{"type":"button","sub_type":"catalog","index":"2","parameters":[{"type":"action","action":{"thumbnail_product_retailer_id":"sku"}}]},
			{"type":"button","sub_type":"mpm","index":"3","parameters":[{"type":"action","action":{"thumbnail_product_retailer_id":"sku",
				"sections":[{"title":"S","product_items":[{"product_retailer_id":"a"}]}]}}]},
			{"type":"limited_time_offer","parameters":[{"type":"limited_time_offer","limited_time_offer":{"expiration_time_ms":1795305600000}}]}]}}`,
	},
	{
		"template, carousel",
		whatsapp.Template{Name: "cards", Language: "en", Cards: []whatsapp.TemplateCard{
			{Header: []whatsapp.Parameter{{Image: &whatsapp.File{Link: "https://files.example/1.png"}}}, Body: []whatsapp.Parameter{{Text: "one"}}, Buttons: []whatsapp.TemplateButton{{Payload: "1"}}},
			{Header: []whatsapp.Parameter{{Video: &whatsapp.File{ID: "2"}}}},
		}},
		`{"type":"template","template":{"name":"cards","language":{"code":"en"},"components":[{"type":"carousel","cards":[
			{"card_index":0,"components":[{"type":"header","parameters":[{"type":"image","image":{"link":"https://files.example/1.png"}}]},
				{"type":"body","parameters":[{"type":"text","text":"one"}]},
				{"type":"button","sub_type":"quick_reply","index":"0","parameters":[{"type":"payload","payload":"1"}]}]},
			{"card_index":1,"components":[{"type":"header","parameters":[{"type":"video","video":{"id":"2"}}]}]}]}]}}`,
	},
	{
		"native", whatsapp.Native(`{"type":"text","text":{"body":"hi"},"to":"+666"}`), `{"type":"text","text":{"body":"hi"}}`,
	},
}

var oneButton = []whatsapp.Button{{ID: "y", Title: "Yes"}}

func link(name string) whatsapp.File { return whatsapp.File{Link: "https://files.example/" + name} }

func buttonsWith(header, footer string) string {
	return `{"type":"interactive","interactive":{"type":"button",` + header + `"body":{"text":"b"},` + footer +
		`"action":{"buttons":[{"type":"reply","reply":{"id":"y","title":"Yes"}}]}}}`
}

func decoded(t *testing.T, body string) (out map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return out
}

func TestSendEveryType(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	for i, c := range everyType {
		id, err := p.Send(t.Context(), to, c.content)
		if err != nil || id == "" {
			t.Errorf("%s: %q, %v", c.name, id, err)
			return
		}
		got, want := decoded(t, m.sent()[i]), decoded(t, c.body)
		want["messaging_product"], want["recipient_type"], want["to"] = "whatsapp", "individual", "+4915112345678"
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

// The methods of the types send what Send sends.
func TestSendMethods(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	for i, c := range everyType {
		var err error
		ctx := t.Context()
		switch c := c.content.(type) {
		case whatsapp.Text:
			_, err = p.SendText(ctx, to, c)
		case whatsapp.Image:
			_, err = p.SendImage(ctx, to, c)
		case whatsapp.Video:
			_, err = p.SendVideo(ctx, to, c)
		case whatsapp.Audio:
			_, err = p.SendAudio(ctx, to, c)
		case whatsapp.Document:
			_, err = p.SendDocument(ctx, to, c)
		case whatsapp.Sticker:
			_, err = p.SendSticker(ctx, to, c)
		case whatsapp.Location:
			_, err = p.SendLocation(ctx, to, c)
		case whatsapp.Contacts:
			_, err = p.SendContacts(ctx, to, c)
		case whatsapp.Reaction:
			_, err = p.SendReaction(ctx, to, c)
		case whatsapp.Buttons:
			_, err = p.SendButtons(ctx, to, c)
		case whatsapp.List:
			_, err = p.SendList(ctx, to, c)
		case whatsapp.LinkButton:
			_, err = p.SendLinkButton(ctx, to, c)
		case whatsapp.LocationRequest:
			_, err = p.SendLocationRequest(ctx, to, c)
		case whatsapp.ContactRequest:
			_, err = p.SendContactRequest(ctx, to, c)
		case whatsapp.AddressRequest:
			_, err = p.SendAddressRequest(ctx, to, c)
		case whatsapp.Product:
			_, err = p.SendProduct(ctx, to, c)
		case whatsapp.Products:
			_, err = p.SendProducts(ctx, to, c)
		case whatsapp.Catalog:
			_, err = p.SendCatalog(ctx, to, c)
		case whatsapp.Carousel:
			_, err = p.SendCarousel(ctx, to, c)
		case whatsapp.Flow:
			_, err = p.SendFlow(ctx, to, c)
		case whatsapp.Template:
			_, err = p.SendTemplate(ctx, to, c)
		case whatsapp.Native:
			_, err = p.SendNative(ctx, to, c)
		default:
			t.Errorf("%T has no method", c)
		}
		if err != nil || len(m.sent()) != i+1 || !strings.Contains(m.sent()[i], `"type":"`+decoded(t, c.body)["type"].(string)+`"`) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestSendPin(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	for i, c := range []struct {
		pin  whatsapp.Pin
		want string
	}{
		{whatsapp.Pin{MessageID: "wamid.1", Days: 7}, `"pin":{"type":"pin","message_id":"wamid.1","expiration_days":7}}`},
		{whatsapp.Pin{MessageID: "wamid.1"}, `"pin":{"type":"unpin","message_id":"wamid.1"}}`},
	} {
		if _, err := p.SendPin(t.Context(), "group:Y2Fw", c.pin); err != nil || !strings.HasSuffix(m.sent()[i], c.want) {
			t.Errorf("%v: %s", err, m.sent())
		}
	}
	for _, c := range []struct {
		to, code string
		pin      whatsapp.Pin
	}{
		{to, "131051", whatsapp.Pin{MessageID: "wamid.1", Days: 7}},
		{"group:Y2Fw", "131009", whatsapp.Pin{MessageID: "wamid.1", Days: 31}},
		{"group:Y2Fw", "131008", whatsapp.Pin{Days: 1}},
	} {
		_, err := p.SendPin(t.Context(), c.to, c.pin)
		if err == nil || failure(t, err).PlatformCode != c.code {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	_, err := p.Send(t.Context(), "DE.90210", whatsapp.Text{Body: "hi"}, whatsapp.InReplyTo("wamid.q"), whatsapp.WithCallbackData("corr:1"),
		whatsapp.ForIdentity("hash"), whatsapp.From(account))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(decoded(t, `{"messaging_product":"whatsapp","recipient_type":"individual","recipient":"DE.90210","type":"text",
		"text":{"body":"hi","preview_url":false},"context":{"message_id":"wamid.q"},"biz_opaque_callback_data":"corr:1",
		"recipient_identity_key_hash":"hash"}`), decoded(t, m.sent()[0])); d != "" {
		t.Error(d)
	}
	for name, c := range map[string]struct {
		content whatsapp.Content
		option  whatsapp.Option
		want    chat.Reason
	}{
		"another number":             {whatsapp.Text{Body: "hi"}, whatsapp.From("999"), chat.ReasonMisconfigured},
		"a reaction with a quote":    {whatsapp.Reaction{MessageID: "m", Emoji: "👍"}, whatsapp.InReplyTo("wamid.q"), chat.ReasonContentRejected},
		"far too much of a callback": {whatsapp.Text{Body: "hi"}, whatsapp.WithCallbackData(strings.Repeat("c", 513)), chat.ReasonContentRejected},
	} {
		if _, err := p.Send(t.Context(), to, c.content, c.option); err == nil || failure(t, err).Reason != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(m.sent()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// A file that comes as a stream goes to Meta in a stream, with its type, and the message has its id.
func TestSendFileFromStream(t *testing.T) {
	t.Parallel()
	const gif, png = "GIF89a", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
	m, p := newMeta(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if !strings.HasSuffix(r.URL.Path, "/media") {
			return false
		}
		_, _ = io.WriteString(w, `{"id":"4711"}`)
		return true
	})
	id, err := p.SendImage(t.Context(), to, whatsapp.Image{File: whatsapp.File{Content: strings.NewReader(png), Name: "a.png"}, Caption: "c"})
	if err != nil || id == "" {
		t.Fatalf("%q, %v", id, err)
	}
	if got := m.sent(); !strings.Contains(got[0], "Content-Type: image/png") || !strings.Contains(got[1], `"image":{"id":"4711","caption":"c"}`) {
		t.Errorf("%q", got)
	}
	// A header's file is uploaded, too.
	if _, err := p.SendButtons(t.Context(), to, whatsapp.Buttons{
		Header: whatsapp.Image{File: whatsapp.File{Content: strings.NewReader(png), Size: int64(len(png))}}, Body: "b", Buttons: oneButton,
	}); err != nil || !strings.Contains(m.sent()[3], `"header":{"type":"image","image":{"id":"4711"}}`) {
		t.Errorf("%v: %q", err, m.sent())
	}
	if id, err := p.UploadMedia(t.Context(), chat.MediaDocument, whatsapp.File{Content: strings.NewReader("x"), Type: "text/csv"}); err != nil || id != "4711" {
		t.Errorf("%q, %v", id, err)
	}
	before := len(m.sent())
	for name, c := range map[string]whatsapp.Content{
		"a GIF as image":        whatsapp.Image{File: whatsapp.File{Content: strings.NewReader(gif), Type: "image/png"}},
		"a PDF as video":        whatsapp.Video{File: whatsapp.File{Content: strings.NewReader("%PDF-1"), Name: "a.pdf"}},
		"an MP3 as voice":       whatsapp.Audio{File: whatsapp.File{Content: strings.NewReader("ID3"), Type: "audio/mp3"}, Voice: true},
		"a large sticker":       whatsapp.Sticker{File: whatsapp.File{Content: strings.NewReader("x"), Size: 101 << 10, Type: "image/webp"}},
		"a very large document": whatsapp.Document{File: whatsapp.File{Content: strings.NewReader("x"), Size: 101 << 20, Type: "text/plain"}},
		"nothing":               whatsapp.Document{File: whatsapp.File{Content: strings.NewReader(""), Type: "text/plain"}},
	} {
		_, err := p.Send(t.Context(), to, c)
		if err == nil || failure(t, err).PlatformCode != "131053" || failure(t, err).Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.UploadMedia(t.Context(), chat.MediaImage, whatsapp.File{ID: "x"}); err == nil {
		t.Error("uploaded nothing")
	}
	if n := len(m.sent()); n != before {
		t.Errorf("%d requests for what cannot be sent", n-before)
	}
}

func TestMarkReadAndTyping(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, succeed)
	if err := p.MarkRead(t.Context(), "wamid.in"); err != nil {
		t.Error(err)
	}
	if err := p.ShowTyping(t.Context(), "wamid.in", whatsapp.From(account)); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff([]string{
		`{"messaging_product":"whatsapp","status":"read","message_id":"wamid.in"}`,
		`{"messaging_product":"whatsapp","status":"read","message_id":"wamid.in","typing_indicator":{"type":"text"}}`,
	}, m.sent()); d != "" {
		t.Error(d)
	}
}

// All types by SendResponse: what chat.Response has no field for goes as native, under the same checks.
func TestSendResponseTakesEveryTypeAsNative(t *testing.T) {
	t.Parallel()
	m, p := newMeta(t, nil)
	for i, c := range everyType {
		sent, err := p.SendResponse(t.Context(), chat.Delivery{ID: "d", ChannelID: "4915112345678", Response: chat.Response{Native: json.RawMessage(c.body)}})
		if err != nil || len(sent.MessageIDs) != 1 {
			t.Errorf("%s: %v", c.name, err)
			return
		}
		got, want := decoded(t, m.sent()[i]), decoded(t, c.body)
		want["messaging_product"], want["recipient_type"], want["to"], want["biz_opaque_callback_data"] = "whatsapp", "individual", "+4915112345678", "d"
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}
