package wire

import (
	"encoding/binary"
	"fmt"

	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// The fields that are encoded before the message that they are part of.
const (
	requestOfItem    protowire.Number = 2
	responseOfResult protowire.Number = 2
)

// maxEmbedded leaves room for the other results of a batch.
const maxEmbedded = MaxMessageBytes / 2

// embed encodes part and makes it that field of whole, so that what cannot be encoded is the error of one item
// and not of its whole batch. It returns the bytes that were added.
func embed(whole proto.Message, field protowire.Number, part proto.Message) (int, error) {
	size := proto.Size(part)
	if size > maxEmbedded {
		return 0, fmt.Errorf("%d bytes are more than the %d that fit into a message", size, maxEmbedded)
	}
	b := make([]byte, 0, size+2*binary.MaxVarintLen32)
	b = protowire.AppendVarint(protowire.AppendTag(b, field, protowire.BytesType), uint64(size))
	b, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, part)
	if err != nil {
		return 0, err
	}
	whole.ProtoReflect().SetUnknown(b) // it is written as it stands
	return len(b), nil
}

// encodeStatus and decodeStatus carry an error of gRPC inside a message.
func encodeStatus(err error) []byte {
	b, merr := proto.Marshal(status.Convert(err).Proto())
	if merr != nil { // a text that is not UTF-8
		b, _ = proto.Marshal(status.New(status.Code(err), "").Proto())
	}
	return b
}

func decodeStatus(b []byte) error {
	var st statuspb.Status
	if err := proto.Unmarshal(b, &st); err != nil || st.GetCode() == int32(codes.OK) {
		return status.Error(codes.Internal, "the plugin answered an item with neither a response nor an error")
	}
	return status.FromProto(&st).Err()
}
