package state

import (
	"bytes"
	"math"
)

// reader takes a record apart. It takes what record writes and no second spelling of
// it: names in order, each once, numbers and lengths in their shortest form, and no
// field that would have been left out. After the first thing that it does not expect,
// bad is set, and what it returns is worth nothing.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) byte() byte {
	if p := r.take(1); !r.bad {
		return p[0]
	}
	return 0
}

// number reads a big-endian number of so many bytes.
func (r *reader) number(width int) uint64 {
	var n uint64
	for _, c := range r.take(uint64(width)) {
		n = n<<8 | uint64(c)
	}
	return n
}

// fields is how far the fields of one map have been read.
type fields struct {
	left uint64
	seen uint32 // a bit for each letter
}

// head reads the head of a map, of which record writes the shortest.
func (r *reader) head() fields {
	n := uint64(r.byte())
	switch {
	case n&0xf0 == mpFixMap:
		n &= 0x0f
	case n == mpMap16:
		n = r.number(2)
		r.bad = r.bad || n <= maxFixMap
	default:
		r.bad = true
	}
	return fields{left: n}
}

// next reads the name of the next field. They come in order, each once. It returns 0
// after the last, and after something bad.
func (r *reader) next(f *fields) byte {
	if r.bad || f.left == 0 {
		return 0
	}
	f.left--
	head, name := r.byte(), r.byte()
	if head != mpFixStr|1 || name < 'a' || name > 'z' || f.seen>>(name-'a') != 0 {
		r.bad = true
		return 0
	}
	f.seen |= 1 << (name - 'a')
	return name
}

// demand holds a map that was read to the fields that are always written.
func (r *reader) demand(f fields, names string) {
	for i := range len(names) {
		r.bad = r.bad || f.seen&(1<<(names[i]-'a')) == 0
	}
}

// done says whether all was read, and nothing bad.
func (r *reader) done() bool { return !r.bad && len(r.b) == 0 }

// length is a number of so many bytes, which a shorter form could not hold.
func (r *reader) length(width int, shorter uint64) uint64 {
	n := r.number(width)
	r.bad = r.bad || n <= shorter
	return n
}

func (r *reader) text() string { return string(r.characters()) }

// characters is text that lies in what is read.
func (r *reader) characters() []byte {
	var n uint64
	switch c := r.byte(); {
	case c&0xe0 == mpFixStr:
		n = uint64(c & maxFixStr)
	case c == mpStr8:
		n = r.length(1, maxFixStr)
	case c == mpStr16:
		n = r.length(2, math.MaxUint8)
	case c == mpStr32:
		n = r.length(4, math.MaxUint16)
	default:
		r.bad = true
	}
	return r.take(n)
}

// view reads bytes, nil where nil was written. They lie in what is read.
func (r *reader) view() []byte {
	var n uint64
	switch r.byte() {
	case mpNil:
		return nil
	case mpBin8:
		n = r.number(1)
	case mpBin16:
		n = r.length(2, math.MaxUint8)
	case mpBin32:
		n = r.length(4, math.MaxUint16)
	default:
		r.bad = true
	}
	return r.take(n)
}

// bytes is view with bytes of their own.
func (r *reader) bytes() []byte { return bytes.Clone(r.view()) }

func (r *reader) unsigned() uint64 {
	switch c := r.byte(); {
	case c <= 0x7f:
		return uint64(c)
	case c == mpUint8:
		return r.length(1, math.MaxInt8)
	case c == mpUint16:
		return r.length(2, math.MaxUint8)
	case c == mpUint32:
		return r.length(4, math.MaxUint16)
	case c == mpUint64:
		return r.length(8, math.MaxUint32)
	}
	r.bad = true
	return 0
}

// unsigned32 and unsigned16 refuse what does not fit.

func (r *reader) unsigned32() uint32 {
	n := r.unsigned()
	r.bad = r.bad || n != uint64(uint32(n))
	return uint32(n)
}

func (r *reader) unsigned16() uint16 {
	n := r.unsigned()
	r.bad = r.bad || n != uint64(uint16(n))
	return uint16(n)
}

func (r *reader) signed() int64 {
	switch c := r.byte(); {
	case c <= 0x7f, c >= 0xe0:
		return int64(int8(c))
	case c == mpInt8:
		return r.beyond(int64(int8(r.number(1))), -32, math.MaxInt8)
	case c == mpInt16:
		return r.beyond(int64(int16(r.number(2))), math.MinInt8, math.MaxInt8)
	case c == mpInt32:
		return r.beyond(int64(int32(r.number(4))), math.MinInt16, math.MaxInt16)
	case c == mpInt64:
		return r.beyond(int64(r.number(8)), math.MinInt32, math.MaxInt32)
	}
	r.bad = true
	return 0
}

// beyond is n, which a shorter form, with those bounds, could not hold.
func (r *reader) beyond(n, least, most int64) int64 {
	r.bad = r.bad || n >= least && n <= most
	return n
}

// Fields that are left out when they are zero.

func (r *reader) signedIf() int64 {
	n := r.signed()
	r.bad = r.bad || n == 0
	return n
}

func (r *reader) unsignedIf() uint64 {
	n := r.unsigned()
	r.bad = r.bad || n == 0
	return n
}

func (r *reader) bytesIf() []byte {
	p := r.bytes()
	r.bad = r.bad || len(p) == 0
	return p
}

func (r *reader) trueIf() bool {
	r.bad = r.byte() != mpTrue || r.bad
	return !r.bad
}
