package wire

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	agentv1 "github.com/aof-dev/aofd/proto/gen/aof/agent/v1"
	platformv1 "github.com/aof-dev/aofd/proto/gen/aof/platform/v1"
	pluginv1 "github.com/aof-dev/aofd/proto/gen/aof/plugin/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

// The tests fill every field of a message with a value of its own, send it through the translation and back,
// and compare: a field that was left behind shows by its name.

func TestNoFieldOfTheContractIsLeftBehind(t *testing.T) {
	t.Parallel()
	check := func(m proto.Message, through func(proto.Message) proto.Message) {
		t.Helper()
		for _, filled := range variants(m) {
			if diff := cmp.Diff(filled, through(filled), protocmp.Transform()); diff != "" {
				t.Errorf("%s (-sent +back):\n%s", m.ProtoReflect().Descriptor().FullName(), diff)
			}
		}
	}
	check(&platformv1.TriggerMessage{}, func(m proto.Message) proto.Message {
		return toMessage(fromMessage(m.(*platformv1.TriggerMessage)))
	})
	check(&platformv1.SendResponseRequest{}, func(m proto.Message) proto.Message {
		return toDelivery(fromDelivery(m.(*platformv1.SendResponseRequest)))
	})
	check(&platformv1.SendResponseResponse{}, func(m proto.Message) proto.Message {
		return toSent(fromSent(m.(*platformv1.SendResponseResponse)))
	})
	check(&platformv1.ParseMessageResponse{Verdict: platformv1.Verdict_VERDICT_VALID}, func(m proto.Message) proto.Message {
		return toBatch(fromBatch(m.(*platformv1.ParseMessageResponse)))
	})
	check(&platformv1.VerifySignatureResponse{}, func(m proto.Message) proto.Message {
		return toVerification(fromVerification(m.(*platformv1.VerifySignatureResponse)))
	})
	check(&platformv1.HttpRequest{}, func(m proto.Message) proto.Message {
		return toRequest(fromRequest(m.(*platformv1.HttpRequest)))
	})
	check(&platformv1.SendSignalRequest{}, func(m proto.Message) proto.Message {
		return toCourtesy(fromCourtesy(m.(*platformv1.SendSignalRequest)))
	})
	check(&pluginv1.GetInfoResponse{}, func(m proto.Message) proto.Message {
		return toInfo(fromInfo(m.(*pluginv1.GetInfoResponse)))
	})
	check(&pluginv1.Diagnostic{}, func(m proto.Message) proto.Message {
		return toDiagnostic(fromDiagnostic(m.(*pluginv1.Diagnostic)))
	})
	check(&pluginv1.Account{}, func(m proto.Message) proto.Message {
		return toAccount(fromAccount(m.(*pluginv1.Account)))
	})
	check(&agentv1.HandleRequest{}, func(m proto.Message) proto.Message {
		return toRun(fromRun(m.(*agentv1.HandleRequest)))
	})
	check(&agentv1.HandleResponse{}, func(m proto.Message) proto.Message {
		return toEvent(fromEvent(m.(*agentv1.HandleResponse)))
	})
}

func TestNoFieldOfTheVocabularyIsLeftBehind(t *testing.T) {
	t.Parallel()
	roundTrip(t, "message", func(m chat.Message) chat.Message { return fromMessage(toMessage(m)) })
	roundTrip(t, "request", func(r chat.Request) chat.Request { return fromRequest(toRequest(r)) })
	roundTrip(t, "delivery", func(d chat.Delivery) chat.Delivery { return fromDelivery(toDelivery(d)) })
	roundTrip(t, "sent", func(s chat.Sent) chat.Sent { return fromSent(toSent(s)) })
	roundTrip(t, "receipt", func(r chat.Receipt) chat.Receipt { return fromReceipt(toReceipt(r)) })
	roundTrip(t, "notice", func(n chat.Notice) chat.Notice { return fromNotice(toNotice(n)) })
	roundTrip(t, "info", func(i chat.PluginInfo) chat.PluginInfo { return fromInfo(toInfo(i)) })
	roundTrip(t, "run", func(r chat.Run) chat.Run { return fromRun(toRun(r)) })
	roundTrip(t, "batch", func(b chat.Batch) chat.Batch {
		b.Verdict = chat.VerdictValid
		out := fromBatch(toBatch(b))
		out.Verdict = chat.Verdict("text")
		return out
	})
	for i := range reflect.TypeFor[chat.Event]().NumField() {
		if i == 0 {
			continue // Seq
		}
		event := chat.Event{Seq: 7}
		field := reflect.ValueOf(&event).Elem().Field(i)
		fill(field, "event."+reflect.TypeFor[chat.Event]().Field(i).Name)
		if event.Interrupt != nil { // one question of each kind
			event.Interrupt.Requests = []chat.InterruptRequest{
				{ID: "a", Approval: event.Interrupt.Requests[0].Approval},
				{ID: "q", Question: event.Interrupt.Requests[0].Question, Prompt: "p", TTLSecs: 3},
			}
		}
		if diff := cmp.Diff(event, fromEvent(toEvent(event))); diff != "" {
			t.Errorf("event (-sent +back):\n%s", diff)
		}
	}
}

func roundTrip[T any](t *testing.T, name string, through func(T) T) {
	t.Helper()
	for _, kind := range contentKinds() {
		var v T
		fill(reflect.ValueOf(&v).Elem(), name)
		setContent(reflect.ValueOf(&v).Elem(), kind)
		if diff := cmp.Diff(v, through(v)); diff != "" {
			t.Errorf("%s with content %+v (-sent +back):\n%s", name, kind, diff)
		}
	}
}

// contentKinds has one Content for each field that a Content may have, filled, and the empty one.
func contentKinds() (out []chat.Content) {
	out = append(out, chat.Content{})
	for i := range reflect.TypeFor[chat.Content]().NumField() {
		var c chat.Content
		fill(reflect.ValueOf(&c).Elem().Field(i), "content")
		out = append(out, c)
	}
	return out
}

func setContent(v reflect.Value, c chat.Content) {
	switch {
	case v.Type() == reflect.TypeFor[chat.Content]():
		v.Set(reflect.ValueOf(c))
	case v.Kind() == reflect.Pointer && !v.IsNil():
		setContent(v.Elem(), c)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			setContent(v.Index(i), c)
		}
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]():
		for i := range v.NumField() {
			setContent(v.Field(i), c)
		}
	}
}

// enums are the words that a string type may hold; others cannot cross the wire.
var enums = map[reflect.Type]string{
	reflect.TypeFor[chat.MediaType]():       "video",
	reflect.TypeFor[chat.InteractionKind](): "list",
	reflect.TypeFor[chat.ReceiptStatus]():   "read",
	reflect.TypeFor[chat.Format]():          "html",
	reflect.TypeFor[chat.Status]():          "warning",
	reflect.TypeFor[chat.ActionStyle]():     "danger",
	reflect.TypeFor[chat.PluginKind]():      "agent",
	reflect.TypeFor[chat.Role]():            "agent",
	reflect.TypeFor[chat.Decision]():        "approve",
}

// fill sets every field below v to something that is not its zero value and, for strings, says where it is.
func fill(v reflect.Value, path string) {
	switch v.Type() {
	case reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(1700000000, 5000).UTC()))
		return
	case reflect.TypeFor[time.Duration]():
		v.SetInt(int64(3 * time.Second))
		return
	case reflect.TypeFor[json.RawMessage]():
		v.SetBytes([]byte(fmt.Sprintf("%q", path)))
		return
	case reflect.TypeFor[chat.Verdict]():
		v.SetString("text") // set by the caller
		return
	}
	switch v.Kind() {
	case reflect.String:
		if word, ok := enums[v.Type()]; ok {
			path = word
		}
		v.SetString(path)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(9)
	case reflect.Float64:
		v.SetFloat(1.25)
	case reflect.Uint8:
		v.SetUint(65)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(path+"-key"), reflect.ValueOf(path+"-value"))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	default:
		panic("no value for " + path + " of type " + v.Type().String())
	}
}

// variants fills a message once for each alternative of each oneof below it.
func variants(m proto.Message) (out []proto.Message) {
	for n := range mostAlternatives(m.ProtoReflect().Descriptor(), map[protoreflect.FullName]bool{}) {
		filled := proto.Clone(m)
		fillProto(filled.ProtoReflect(), n)
		out = append(out, filled)
	}
	return out
}

func mostAlternatives(d protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) int {
	most := 1
	if seen[d.FullName()] {
		return most
	}
	seen[d.FullName()] = true
	for i := range d.Oneofs().Len() {
		most = max(most, d.Oneofs().Get(i).Fields().Len())
	}
	for i := range d.Fields().Len() {
		if f := d.Fields().Get(i); f.Kind() == protoreflect.MessageKind && !f.IsMap() {
			most = max(most, mostAlternatives(f.Message(), seen))
		}
	}
	return most
}

// fillProto sets every field, of each oneof the n-th alternative.
func fillProto(m protoreflect.Message, n int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if o := f.ContainingOneof(); o != nil && o.Fields().Get(n%o.Fields().Len()) != f {
			continue
		}
		if m.Has(f) {
			continue // set by the test
		}
		switch {
		case f.IsMap():
			m.Mutable(f).Map().Set(protoreflect.ValueOfString("key").MapKey(), protoreflect.ValueOfString(string(f.FullName())))
		case f.IsList():
			list := m.Mutable(f).List()
			for range 2 {
				list.Append(value(f, list.NewElement(), n))
			}
		default:
			m.Set(f, value(f, m.NewField(f), n))
		}
	}
}

func value(f protoreflect.FieldDescriptor, zero protoreflect.Value, n int) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(string(f.FullName()))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(strconv.Quote(string(f.FullName())))) // some are JSON
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(2.5)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(f.Number()) + 1)
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(f.Number()) + 1)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(f.Number()) + 1)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(f.Number()) + 1)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(f.Enum().Values().Get(f.Enum().Values().Len() - 1).Number())
	case protoreflect.MessageKind:
		fillProto(zero.Message(), n)
		return zero
	}
	panic("no value for " + string(f.FullName()))
}

// Every word of the vocabulary has its number and every number its word.
func TestEnumsAreComplete(t *testing.T) {
	t.Parallel()
	cases := []struct {
		enum protoreflect.EnumDescriptor
		size int
	}{
		{platformv1.MediaType(0).Descriptor(), len(mediaTypes.word)},
		{platformv1.InteractionKind(0).Descriptor(), len(interactionKinds.word)},
		{platformv1.ReceiptStatus(0).Descriptor(), len(receiptStatuses.word)},
		{platformv1.TextFormat(0).Descriptor(), len(formats.word)},
		{platformv1.ResponseStatus(0).Descriptor(), len(statuses.word)},
		{platformv1.ActionStyle(0).Descriptor(), len(actionStyles.word)},
		{platformv1.Verdict(0).Descriptor(), len(verdicts.word)},
		{pluginv1.PluginKind(0).Descriptor(), len(pluginKinds.word)},
		{pluginv1.Severity(0).Descriptor(), len(severities.word)},
		{pluginv1.HealthState(0).Descriptor(), len(healthStates.word)},
		{agentv1.Role(0).Descriptor(), len(roles.word)},
		{agentv1.Decision(0).Descriptor(), len(decisions.word)},
	}
	for _, c := range cases {
		if want := c.enum.Values().Len() - 1; c.size != want {
			t.Errorf("%s: %d words, %d numbers", c.enum.FullName(), c.size, want)
		}
	}
}

// A peer that is no careful one cannot break the host's encoding.
func TestWhatIsNoJSONIsKeptAsAString(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 501) + strings.Repeat("]", 501)
	if got := fromJSON([]byte(deep)); string(got) != strconv.Quote(deep) {
		t.Errorf("what is nested too deeply came through: %.20s", got)
	}
	if brackets := `{"a":"` + strings.Repeat("[\\\"", 600) + `"}`; string(fromJSON([]byte(brackets))) != brackets {
		t.Error("brackets in a string were counted")
	}
	for in, want := range map[string]string{"": "", `{"a":1}`: `{"a":1}`, `{"a":`: `"{\"a\":"`, "\xff": `"\ufffd"`} {
		if got := string(fromJSON([]byte(in))); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}
