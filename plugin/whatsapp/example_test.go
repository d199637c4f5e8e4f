package whatsapp_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp"
	"github.com/aof-dev/aofd/sdk/chat"
)

// graphAPI stands in for Meta in the examples: it prints what it gets, and answers with a status and a body.
func graphAPI(status int, answer string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Printf("%s\n", body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
}

const accepted = `{"messages":[{"id":"wamid.1"}]}`

// example connects to a server that stands in for Meta. Without APIBaseURL it is Meta's own.
func example(server *httptest.Server) *whatsapp.Platform {
	p, err := whatsapp.New(whatsapp.Config{
		PhoneNumberID: "106540352242922",
		AccessToken:   "EAA…",
		VerifyToken:   "a word of my own",
		AppSecret:     "0123456789abcdef0123456789abcdef",
		APIBaseURL:    server.URL,
	})
	if err != nil {
		panic(err)
	}
	return p
}

func ExampleNew() {
	_, err := whatsapp.New(whatsapp.Config{PhoneNumberID: "+49 151 12345678", VerifyToken: "w", AppSecret: "s"})
	fmt.Println(err)
	// Output:
	// CONFIG_INVALID: phone_number_id: phone_number_id is a phone number, not the id that Meta gave to it; access_token: access_token is empty
}

func ExampleConfig_Validate() {
	c := whatsapp.Config{PhoneNumberID: "106540352242922", AccessToken: "EAA…", VerifyToken: "w", APIVersion: "v18.0"}
	for _, d := range c.Validate() {
		fmt.Println(d.Severity, d.Pointer, d.Summary)
	}
	// Output:
	// error /app_secret app_secret is empty: without it anybody could write webhooks
	// warning /allowed_numbers there is no allowed_numbers here, so everybody may write whom no trigger leaves out
	// warning /api_version Meta ended v18.0 on 2026-01-26; it answers with another version, without a word
}

func ExampleConfig_String() {
	c := whatsapp.Config{PhoneNumberID: "106540352242922", AccessToken: "EAA…"}
	fmt.Printf("%+v\n", c)
	// Output:
	// whatsapp.Config{phone_number_id: 106540352242922, api_version: v26.0, secrets: hidden}
}

func ExamplePlatform_SendTextMessage() {
	server := graphAPI(http.StatusOK, accepted)
	defer server.Close()
	p := example(server)
	defer func() { _ = p.Close() }()

	id, err := p.SendTextMessage(context.Background(), "+49 151 12345678", "The node is up again.")
	fmt.Println(id, err)
	// Output:
	// {"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","type":"text","text":{"body":"The node is up again.","preview_url":false}}
	// wamid.1 <nil>
}

func ExamplePlatform_SendInteractiveButtons() {
	server := graphAPI(http.StatusOK, accepted)
	defer server.Close()
	p := example(server)
	defer func() { _ = p.Close() }()

	id, err := p.SendInteractiveButtons(context.Background(), "+4915112345678", "Restart api?",
		[]whatsapp.Button{{ID: "yes", Title: "Yes"}, {ID: "no", Title: "No"}})
	fmt.Println(id, err)
	// A tap on the first button comes back as a message with the text "button:yes".

	// Output:
	// {"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","type":"interactive","interactive":{"type":"button","body":{"text":"Restart api?"},"action":{"buttons":[{"type":"reply","reply":{"id":"yes","title":"Yes"}},{"type":"reply","reply":{"id":"no","title":"No"}}]}}}
	// wamid.1 <nil>
}

func ExamplePlatform_SendInteractiveList() {
	server := graphAPI(http.StatusOK, accepted)
	defer server.Close()
	p := example(server)
	defer func() { _ = p.Close() }()

	id, err := p.SendInteractiveList(context.Background(), "+4915112345678", "Pods", "Which one?", "Show", []whatsapp.Section{
		{Title: "prod", Rows: []whatsapp.Row{{ID: "p1", Title: "api", Description: "3 of 3 run"}, {ID: "p2", Title: "web"}}},
	})
	fmt.Println(id, err)
	// A choice comes back as a message with the text "list:p1".

	// Output:
	// {"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","type":"interactive","interactive":{"type":"list","header":{"type":"text","text":"Pods"},"body":{"text":"Which one?"},"action":{"button":"Show","sections":[{"title":"prod","rows":[{"id":"p1","title":"api","description":"3 of 3 run"},{"id":"p2","title":"web"}]}]}}}
	// wamid.1 <nil>
}

// The renderer chooses the form that fits and says what it had to show in a lesser way.
func ExamplePlatform_SendResponse() {
	server := graphAPI(http.StatusOK, accepted)
	defer server.Close()
	p := example(server)
	defer func() { _ = p.Close() }()

	sent, err := p.SendResponse(context.Background(), chat.Delivery{
		ID: "answer-1", ChannelID: "4915112345678", Attempt: 1, Response: chat.Response{
			Text: "Done.", Status: chat.StatusSuccess,
			Actions: []chat.Action{{ID: "logs", Label: "Show me the logs, please"}},
		},
	})
	fmt.Println(sent.MessageIDs, sent.Degradations, err)
	// Output:
	// {"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","biz_opaque_callback_data":"answer-1","type":"interactive","interactive":{"type":"button","body":{"text":"✅ Done."},"action":{"buttons":[{"type":"reply","reply":{"id":"logs","title":"Show me the logs, p…"}}]}}}
	// [wamid.1] [{button labels 1 made shorter or different to fit into 20 characters}] <nil>
}

func ExampleApiError() {
	server := graphAPI(http.StatusUnauthorized,
		`{"error":{"message":"Session has expired","code":190,"error_subcode":463,"fbtrace_id":"AbC"}}`)
	defer server.Close()
	p := example(server)
	defer func() { _ = p.Close() }()

	_, err := p.SendTextMessage(context.Background(), "+4915112345678", "hi")
	if e, ok := errors.AsType[*chat.Error](err); ok {
		fmt.Println(e.Reason, "permanent:", e.Permanent, "sent:", e.Sent)
	}
	if e, ok := errors.AsType[*whatsapp.ApiError](err); ok {
		fmt.Println(e.Code, e.Subcode, e.TraceID, "retry:", e.Retryable)
	}
	// Output:
	// {"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","type":"text","text":{"body":"hi","preview_url":false}}
	// CREDENTIALS_REJECTED permanent: true sent: no
	// 190 463 AbC retry: false
}

func ExampleUnsupportedMessageType() {
	server := graphAPI(http.StatusOK, accepted)
	defer server.Close()
	p := example(server)
	defer func() { _ = p.Close() }()

	_, err := p.SendResponse(context.Background(), chat.Delivery{ChannelID: "4915112345678", Response: chat.Response{
		Attachments: []chat.Attachment{{Type: "hologram", URL: "https://files.example/a"}},
	}})
	if e, ok := errors.AsType[*whatsapp.UnsupportedMessageType](err); ok {
		fmt.Println(e.Type)
	}
	// Output:
	// an attachment of type "hologram"
}

func ExamplePlatform_VerifyWebhook() {
	server := graphAPI(http.StatusOK, accepted)
	defer server.Close()
	p := example(server)
	defer func() { _ = p.Close() }()

	fmt.Println(p.VerifyWebhook("subscribe", "a word of my own", "1158201444"))
	fmt.Println(p.VerifyWebhook("subscribe", "a guess", "1158201444"))
	// Output:
	// 1158201444 true
	//  false
}

func ExamplePlatform_ParseMessage() {
	server := graphAPI(http.StatusOK, accepted)
	defer server.Close()
	p := example(server)
	defer func() { _ = p.Close() }()

	body := []byte(`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{
		"metadata":{"phone_number_id":"106540352242922"},
		"messages":[{"from":"4915112345678","id":"wamid.1","timestamp":"1795305600","type":"text","text":{"body":"hi"}}]}}]}]}`)
	mac := hmac.New(sha256.New, []byte("0123456789abcdef0123456789abcdef")) // as Meta does it, with the app secret
	mac.Write(body)

	batch, err := p.ParseMessage(context.Background(), chat.Request{
		Method: http.MethodPost, URI: "/webhook/whatsapp", Body: body,
		Headers: []chat.Header{{Name: "x-hub-signature-256", Value: "sha256=" + hex.EncodeToString(mac.Sum(nil))}},
	})
	fmt.Println(batch.Verdict, err)
	for _, m := range batch.Messages {
		fmt.Println(m.ID, m.User.ID, m.Text, m.Content.Kind())
	}
	// Output:
	// valid <nil>
	// wamid.1 4915112345678 hi text
}

// A program that serves the webhook itself.
func ExamplePlatform_ReadWebhook() {
	server := graphAPI(http.StatusOK, accepted)
	defer server.Close()
	p := example(server)
	defer func() { _ = p.Close() }()

	webhook := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		batch, err := p.ReadWebhook(r)
		if _, ok := errors.AsType[*whatsapp.InvalidSignature](err); ok {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		if batch.Verdict == chat.VerdictChallenge {
			_, _ = w.Write(batch.Reply.Body)
			return
		}
		if _, ok := errors.AsType[*whatsapp.ParseError](err); err != nil && !ok {
			http.Error(w, "the body cannot be read", http.StatusBadRequest)
			return
		}
		// Store the messages, then answer 200. Meta sends again what was answered otherwise.
		for _, m := range batch.Messages {
			fmt.Println(m.User.ID, m.Text)
		}
	})

	w := httptest.NewRecorder()
	webhook(w, httptest.NewRequest(http.MethodGet,
		"/webhook?hub.mode=subscribe&hub.verify_token=a+word+of+my+own&hub.challenge=1158201444", nil))
	fmt.Println(w.Code, w.Body)

	w = httptest.NewRecorder()
	webhook(w, httptest.NewRequest(http.MethodPost, "/webhook", strings.NewReader("{}")))
	fmt.Print(w.Code, " ", w.Body)
	// Output:
	// 200 1158201444
	// 401 invalid signature: SIGNATURE_MISSING
}
