package whatsapp

import (
	"context"
	"encoding/json"
	"io"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/render"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/rules"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Content is what one message says. Text, Image, Buttons, Template and the other types of this package that
// have a method SendXxx implement it, and nothing else does.
type Content interface {
	// message is the body of the call, without the recipient.
	message() (graph.Message, *chat.Error)
}

// Send sends one message and returns its id. to is a phone number with its country code, a user id, or the
// ChannelID of a message. Nothing is made shorter or split: what Meta would refuse fails before any call, with
// Meta's code and a hint. A file that comes as bytes is uploaded first. Errors are *chat.Error.
//
// That Meta took a message does not mean that it arrived: a receipt tells.
func (p *Platform) Send(ctx context.Context, to string, c Content, options ...Option) (id string, err error) {
	if c == nil {
		return "", rules.Failure(100, "there is no content", "give one of the types of this package")
	}
	o := optionsOf(options)
	m, failure := c.message()
	if failure != nil {
		return "", failure
	}
	o.apply(&m)
	return p.sendOne(ctx, o.from, to, func(r address.Recipient) (render.Plan, *chat.Error) { return render.One(m, r) })
}

// Option says more about one message.
type Option func(*options)

type options struct {
	from, quote, callback, identity string
}

func optionsOf(list []Option) (o options) {
	for _, f := range list {
		f(&o)
	}
	return o
}

func (o options) apply(m *graph.Message) {
	m.CallbackData, m.IdentityHash = o.callback, o.identity
	if o.quote != "" {
		m.Context = &graph.Context{MessageID: o.quote}
	}
}

// From sends from another phone number than the first of the configuration, by Meta's id of it.
func From(phoneNumberID string) Option { return func(o *options) { o.from = phoneNumberID } }

// InReplyTo quotes a message. Where that is deleted or older than 30 days, and in templates, the quote is not
// shown. Reactions cannot quote.
func InReplyTo(messageID string) Option { return func(o *options) { o.quote = messageID } }

// WithCallbackData gives the message a word, at most 512 characters, that comes back with all its receipts as
// their delivery id. Meta reads it: no secrets.
func WithCallbackData(data string) Option { return func(o *options) { o.callback = data } }

// ForIdentity sends only to the person behind a hash that came with a message: when the number has changed
// hands since, Meta answers with 137000.
func ForIdentity(hash string) Option { return func(o *options) { o.identity = hash } }

// Native is a body as Meta describes it, for what has no type here. The recipient is filled in; what Meta
// would refuse of the known types is refused.
type Native json.RawMessage

func (n Native) message() (graph.Message, *chat.Error) { return render.Native(json.RawMessage(n)) }

// SendNative sends a body as Meta describes it.
func (p *Platform) SendNative(ctx context.Context, to string, n Native, options ...Option) (id string, err error) {
	return p.Send(ctx, to, n, options...)
}

// File is a file to send: one of ID, Link and Content.
type File struct {
	ID   string // of a file that Meta has already; those of uploads live for 30 days
	Link string // Meta fetches it, so the address is public; it keeps it for ten minutes
	// Content is uploaded before the message is sent, in a stream.
	Content io.Reader
	Size    int64  // of Content in bytes; 0 when not known
	Type    string // MIME type of Content; empty takes that of the name, else what its beginning looks like
	Name    string // shown for documents
}

// media returns the file for a body.
func (f File) media() (*graph.Media, *chat.Error) {
	m := &graph.Media{ID: f.ID, Link: f.Link}
	if f.Content == nil {
		return m, nil
	}
	if f.ID != "" || f.Link != "" {
		return nil, rules.Failure(100, "the file has an id or a link beside its content", "give one of them")
	}
	size := f.Size
	if size == 0 {
		size = -1
	}
	var err error
	if m.File, err = rules.NewFile(f.Content, size, f.Type, f.Name); err != nil {
		return nil, rules.Failure(131053, err.Error(), "look at the file")
	}
	return m, nil
}

// UploadMedia gives a file to Meta, which keeps it for 30 days, and returns its id for File.ID. kind is what
// it will be sent as: the types and sizes that are taken depend on it.
func (p *Platform) UploadMedia(ctx context.Context, kind chat.MediaType, f File, options ...Option) (id string, err error) {
	api, failure := p.client(optionsOf(options).from)
	if failure != nil {
		return "", failure
	}
	if f.Content == nil {
		return "", rules.Failure(131053, "the file has no content to upload", "")
	}
	m, failure := f.media()
	if failure != nil {
		return "", failure
	}
	if failure := rules.CheckFile(kind, m); failure != nil {
		return "", failure
	}
	if id, err = api.Upload(ctx, *m.File); err != nil {
		return "", err
	}
	return id, nil
}

// MarkRead marks a message of a user as read, and those before it.
func (p *Platform) MarkRead(ctx context.Context, messageID string, options ...Option) error {
	_, err := p.SendSignal(ctx, chat.Courtesy{Account: optionsOf(options).from, MessageID: messageID, Signal: chat.SignalRead})
	return err
}

// ShowTyping shows that an answer to a message is being written, for 25 seconds or until it is there. It marks
// the message as read.
func (p *Platform) ShowTyping(ctx context.Context, messageID string, options ...Option) error {
	_, err := p.SendSignal(ctx, chat.Courtesy{Account: optionsOf(options).from, MessageID: messageID, Signal: chat.SignalTyping})
	return err
}
