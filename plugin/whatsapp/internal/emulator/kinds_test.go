package emulator_test

import "testing"

func cards(n int, header string, action any) object {
	var cs []any
	for i := range n {
		cs = append(cs, object{
			"card_index": i, "type": "cta_url", "header": object{"type": header, header: object{"link": "https://example.org/a"}},
			"body": object{"text": "card"}, "action": action,
		})
	}
	return object{"cards": cs}
}

func opens(label, url string) object {
	return object{"name": "cta_url", "parameters": object{"display_text": label, "url": url}}
}

func quick(id string) object {
	return object{"buttons": []any{object{"type": "quick_reply", "quick_reply": object{"id": id, "title": "Yes"}}}}
}

func flow(with object) object {
	p := object{"flow_message_version": "3", "flow_id": "1", "flow_cta": "Open"}
	for k, v := range with {
		if p[k] = v; v == nil {
			delete(p, k)
		}
	}
	return object{"name": "flow", "parameters": p}
}

func products(n int) object {
	var items []any
	for range n {
		items = append(items, object{"product_retailer_id": "p"})
	}
	return object{"catalog_id": "c", "sections": []any{object{"title": "s", "product_items": items}}}
}

func money(n int) object { return object{"value": n, "offset": 100} }

func order(with object) object {
	p := object{
		"reference_id": "r", "type": "digital-goods", "payment_type": "upi", "payment_configuration": "c", "currency": "INR",
		"total_amount": money(110), "order": object{
			"status": "pending", "subtotal": money(100), "tax": money(10),
			"items": []any{object{"retailer_id": "i", "name": "n", "amount": money(100), "quantity": 1}},
		},
	}
	for k, v := range with {
		p[k] = v
	}
	return object{"name": "review_and_pay", "parameters": p}
}

var (
	textHeader = object{"header": object{"type": "text", "text": "h"}}
	footer     = object{"footer": object{"text": "f"}}
	noBody     = object{"body": nil}
)

// moreBodies are those of the kinds that few need.
var moreBodies = []struct {
	name string
	body string
	code int
}{
	{"link button to an address", tappable("cta_url", opens("Open", "https://192.0.2.1/")), 100},
	{"link button label 21", tappable("cta_url", opens(xs(21), "https://example.org/")), 131009},
	{"two cards", tappable("carousel", cards(2, "image", opens("Open", "https://example.org/"))), 0},
	{"ten cards", tappable("carousel", cards(10, "video", opens("Open", "https://example.org/"))), 0},
	{"one card", tappable("carousel", cards(1, "image", opens("Open", "https://example.org/"))), 131009},
	{"eleven cards", tappable("carousel", cards(11, "image", opens("Open", "https://example.org/"))), 131009},
	{"cards with a document", tappable("carousel", cards(2, "document", opens("Open", "https://example.org/"))), 100},
	{"cards with a header of the message", tappable("carousel", cards(2, "image", opens("Open", "https://example.org/")), textHeader), 100},
	{"cards with a footer of the message", tappable("carousel", cards(2, "image", opens("Open", "https://example.org/")), footer), 100},
	{"cards with the same replies", tappable("carousel", cards(2, "image", quick("a"))), 131009},
	{"cards of products", tappable("carousel", object{"cards": []any{
		object{"card_index": 0, "type": "product", "action": object{"product_retailer_id": "a", "catalog_id": "c"}},
		object{"card_index": 1, "type": "product", "action": object{"product_retailer_id": "b", "catalog_id": "c"}},
	}}), 0},
	{"cards of two catalogs", tappable("carousel", object{"cards": []any{
		object{"card_index": 0, "type": "product", "action": object{"product_retailer_id": "a", "catalog_id": "c"}},
		object{"card_index": 1, "type": "product", "action": object{"product_retailer_id": "b", "catalog_id": "d"}},
	}}), 131009},
	{"ask for the place", tappable("location_request_message", object{"name": "send_location"}), 0},
	{"ask for the place, wrong name", tappable("location_request_message", object{"name": "location"}), 100},
	{"ask for the place, header", tappable("location_request_message", object{"name": "send_location"}, textHeader), 100},
	{"ask for the contact", tappable("request_contact_info", object{"name": "request_contact_info"}), 0},
	{"flow", tappable("flow", flow(nil)), 0},
	{"flow with capitals in its data", tappable("flow", flow(object{"flow_action_payload": object{"screen": "S", "data": object{"Name": "A"}}})), 0},
	{"flow with empty data", tappable("flow", flow(object{"flow_action_payload": object{"screen": "S", "data": object{}}})), 131009},
	{"flow without screen", tappable("flow", flow(object{"flow_action_payload": object{}})), 131008},
	{"flow by id and name", tappable("flow", flow(object{"flow_name": "n"})), 131008},
	{"flow label 30", tappable("flow", flow(object{"flow_cta": xs(30)})), 0},
	{"flow label 31", tappable("flow", flow(object{"flow_cta": xs(31)})), 131009},
	{"flow label with emoji", tappable("flow", flow(object{"flow_cta": "Go 🚀"})), 131009},
	{"flow of no version", tappable("flow", flow(object{"flow_message_version": nil})), 131008},
	{"flow of another version", tappable("flow", flow(object{"flow_message_version": "2"})), 131009},
	{"product", tappable("product", object{"catalog_id": "c", "product_retailer_id": "p"}, noBody), 0},
	{"product with header", tappable("product", object{"catalog_id": "c", "product_retailer_id": "p"}, textHeader), 100},
	{"product without catalog", tappable("product", object{"product_retailer_id": "p"}), 131008},
	{"thirty products", tappable("product_list", products(30), textHeader), 0},
	{"thirty-one products", tappable("product_list", products(31), textHeader), 131009},
	{"products without header", tappable("product_list", products(1)), 131008},
	{"catalog", tappable("catalog_message", object{"name": "catalog_message", "parameters": object{"thumbnail_product_retailer_id": "p"}}), 0},
	{"address", tappable("address_message", object{"name": "address_message", "parameters": object{"country": "IN"}}), 0},
	{"address elsewhere", tappable("address_message", object{"name": "address_message", "parameters": object{"country": "DE"}}), 131009},
	{"ask for calls", tappable("call_permission_request", object{"name": "call_permission_request"}, noBody), 0},
	{"voice call", tappable("voice_call", object{"name": "voice_call", "parameters": object{"display_text": "Call", "ttl_minutes": 60, "payload": "p"}}), 0},
	{"order", tappable("order_details", order(nil)), 0},
	{"order with a wrong sum", tappable("order_details", order(object{"total_amount": money(111)})), 131009},
	{"order in another offset", tappable("order_details", order(object{"total_amount": object{"value": 110, "offset": 10}})), 131009},
	{"order of other goods", tappable("order_details", order(object{"type": "goods"})), 131009},
	{"order status", tappable("order_status", object{"name": "review_order", "parameters": object{"reference_id": "r", "order": object{"status": "shipped"}}}), 0},
	{"order status unknown", tappable("order_status", object{"name": "review_order", "parameters": object{"reference_id": "r", "order": object{"status": "lost"}}}), 131009},

	{"contact with unknown part of a name", message("contacts", []any{object{"name": object{"formatted_name": "A", "nick": "a"}}}), 100},
	{"contact with unknown member of a phone", message("contacts", []any{object{"name": object{"formatted_name": "A", "first_name": "A"}, "phones": []any{object{"number": "1"}}}}), 100},
	{"contact with a wrong birthday", message("contacts", []any{object{"name": object{"formatted_name": "A", "first_name": "A"}, "birthday": "1.1.2000"}}), 131009},
	{"pin outside of a group", message("pin", object{"type": "pin", "message_id": "m", "expiration_days": 1}), 100},
	{"to the business itself", message("text", object{"body": "hi"}, object{"to": "+15550783881"}), 131021},
	{"template unknown", message("template", object{"name": "nope", "language": object{"code": "en_US"}}), 132001},
	{"template in an unknown language", message("template", object{"name": "hello_world", "language": object{"code": "de"}}), 132001},
	{"template with too much", message("template", object{"name": "hello_world", "language": object{"code": "en_US"}, "components": []any{
		object{"type": "body", "parameters": []any{object{"type": "text", "text": "x"}}},
	}}), 132000},
}

func TestMoreBodies(t *testing.T) {
	t.Parallel()
	r := written(t, free)
	r.control(t, "PATCH", "settings", object{"pair_rate": false, "throughput": 0})
	for _, c := range moreBodies {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, answer, _ := r.call(t, "POST", path, c.body)
			if e := into[metaError](t, answer).Error; e.Code != c.code || (c.code == 0) != (status == 200) {
				t.Fatalf("code %d, want %d: %d %s", e.Code, c.code, status, answer)
			}
		})
	}
}

func TestUnknownMembersCanBeWarnings(t *testing.T) {
	t.Parallel()
	r := written(t)
	r.control(t, "PATCH", "settings", object{"unknown_fields": "warn"})
	if status, answer, _ := r.call(t, "POST", path, message("text", object{"body": "hi", "colour": "red"})); status != 200 {
		t.Fatalf("%s", answer)
	}
	calls := into[[]struct{ Warnings []string }](t, r.control(t, "GET", "calls", nil))
	if len(calls) != 1 || len(calls[0].Warnings) != 1 {
		t.Errorf("%+v", calls)
	}
}
