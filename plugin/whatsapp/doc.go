// Package whatsapp speaks with WhatsApp through Meta's Cloud API. It is the heart of the plugin
// aof-platform-whatsapp, and Go programs may use it by itself:
//
//	p, err := whatsapp.New(whatsapp.Config{PhoneNumberID: …, AccessToken: …, VerifyToken: …, AppSecret: …})
//	…
//	id, err := p.SendTextMessage(ctx, "+4915112345678", "hello")
//
// There is a type for each kind of message, such as Buttons, Template and Carousel, and a method that sends it;
// SendResponse renders an answer of any kind. What Meta would refuse fails before any call.
//
// A Platform is safe for many goroutines and keeps no state that matters: what it knows comes in with each
// call.
//
// Errors of the methods that send are *chat.Error, with the facts to act on. errors.As finds Meta's own
// words in them, as *ApiError, and *UnsupportedMessageType for what cannot be sent. ReadWebhook returns
// *InvalidSignature and *ParseError.
package whatsapp
