package state

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// PartKind says what one part of a log entry is.
type PartKind byte

// A log entry carries one or more parts that take effect together. Two kinds are
// clear, so that a sealed node can be unsealed and can find its peers; all else
// is sealed.
const (
	PartCommand PartKind = 1 // a sealed Numbered command
	PartSeal    PartKind = 2 // the seal record, clear, MACed by the barrier
	PartRoster  PartKind = 3 // the roster, clear, MACed by the barrier
)

// Part is one part of a log entry.
type Part struct {
	Kind PartKind
	Data []byte
}

const entryVersion = 1

// ErrEntry says that bytes are no log entry of this format.
var ErrEntry = errors.New("not a log entry of a known format")

// EncodeEntry frames parts: a version byte, then for each part its kind, the
// length as an unsigned varint, and the bytes.
func EncodeEntry(parts ...Part) []byte {
	size := 1
	for _, p := range parts {
		size += 1 + binary.MaxVarintLen32 + len(p.Data)
	}
	out := append(make([]byte, 0, size), entryVersion)
	for _, p := range parts {
		out = append(out, byte(p.Kind))
		out = binary.AppendUvarint(out, uint64(len(p.Data)))
		out = append(out, p.Data...)
	}
	return out
}

// DecodeEntry is the inverse of EncodeEntry. The parts alias b.
func DecodeEntry(b []byte) ([]Part, error) {
	if len(b) == 0 || b[0] != entryVersion {
		return nil, ErrEntry
	}
	var parts []Part
	for b = b[1:]; len(b) > 0; {
		kind := PartKind(b[0])
		if kind < PartCommand || kind > PartRoster {
			return nil, fmt.Errorf("%w: part kind %d", ErrEntry, kind)
		}
		n, width := binary.Uvarint(b[1:])
		if width <= 0 || len(binary.AppendUvarint(nil, n)) != width || n > uint64(len(b)-1-width) {
			return nil, fmt.Errorf("%w: bad part length", ErrEntry)
		}
		start := 1 + width
		parts = append(parts, Part{kind, b[start : start+int(n)]})
		b = b[start+int(n):]
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("%w: no parts", ErrEntry)
	}
	return parts, nil
}
