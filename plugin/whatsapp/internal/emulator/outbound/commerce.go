package outbound

import (
	"encoding/json"
	"slices"

	"github.com/rivo/uniseg"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
)

func (r *reader) flow(raw json.RawMessage) error {
	var a struct {
		Name       string `json:"name"`
		Parameters struct {
			Version string          `json:"flow_message_version"`
			ID      string          `json:"flow_id"`
			Flow    string          `json:"flow_name"`
			Label   string          `json:"flow_cta"`
			Token   string          `json:"flow_token"`
			Mode    string          `json:"mode"`
			Action  string          `json:"flow_action"`
			Payload json.RawMessage `json:"flow_action_payload"`
		} `json:"parameters"`
	}
	if err := r.decode(raw, &a, "action"); err != nil {
		return err
	}
	p := a.Parameters
	switch {
	case a.Name != "flow":
		return actionName(a.Name, "flow")
	case p.Version == "":
		return refusal.Missing("flow needs flow_message_version")
	case p.Version != "3":
		return refusal.Value("flow_message_version must be \"3\"")
	case (p.ID == "") == (p.Flow == ""):
		return refusal.Missing("flow needs either flow_id or flow_name")
	case p.Mode != "" && p.Mode != "draft" && p.Mode != "published":
		return refusal.Value("flow mode must be draft or published")
	case p.Action != "" && p.Action != "navigate" && p.Action != "data_exchange":
		return refusal.Value("flow_action must be navigate or data_exchange")
	case hasEmoji(p.Label):
		return refusal.Value("flow_cta must not have an emoji")
	}
	if err := within("Flow CTA", p.Label, 1, maxFlowLabel); err != nil || absent(p.Payload) {
		return err
	}
	var payload struct {
		Screen string                     `json:"screen"`
		Data   map[string]json.RawMessage `json:"data"`
	}
	if err := r.decode(p.Payload, &payload, "flow_action_payload"); err != nil {
		return err
	}
	switch {
	case payload.Screen == "":
		return refusal.Missing("flow_action_payload needs a screen")
	case payload.Data != nil && len(payload.Data) == 0:
		return refusal.Value("flow_action_payload data must not be empty")
	}
	return nil
}

// hasEmoji finds pictures by their width: a cluster of one wide character outside of the alphabets.
func hasEmoji(s string) bool {
	for g := uniseg.NewGraphemes(s); g.Next(); {
		if c := g.Runes(); c[0] > 0x1F000 || slices.Contains(c, 0xFE0F) || c[0] >= 0x2600 && c[0] <= 0x27BF {
			return true
		}
	}
	return false
}

func (r *reader) product(raw json.RawMessage) error {
	var a struct {
		CatalogID string `json:"catalog_id"`
		ProductID string `json:"product_retailer_id"`
	}
	if err := r.decode(raw, &a, "action"); err != nil {
		return err
	}
	if a.CatalogID == "" || a.ProductID == "" {
		return refusal.Missing("product needs catalog_id and product_retailer_id")
	}
	return nil
}

func (r *reader) productList(raw json.RawMessage) error {
	var a struct {
		CatalogID string `json:"catalog_id"`
		Sections  []struct {
			Title string `json:"title"`
			Items []struct {
				ID string `json:"product_retailer_id"`
			} `json:"product_items"`
		} `json:"sections"`
	}
	if err := r.decode(raw, &a, "action"); err != nil {
		return err
	}
	if a.CatalogID == "" {
		return refusal.Missing("product_list needs catalog_id")
	}
	if err := countSections(len(a.Sections)); err != nil {
		return err
	}
	products := 0
	for _, s := range a.Sections {
		if err := sectionTitle(s.Title, len(a.Sections)); err != nil {
			return err
		}
		if len(s.Items) == 0 {
			return refusal.Value("a section needs at least one product")
		}
		for _, i := range s.Items {
			if i.ID == "" {
				return refusal.Missing("a product needs product_retailer_id")
			}
		}
		products += len(s.Items)
	}
	if products > maxProducts {
		return refusal.Value("Total product count exceed max allowed count: %d", maxProducts)
	}
	return nil
}

func (r *reader) catalog(raw json.RawMessage) error {
	var a struct {
		Name       string `json:"name"`
		Parameters *struct {
			Thumbnail string `json:"thumbnail_product_retailer_id"`
		} `json:"parameters"`
	}
	if err := r.decode(raw, &a, "action"); err != nil {
		return err
	}
	return actionName(a.Name, "catalog_message")
}

func (r *reader) address(raw json.RawMessage) error {
	var a struct {
		Name       string `json:"name"`
		Parameters struct {
			Country string          `json:"country"`
			Values  json.RawMessage `json:"values"`
			Saved   json.RawMessage `json:"saved_addresses"`
			Errors  json.RawMessage `json:"validation_errors"`
		} `json:"parameters"`
	}
	if err := r.decode(raw, &a, "action"); err != nil {
		return err
	}
	switch {
	case a.Name != "address_message":
		return actionName(a.Name, "address_message")
	case a.Parameters.Country == "":
		return refusal.Missing("address_message needs a country")
	case a.Parameters.Country != "IN":
		return refusal.Value("address_message country must be IN")
	}
	return nil
}

func (r *reader) voiceCall(raw json.RawMessage) error {
	var a struct {
		Name       string `json:"name"`
		Parameters *struct {
			Label   string `json:"display_text"`
			TTL     int    `json:"ttl_minutes"`
			Payload string `json:"payload"`
		} `json:"parameters"`
	}
	if err := r.decode(raw, &a, "action"); err != nil {
		return err
	}
	if err := actionName(a.Name, "voice_call"); err != nil || a.Parameters == nil {
		return err
	}
	if a.Parameters.TTL < 0 || a.Parameters.TTL > maxCallTTL {
		return refusal.Value("voice_call ttl_minutes must be 1 to %d", maxCallTTL)
	}
	return within("Button label", a.Parameters.Label, 0, maxLinkLabel)
}

// amount is money in small units.
type amount struct {
	Value       int64  `json:"value"`
	Offset      int    `json:"offset"`
	Description string `json:"description"`
	Program     string `json:"discount_program_name"`
}

func (a *amount) check(what string) error {
	switch {
	case a == nil:
		return refusal.Missing("order_details needs %s", what)
	case a.Offset != 100:
		return refusal.Value("%s offset must be 100", what)
	case a.Value < 0:
		return refusal.Value("%s must not be negative", what)
	}
	return nil
}

func (a *amount) value() int64 {
	if a == nil {
		return 0
	}
	return a.Value
}

type item struct {
	ID       string          `json:"retailer_id"`
	Product  string          `json:"product_id"`
	Name     string          `json:"name"`
	Amount   *amount         `json:"amount"`
	Sale     *amount         `json:"sale_amount"`
	Quantity int             `json:"quantity"`
	Country  string          `json:"country_of_origin"`
	Importer string          `json:"importer_name"`
	Address  json.RawMessage `json:"importer_address"`
	Image    json.RawMessage `json:"image"`
}

func (r *reader) orderDetails(raw json.RawMessage) error {
	var a struct {
		Name       string `json:"name"`
		Parameters struct {
			Reference     string          `json:"reference_id"`
			Type          string          `json:"type"`
			PaymentType   string          `json:"payment_type"`
			Configuration string          `json:"payment_configuration"`
			Settings      json.RawMessage `json:"payment_settings"`
			Currency      string          `json:"currency"`
			Total         *amount         `json:"total_amount"`
			Beneficiaries json.RawMessage `json:"beneficiaries"`
			Order         struct {
				Status   string          `json:"status"`
				Catalog  string          `json:"catalog_id"`
				Expires  json.RawMessage `json:"expiration"`
				Items    []item          `json:"items"`
				Subtotal *amount         `json:"subtotal"`
				Tax      *amount         `json:"tax"`
				Shipping *amount         `json:"shipping"`
				Discount *amount         `json:"discount"`
			} `json:"order"`
		} `json:"parameters"`
	}
	if err := r.decode(raw, &a, "action"); err != nil {
		return err
	}
	p, o := a.Parameters, a.Parameters.Order
	switch {
	case a.Name != "review_and_pay":
		return actionName(a.Name, "review_and_pay")
	case p.Reference == "" || p.Currency == "":
		return refusal.Missing("order_details needs reference_id and currency")
	case p.Type != "digital-goods" && p.Type != "physical-goods":
		return refusal.Value("order_details type must be digital-goods or physical-goods")
	case !slices.Contains([]string{"INR", "BRL", "SGD"}, p.Currency):
		return refusal.Value("order_details currency must be one of INR, BRL, SGD")
	case o.Status != "pending":
		return refusal.Value("order status must be pending")
	case len(o.Items) == 0:
		return refusal.Missing("order_details needs items")
	}
	if err := first(p.Total.check("total_amount"), o.Subtotal.check("subtotal"), o.Tax.check("tax")); err != nil {
		return err
	}
	for _, i := range o.Items {
		switch {
		case i.Name == "" || i.Quantity < 1:
			return refusal.Missing("an item needs a name and a quantity")
		case i.Amount.check("item amount") != nil:
			return i.Amount.check("item amount")
		}
	}
	if sum := o.Subtotal.value() + o.Tax.value() + o.Shipping.value() - o.Discount.value(); sum != p.Total.Value {
		return refusal.Value("total_amount is %d, but subtotal, tax and shipping without discount are %d", p.Total.Value, sum)
	}
	return nil
}

var orderStates = []string{"pending", "processing", "partially_shipped", "partially-shipped", "shipped", "completed", "canceled"}

func (r *reader) orderStatus(raw json.RawMessage) error {
	var a struct {
		Name       string `json:"name"`
		Parameters struct {
			Reference string `json:"reference_id"`
			Order     struct {
				Status      string `json:"status"`
				Description string `json:"description"`
			} `json:"order"`
		} `json:"parameters"`
	}
	if err := r.decode(raw, &a, "action"); err != nil {
		return err
	}
	switch {
	case a.Name != "review_order":
		return actionName(a.Name, "review_order")
	case a.Parameters.Reference == "":
		return refusal.Missing("order_status needs reference_id")
	case !slices.Contains(orderStates, a.Parameters.Order.Status):
		return refusal.Value("order status must be one of pending, processing, partially_shipped, shipped, completed, canceled")
	}
	return nil
}
