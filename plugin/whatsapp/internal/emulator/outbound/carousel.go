package outbound

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/refusal"
)

type slide struct {
	Index  *int    `json:"card_index"`
	Type   string  `json:"type"`
	Header *header `json:"header"`
	Body   *words  `json:"body"`
	Action struct {
		Name       string `json:"name"`
		Parameters *link  `json:"parameters"`
		Buttons    []struct {
			Type  string `json:"type"`
			Reply struct {
				ID    string `json:"id"`
				Title string `json:"title"`
			} `json:"quick_reply"`
		} `json:"buttons"`
		ProductID string `json:"product_retailer_id"`
		CatalogID string `json:"catalog_id"`
	} `json:"action"`
}

func (r *reader) carousel(raw json.RawMessage) error {
	var a struct {
		Cards []slide `json:"cards"`
	}
	if err := r.decode(raw, &a, "action"); err != nil {
		return err
	}
	if n := len(a.Cards); n < minCards || n > maxCards {
		return refusal.Value("Invalid cards count. Min allowed cards: %d, Max allowed cards: %d", minCards, maxCards)
	}
	indexes, ids := unique{what: "card indexes"}, unique{what: "button ids"}
	for _, c := range a.Cards {
		if c.Index == nil || *c.Index < 0 || *c.Index >= len(a.Cards) {
			return refusal.Value("card_index must be 0 to %d", len(a.Cards)-1)
		}
		if err := first(indexes.add(strconv.Itoa(*c.Index)), r.slide(&c, &ids)); err != nil {
			return err
		}
		if c.shape() != a.Cards[0].shape() {
			return refusal.Value("all cards must have the same kind of header, and the same kind and number of buttons")
		}
	}
	return nil
}

// shape is what all cards of a carousel have in common.
func (c *slide) shape() string {
	h := ""
	if c.Header != nil {
		h = c.Header.Type
	}
	return strings.Join([]string{c.Type, h, strconv.Itoa(len(c.Action.Buttons)), c.Action.Name, c.Action.CatalogID}, " ")
}

func (r *reader) slide(c *slide, ids *unique) error {
	switch {
	case c.Type == "product":
		if c.Header != nil || c.Body != nil || c.Action.ProductID == "" || c.Action.CatalogID == "" {
			return refusal.Parameter("a card of type product has an action with product_retailer_id and catalog_id, and nothing else")
		}
		return nil
	case c.Type != "cta_url":
		return refusal.Parameter("Param cards['type'] must be one of {cta_url, product} - got %.40q.", c.Type)
	case c.Header == nil:
		return refusal.Missing("a card needs a header with an image or a video")
	}
	if err := r.headerFile(c.Header, "image", "video"); err != nil {
		return err
	}
	if c.Body != nil {
		if err := within("Card body", c.Body.Text, 1, maxCardBody); err != nil {
			return err
		}
		if strings.Count(c.Body.Text, "\n") >= maxCardLines {
			return refusal.Value("Card body must have at most %d line breaks", maxCardLines-1)
		}
	}
	if len(c.Action.Buttons) == 0 {
		if c.Action.Parameters == nil {
			return refusal.Missing("a card's action has no parameters")
		}
		return first(actionName(c.Action.Name, "cta_url"), c.Action.Parameters.check())
	}
	if n := len(c.Action.Buttons); n > maxButtons {
		return refusal.Value("Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: %d", maxButtons)
	}
	for _, b := range c.Action.Buttons {
		if b.Type != "quick_reply" {
			return refusal.Parameter("Param buttons['type'] must be quick_reply - got %.40q.", b.Type)
		}
		if err := first(
			within("Button title", b.Reply.Title, 1, maxButtonTitle), within("Button id", b.Reply.ID, 1, maxCardID),
			ids.add(b.Reply.ID),
		); err != nil {
			return err
		}
	}
	return nil
}
