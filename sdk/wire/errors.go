package wire

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/aof-dev/aofd/sdk/chat"
)

// domain stands in every ErrorInfo.
const domain = "aof.dev"

// codeOf is the error table of the contract.
var codeOf = map[chat.Reason]codes.Code{
	chat.ReasonPluginPanic:          codes.Internal,
	chat.ReasonDraining:             codes.Unavailable,
	chat.ReasonNotConfigured:        codes.FailedPrecondition,
	chat.ReasonConfigInvalid:        codes.InvalidArgument,
	chat.ReasonStaleGeneration:      codes.Aborted,
	chat.ReasonHostUnsupported:      codes.FailedPrecondition,
	chat.ReasonDrainTimeout:         codes.DeadlineExceeded,
	chat.ReasonBadRequest:           codes.InvalidArgument,
	chat.ReasonBusy:                 codes.ResourceExhausted,
	chat.ReasonNotReady:             codes.Unavailable,
	chat.ReasonParseFailed:          codes.InvalidArgument,
	chat.ReasonRateLimited:          codes.ResourceExhausted,
	chat.ReasonCredentialsRejected:  codes.Unauthenticated,
	chat.ReasonPermissionDenied:     codes.PermissionDenied,
	chat.ReasonMisconfigured:        codes.FailedPrecondition,
	chat.ReasonRecipientUnavailable: codes.FailedPrecondition,
	chat.ReasonWindowClosed:         codes.FailedPrecondition,
	chat.ReasonContentRejected:      codes.InvalidArgument,
	chat.ReasonUnsupportedContent:   codes.Unimplemented,
	chat.ReasonUpstreamError:        codes.Unavailable,
	chat.ReasonOutcomeUnknown:       codes.Unknown,
	chat.ReasonUnavailable:          codes.Unavailable,
	chat.ReasonTimeout:              codes.DeadlineExceeded,
	chat.ReasonInternal:             codes.Internal,
}

// Keys of the ErrorInfo's metadata.
const (
	keySent       = "sent"
	keyPermanent  = "permanent"
	keyCode       = "platform_code"
	keySubcode    = "platform_subcode"
	keyTrace      = "trace_id"
	keyHint       = "hint"
	keyMessageIDs = "message_ids"
)

// toStatus turns an error of a plugin into what goes over the wire. It returns nil for nil.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		if _, ok := errors.AsType[*chat.Error](err); !ok {
			return status.FromContextError(err).Err()
		}
	}
	e := chat.AsError(err)
	code, ok := codeOf[e.Reason]
	if !ok {
		code = codes.Internal
	}
	meta := map[string]string{keySent: e.Sent.String(), keyPermanent: strconv.FormatBool(e.Permanent)}
	for key, value := range map[string]string{
		keyCode: e.PlatformCode, keySubcode: e.PlatformSubcode, keyTrace: e.TraceID, keyHint: e.Hint,
		keyMessageIDs: strings.Join(e.MessageIDs, ","),
	} {
		if value != "" {
			meta[key] = value
		}
	}
	details := []protoadapt.MessageV1{
		protoadapt.MessageV1Of(&errdetails.ErrorInfo{Reason: string(e.Reason), Domain: domain, Metadata: meta}),
	}
	if e.RetryAfter > 0 {
		details = append(details, protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)}))
	}
	st, derr := status.New(code, e.Text).WithDetails(details...)
	if derr != nil { // a text that is not UTF-8
		return status.Error(code, strings.ToValidUTF8(e.Text, "?"))
	}
	return st.Err()
}

// fromStatus turns what came over the wire into a *chat.Error. sending says that the call was a send, so
// that a cut may have left the message anywhere. It returns nil for nil.
func fromStatus(err error, sending bool) error {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		st = status.FromContextError(err)
	}
	e := &chat.Error{Text: st.Message(), Err: err}
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() == domain {
				decode(e, d)
			}
		case *errdetails.RetryInfo:
			e.RetryAfter = d.GetRetryDelay().AsDuration()
		}
	}
	if e.Reason == "" {
		guess(e, st, sending)
	}
	return e
}

func decode(e *chat.Error, d *errdetails.ErrorInfo) {
	m := d.GetMetadata()
	e.Reason = chat.Reason(d.GetReason())
	e.Permanent = m[keyPermanent] == "true"
	e.PlatformCode, e.PlatformSubcode, e.TraceID, e.Hint = m[keyCode], m[keySubcode], m[keyTrace], m[keyHint]
	switch m[keySent] {
	case "yes":
		e.Sent = chat.SentYes
	case "unknown":
		e.Sent = chat.SentUnknown
	}
	if ids := m[keyMessageIDs]; ids != "" {
		e.MessageIDs = strings.Split(ids, ",")
	}
	// The handler broke somewhere: whatever it was sending may have left.
	if e.Reason == chat.ReasonPluginPanic && m[keySent] == "" {
		e.Sent = chat.SentUnknown
	}
}

// neverConnected are gRPC's own words for a call that had no connection to go out on.
var neverConnected = []string{"connection refused", "no such file or directory", "error while dialing"}

// guess fills in an error that no plugin made: the connection broke, the deadline was over, or the plugin
// does not speak our details.
func guess(e *chat.Error, st *status.Status, sending bool) {
	e.Sent = chat.SentNo
	if sending {
		e.Sent = chat.SentUnknown
	}
	switch st.Code() {
	case codes.Unavailable:
		e.Reason = chat.ReasonUnavailable
		for _, words := range neverConnected {
			if strings.Contains(st.Message(), words) {
				e.Sent = chat.SentNo
			}
		}
	case codes.DeadlineExceeded, codes.Canceled:
		e.Reason = chat.ReasonTimeout
	case codes.Unimplemented:
		e.Reason, e.Permanent, e.Sent = chat.ReasonUnsupportedContent, true, chat.SentNo
	case codes.InvalidArgument:
		e.Reason, e.Permanent, e.Sent = chat.ReasonBadRequest, true, chat.SentNo
	case codes.FailedPrecondition:
		e.Reason, e.Permanent, e.Sent = chat.ReasonMisconfigured, true, chat.SentNo
	case codes.ResourceExhausted:
		e.Reason, e.Sent = chat.ReasonRateLimited, chat.SentNo
	case codes.Unauthenticated:
		e.Reason, e.Sent = chat.ReasonCredentialsRejected, chat.SentNo
	case codes.PermissionDenied:
		e.Reason, e.Permanent, e.Sent = chat.ReasonPermissionDenied, true, chat.SentNo
	case codes.Unknown:
		e.Reason = chat.ReasonOutcomeUnknown
	default:
		e.Reason = chat.ReasonInternal
	}
}
