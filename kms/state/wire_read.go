package state

import "bytes"

// reader takes a record apart. After the first thing that it does not expect, bad is
// set and all that it returns is zero.
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

// fields reads the head of a map, and calls one for each of its fields.
func (r *reader) fields(one func(name byte)) {
	n := uint64(r.byte())
	switch {
	case n&0xf0 == mpFixMap:
		n &= 0x0f
	case n == mpMap16:
		n = r.number(2)
	default:
		r.bad = true
	}
	for ; n > 0 && !r.bad; n-- {
		if r.byte() != mpFixStr|1 {
			r.bad = true
			return
		}
		one(r.byte())
	}
}

func (r *reader) text() string {
	var n uint64
	switch c := r.byte(); {
	case c&0xe0 == mpFixStr:
		n = uint64(c & maxFixStr)
	case c == mpStr8:
		n = r.number(1)
	case c == mpStr16:
		n = r.number(2)
	case c == mpStr32:
		n = r.number(4)
	default:
		r.bad = true
	}
	return string(r.take(n))
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
		n = r.number(2)
	case mpBin32:
		n = r.number(4)
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
		return r.number(1)
	case c == mpUint16:
		return r.number(2)
	case c == mpUint32:
		return r.number(4)
	case c == mpUint64:
		return r.number(8)
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
		return int64(int8(r.number(1)))
	case c == mpInt16:
		return int64(int16(r.number(2)))
	case c == mpInt32:
		return int64(int32(r.number(4)))
	case c == mpInt64:
		return int64(r.number(8))
	}
	r.bad = true
	return 0
}

func (r *reader) isTrue() bool {
	c := r.byte()
	r.bad = r.bad || c != mpTrue && c != mpFalse
	return c == mpTrue
}
