package whatsapp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp"
	"github.com/aof-dev/aofd/sdk/chat"
)

// A text, quoting a message, from one of several numbers.
func ExamplePlatform_SendText() {
	server := graphAPI(http.StatusOK, accepted)
	defer server.Close()
	p := example(server)
	defer func() { _ = p.Close() }()

	id, err := p.SendText(context.Background(), "+4915112345678", whatsapp.Text{Body: "*Done*: the node is up again."},
		whatsapp.InReplyTo("wamid.question"), whatsapp.WithCallbackData("job-17"))
	fmt.Println(id, err)
	// Output:
	// {"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","context":{"message_id":"wamid.question"},"biz_opaque_callback_data":"job-17","type":"text","text":{"body":"*Done*: the node is up again.","preview_url":false}}
	// wamid.1 <nil>
}

// A file by its address. Files by Meta's id have File.ID, and files by their content File.Content.
func ExamplePlatform_SendDocument() {
	server := graphAPI(http.StatusOK, accepted)
	defer server.Close()
	p := example(server)
	defer func() { _ = p.Close() }()

	id, err := p.SendDocument(context.Background(), "+4915112345678", whatsapp.Document{
		File:    whatsapp.File{Link: "https://files.example/report.pdf", Name: "Report.pdf"},
		Caption: "The week in numbers",
	})
	fmt.Println(id, err)
	// Output:
	// {"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","type":"document","document":{"link":"https://files.example/report.pdf","caption":"The week in numbers","filename":"Report.pdf"}}
	// wamid.1 <nil>
}

// What WhatsApp would not take is refused before anything is uploaded.
func ExamplePlatform_UploadMedia() {
	server := graphAPI(http.StatusOK, accepted)
	defer server.Close()
	p := example(server)
	defer func() { _ = p.Close() }()

	_, err := p.UploadMedia(context.Background(), chat.MediaImage, whatsapp.File{Content: strings.NewReader("GIF89a…"), Name: "a.gif"})
	if e, ok := errors.AsType[*chat.Error](err); ok {
		fmt.Println(e.PlatformCode, e.Text+";", e.Hint)
	}
	// Output:
	// 131053 WhatsApp takes no image of type image/gif; it takes image/jpeg, image/png
}

// Reply buttons below a picture.
func ExamplePlatform_SendButtons() {
	server := graphAPI(http.StatusOK, accepted)
	defer server.Close()
	p := example(server)
	defer func() { _ = p.Close() }()

	id, err := p.SendButtons(context.Background(), "+4915112345678", whatsapp.Buttons{
		Header:  whatsapp.Image{File: whatsapp.File{Link: "https://files.example/load.png"}},
		Body:    "The load is high. Add a node?",
		Footer:  "cluster prod",
		Buttons: []whatsapp.Button{{ID: "add", Title: "Add one"}, {ID: "wait", Title: "Wait"}},
	})
	fmt.Println(id, err)
	// Output:
	// {"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","type":"interactive","interactive":{"type":"button","header":{"type":"image","image":{"link":"https://files.example/load.png"}},"body":{"text":"The load is high. Add a node?"},"footer":{"text":"cluster prod"},"action":{"buttons":[{"type":"reply","reply":{"id":"add","title":"Add one"}},{"type":"reply","reply":{"id":"wait","title":"Wait"}}]}}}
	// wamid.1 <nil>
}

// Articles of a catalog.
func ExamplePlatform_SendProducts() {
	server := graphAPI(http.StatusOK, accepted)
	defer server.Close()
	p := example(server)
	defer func() { _ = p.Close() }()

	id, err := p.SendProducts(context.Background(), "+4915112345678", whatsapp.Products{
		CatalogID: "194836987003835", Header: "Spare parts", Body: "What do you need?",
		Sections: []whatsapp.ProductSection{{Title: "Pumps", ProductIDs: []string{"p-100", "p-200"}}},
	})
	fmt.Println(id, err)
	// Output:
	// {"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","type":"interactive","interactive":{"type":"product_list","header":{"type":"text","text":"Spare parts"},"body":{"text":"What do you need?"},"action":{"catalog_id":"194836987003835","sections":[{"title":"Pumps","product_items":[{"product_retailer_id":"p-100"},{"product_retailer_id":"p-200"}]}]}}}
	// wamid.1 <nil>
}

// A form that was made in WhatsApp Manager.
func ExamplePlatform_SendFlow() {
	server := graphAPI(http.StatusOK, accepted)
	defer server.Close()
	p := example(server)
	defer func() { _ = p.Close() }()

	id, err := p.SendFlow(context.Background(), "+4915112345678", whatsapp.Flow{
		Body: "Tell us when you are there.", ID: "1078123456", Label: "Choose a time", Token: "visit-4",
		Screen: "TIMES", Data: map[string]any{"day": "2026-12-01"},
	})
	fmt.Println(id, err)
	// Output:
	// {"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","type":"interactive","interactive":{"type":"flow","body":{"text":"Tell us when you are there."},"action":{"name":"flow","parameters":{"flow_message_version":"3","flow_id":"1078123456","flow_cta":"Choose a time","flow_token":"visit-4","flow_action":"navigate","flow_action_payload":{"screen":"TIMES","data":{"day":"2026-12-01"}}}}}}
	// wamid.1 <nil>
}

// A template with named parameters and a quick reply.
func ExamplePlatform_SendTemplate() {
	server := graphAPI(http.StatusOK, accepted)
	defer server.Close()
	p := example(server)
	defer func() { _ = p.Close() }()

	id, err := p.SendTemplate(context.Background(), "+4915112345678", whatsapp.Template{
		Name: "node_down", Language: "en",
		Body:    []whatsapp.Parameter{{Name: "node", Text: "worker-3"}, {Name: "since", Text: "12:40"}},
		Buttons: []whatsapp.TemplateButton{{Index: 0, Payload: "ack"}},
	})
	fmt.Println(id, err)
	// A tap comes back as a message with the text "button:ack".

	// Output:
	// {"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","type":"template","template":{"name":"node_down","language":{"code":"en"},"components":[{"type":"body","parameters":[{"type":"text","parameter_name":"node","text":"worker-3"},{"type":"text","parameter_name":"since","text":"12:40"}]},{"type":"button","sub_type":"quick_reply","index":"0","parameters":[{"type":"payload","payload":"ack"}]}]}}
	// wamid.1 <nil>
}

// Mark a message as read and show that somebody writes an answer.
func ExamplePlatform_ShowTyping() {
	server := graphAPI(http.StatusOK, `{"success":true}`)
	defer server.Close()
	p := example(server)
	defer func() { _ = p.Close() }()

	fmt.Println(p.ShowTyping(context.Background(), "wamid.question"))
	// Output:
	// {"messaging_product":"whatsapp","status":"read","message_id":"wamid.question","typing_indicator":{"type":"text"}}
	// <nil>
}
