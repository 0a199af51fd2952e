package state

import (
	"bytes"
	"io"

	"github.com/hashicorp/go-msgpack/v2/codec"
)

// Numbered is a command with what its leader gave it: its number, its time and
// the id of the proposal it answers.
type Numbered struct {
	Epoch    uint64 // of the leadership that numbered it
	Seq      uint64 // within the epoch, from 0 (the Epoch command itself)
	At       int64  // the leader's time, unix nanoseconds
	Proposal []byte // 16 random bytes
	Again    bool   // the proposal was sent before, and may have taken effect
	Once     *Once  // nil: nobody asked for it
	Caller   []byte // hash of the token that authorised it: see authorised; nil: no token did
	Command  Command
}

// envelope is Numbered on the wire.
type envelope struct {
	Kind     Kind   `codec:"k"`
	Epoch    uint64 `codec:"e"`
	Seq      uint64 `codec:"s"`
	At       int64  `codec:"t"`
	Proposal []byte `codec:"p"`
	Body     []byte `codec:"b"`
	Once     *Once  `codec:"o,omitempty"`
	Again    bool   `codec:"a,omitempty"`
	Caller   []byte `codec:"c,omitempty"` // since feature level 1
}

// newHandle returns the one encoding of everything in this package: msgpack,
// structs as maps with their short names in sorted order, so that equal values
// have equal bytes, and an unknown name is an error, so that a newer leader's
// field is never silently dropped.
func newHandle() *codec.MsgpackHandle {
	h := &codec.MsgpackHandle{}
	h.Canonical = true
	h.ErrorIfNoField = true
	h.WriteExt = true
	h.RawToString = false
	return h
}

// handle is built once and never changed: codec caches type information in it.
var handle = newHandle()

func encode(v any) ([]byte, error) {
	if v, ok := v.(byHand); ok {
		return v.appendTo(make([]byte, 0, roomByHand)), nil
	}
	return encodeByCodec(v)
}

// roomByHand is in bytes what a rotation takes.
const roomByHand = 512

func encodeByCodec(v any) ([]byte, error) {
	var buf bytes.Buffer
	if err := codec.NewEncoder(&buf, handle).Encode(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// decode reads exactly one value. It demands that the bytes are the ones that
// encode would write, which refuses trailing bytes, repeated names and every
// other second spelling of the same value.
func decode(b []byte, v any) (err error) {
	if v, ok := v.(byHand); ok && v.readFrom(b) {
		return nil
	}
	return decodeByCodec(b, v)
}

func decodeByCodec(b []byte, v any) (err error) {
	defer func() {
		// codec reports some malformed input by panicking inside user types.
		if r := recover(); r != nil {
			err = corrupt("undecodable: %v", r)
		}
	}()
	if err := codec.NewDecoderBytes(b, handle).Decode(v); err != nil {
		return corrupt("undecodable: %v", err)
	}
	again, err := encodeByCodec(v)
	if err != nil {
		return corrupt("not encodable again: %v", err)
	}
	if !bytes.Equal(again, b) {
		return corrupt("not in canonical form")
	}
	return nil
}

// Encode returns the bytes of n, to be sealed and proposed.
func Encode(n *Numbered) ([]byte, error) {
	body, err := encode(n.Command)
	if err != nil {
		return nil, err
	}
	return encode(&envelope{Kind: n.Command.Kind(), Epoch: n.Epoch, Seq: n.Seq, At: n.At, Proposal: n.Proposal, Body: body, Once: n.Once, Again: n.Again, Caller: n.Caller})
}

// Decode is the inverse of Encode. Every error is a *Corruption: a leader
// decodes its own bytes before it proposes them.
func Decode(b []byte) (*Numbered, error) {
	var e envelope
	if err := decode(b, &e); err != nil {
		return nil, err
	}
	if len(e.Proposal) > maxProposal {
		return nil, corrupt("a proposal id of %d bytes", len(e.Proposal))
	}
	if len(e.Caller) != 0 && len(e.Caller) != 32 {
		return nil, corrupt("a caller's token hash of %d bytes", len(e.Caller))
	}
	c, known := blank(e.Kind)
	if !known {
		return nil, corrupt("command kind %d is unknown to this build: upgrade this node to the version the cluster runs", e.Kind)
	}
	if err := decode(e.Body, c); err != nil {
		return nil, err
	}
	if c, ok := c.(interface{ check() error }); ok {
		if err := c.check(); err != nil {
			return nil, err
		}
	}
	if err := e.Once.check(); err != nil {
		return nil, err
	}
	return &Numbered{Epoch: e.Epoch, Seq: e.Seq, At: e.At, Proposal: e.Proposal, Again: e.Again, Once: e.Once, Caller: e.Caller, Command: c}, nil
}

// encoder writes a sequence of values.
func newEncoder(w io.Writer) *codec.Encoder { return codec.NewEncoder(w, handle) }

func newDecoder(r io.Reader) *codec.Decoder { return codec.NewDecoder(r, handle) }
