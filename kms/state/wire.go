package state

import (
	"encoding/binary"
	"math"
)

// What every write carries is encoded by hand: an envelope, and the version of a
// rotation. The bytes are those of codec, of which a test holds each record to
// thousands of values; codec looks each field up by reflection, and a rotation
// is encoded four times and decoded three times on its way through a leader.

// byHand is a record with such an encoding.
type byHand interface {
	// appendTo appends what codec would write.
	appendTo(b []byte) []byte
	// readFrom takes b apart, of which it keeps nothing but an envelope's Body, and says
	// whether it could. Whatever has a form that appendTo does not write is codec's to
	// judge; the record is as it was then.
	readFrom(b []byte) bool
}

// record appends one struct: a map with the names of its fields in order. Names
// are of one letter.
type record struct {
	b     []byte
	start int // of the map's first byte, which counts the fields
	count int
}

const (
	mpNil     = 0xc0
	mpFalse   = 0xc2
	mpTrue    = 0xc3
	mpBin8    = 0xc4
	mpBin16   = 0xc5
	mpBin32   = 0xc6
	mpUint8   = 0xcc
	mpUint16  = 0xcd
	mpUint32  = 0xce
	mpUint64  = 0xcf
	mpInt8    = 0xd0
	mpInt16   = 0xd1
	mpInt32   = 0xd2
	mpInt64   = 0xd3
	mpStr8    = 0xd9
	mpStr16   = 0xda
	mpStr32   = 0xdb
	mpMap16   = 0xde
	mpFixMap  = 0x80
	mpFixStr  = 0xa0
	maxFixStr = 31
	maxFixMap = 15
)

func newRecord(b []byte) record { return record{b: append(b, mpFixMap), start: len(b)} }

func (r *record) name(name byte) {
	r.count++
	r.b = append(r.b, mpFixStr|1, name)
}

// done returns what was appended. A map of more fields than one byte can count
// has a longer head, which moves the rest; records by hand that long are rare.
func (r *record) done() []byte {
	if r.count <= maxFixMap {
		r.b[r.start] = mpFixMap | byte(r.count)
		return r.b
	}
	r.b = append(r.b, 0, 0)
	copy(r.b[r.start+3:], r.b[r.start+1:])
	r.b[r.start], r.b[r.start+1], r.b[r.start+2] = mpMap16, byte(r.count>>8), byte(r.count)
	return r.b
}

func (r *record) text(name byte, s string) {
	r.name(name)
	switch n := len(s); {
	case n <= maxFixStr:
		r.b = append(r.b, mpFixStr|byte(n))
	case n <= math.MaxUint8:
		r.b = append(r.b, mpStr8, byte(n))
	case n <= math.MaxUint16:
		r.b = binary.BigEndian.AppendUint16(append(r.b, mpStr16), uint16(n))
	default:
		r.b = binary.BigEndian.AppendUint32(append(r.b, mpStr32), uint32(n))
	}
	r.b = append(r.b, s...)
}

func (r *record) bytes(name byte, p []byte) {
	r.name(name)
	switch n := len(p); {
	case p == nil:
		r.b = append(r.b, mpNil)
	case n <= math.MaxUint8:
		r.b = append(r.b, mpBin8, byte(n))
	case n <= math.MaxUint16:
		r.b = binary.BigEndian.AppendUint16(append(r.b, mpBin16), uint16(n))
	default:
		r.b = binary.BigEndian.AppendUint32(append(r.b, mpBin32), uint32(n))
	}
	r.b = append(r.b, p...)
}

func (r *record) unsigned(name byte, n uint64) {
	r.name(name)
	switch {
	case n <= math.MaxInt8:
		r.b = append(r.b, byte(n))
	case n <= math.MaxUint8:
		r.b = append(r.b, mpUint8, byte(n))
	case n <= math.MaxUint16:
		r.b = binary.BigEndian.AppendUint16(append(r.b, mpUint16), uint16(n))
	case n <= math.MaxUint32:
		r.b = binary.BigEndian.AppendUint32(append(r.b, mpUint32), uint32(n))
	default:
		r.b = binary.BigEndian.AppendUint64(append(r.b, mpUint64), n)
	}
}

func (r *record) signed(name byte, n int64) {
	r.name(name)
	switch {
	case n >= -32 && n <= math.MaxInt8:
		r.b = append(r.b, byte(n))
	case n >= math.MinInt8 && n < 0:
		r.b = append(r.b, mpInt8, byte(n))
	case n >= math.MinInt16 && n <= math.MaxInt16:
		r.b = binary.BigEndian.AppendUint16(append(r.b, mpInt16), uint16(n))
	case n >= math.MinInt32 && n <= math.MaxInt32:
		r.b = binary.BigEndian.AppendUint32(append(r.b, mpInt32), uint32(n))
	default:
		r.b = binary.BigEndian.AppendUint64(append(r.b, mpInt64), uint64(n))
	}
}

// Fields that are left out when they are zero.

func (r *record) signedIf(name byte, n int64) {
	if n != 0 {
		r.signed(name, n)
	}
}

func (r *record) unsignedIf(name byte, n uint64) {
	if n != 0 {
		r.unsigned(name, n)
	}
}

func (r *record) bytesIf(name byte, p []byte) {
	if len(p) != 0 {
		r.bytes(name, p)
	}
}

func (r *record) trueIf(name byte, is bool) {
	if is {
		r.name(name)
		r.b = append(r.b, mpTrue)
	}
}
