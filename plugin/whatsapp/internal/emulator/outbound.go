package emulator

import "encoding/json"

// outbound is what may stand in a body that sends a message or marks one as read. The parts of the types
// stay raw until the type has said which one counts.
type outbound struct {
	Product       string          `json:"messaging_product"`
	RecipientType string          `json:"recipient_type"`
	To            string          `json:"to"`
	Recipient     string          `json:"recipient"`
	KeyHash       string          `json:"recipient_identity_key_hash"`
	Context       *quote          `json:"context"`
	CallbackData  string          `json:"biz_opaque_callback_data"`
	Type          string          `json:"type"`
	Status        string          `json:"status"`
	MessageID     string          `json:"message_id"`
	Typing        *typing         `json:"typing_indicator"`
	Text          json.RawMessage `json:"text"`
	Image         json.RawMessage `json:"image"`
	Video         json.RawMessage `json:"video"`
	Audio         json.RawMessage `json:"audio"`
	Document      json.RawMessage `json:"document"`
	Sticker       json.RawMessage `json:"sticker"`
	Location      json.RawMessage `json:"location"`
	Contacts      json.RawMessage `json:"contacts"`
	Reaction      json.RawMessage `json:"reaction"`
	Interactive   json.RawMessage `json:"interactive"`
	Template      json.RawMessage `json:"template"`
}

type quote struct {
	MessageID string `json:"message_id"`
}

type typing struct {
	Type string `json:"type"`
}

// parts are the members that a type may name.
func (o *outbound) parts() map[string]json.RawMessage {
	return map[string]json.RawMessage{
		"text": o.Text, "image": o.Image, "video": o.Video, "audio": o.Audio, "document": o.Document,
		"sticker": o.Sticker, "location": o.Location, "contacts": o.Contacts, "reaction": o.Reaction,
		"interactive": o.Interactive, "template": o.Template,
	}
}

type words struct {
	Text string `json:"text"`
}

type media struct {
	ID       string  `json:"id"`
	Link     string  `json:"link"`
	Caption  *string `json:"caption"`
	Filename *string `json:"filename"`
	Voice    *bool   `json:"voice"`
}

type interactive struct {
	Type   string          `json:"type"`
	Header *header         `json:"header"`
	Body   *words          `json:"body"`
	Footer *words          `json:"footer"`
	Action json.RawMessage `json:"action"`
}

type header struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Image    *media `json:"image"`
	Video    *media `json:"video"`
	Document *media `json:"document"`
}

type button struct {
	Type  string `json:"type"`
	Reply struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	} `json:"reply"`
}

type section struct {
	Title string `json:"title"`
	Rows  []row  `json:"rows"`
}

type row struct {
	ID          string  `json:"id"`
	Title       string  `json:"title"`
	Description *string `json:"description"`
}
