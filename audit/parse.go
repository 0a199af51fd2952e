package audit

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Parsed is a record read back from a log, with what only the log knows of it.
type Parsed struct {
	Record
	Truncated bool // fields were cut to fit MaxRecord
}

// timeLayout is the time of a record; see stamper.
const timeLayout = stampSeconds + ".000000000Z"

// parse reads one line, without its newline. It accepts exactly what appendBody
// and stamper write (fields in their order, one way to write each value) so that
// whatever it accepts encodes to the same bytes again. It returns a text that says
// what is wrong, empty when nothing is; the text holds nothing from the line.
func parse(line []byte) (Parsed, string) {
	var p Parsed
	c := cursor{s: string(line)}
	c.must(`{"seq":`)
	p.Seq = c.uint(math.MaxUint64)
	c.must(`,"time":`)
	p.Time = c.time()
	p.Type = c.text(`,"type":`)
	p.Node = c.text(`,"node":`)
	p.RequestID = c.text(`,"request_id":`)
	p.Operation = c.text(`,"operation":`)
	p.Method = c.text(`,"method":`)
	p.Path = c.text(`,"path":`)
	p.Accessor = c.text(`,"accessor":`)
	p.DisplayName = c.text(`,"display_name":`)
	p.Application = c.text(`,"application":`)
	p.Policies = c.list(`,"policies":`)
	p.Remote = c.text(`,"remote":`)
	p.Key = c.text(`,"key":`)
	p.KID = c.text(`,"kid":`)
	p.KeyVersion = uint32(c.int(`,"key_version":`, 0, math.MaxUint32))
	p.Alg = c.text(`,"alg":`)
	p.Issuer = c.text(`,"issuer":`)
	p.Profile = c.text(`,"profile":`)
	p.JTI = c.text(`,"jti":`)
	p.Claims = c.claims()
	p.Outcome = c.text(`,"outcome":`)
	p.Code = c.text(`,"code":`)
	p.Detail = c.text(`,"detail":`)
	const us = int64(time.Microsecond)
	p.Duration = time.Duration(us * c.int(`,"duration_us":`, math.MinInt64/us, math.MaxInt64/us))
	p.Input = c.text(`,"input":`)
	p.Output = c.text(`,"output":`)
	p.Items = int(c.int(`,"items":`, math.MinInt, math.MaxInt))
	p.Chunk = int(c.int(`,"chunk":`, math.MinInt, math.MaxInt))
	p.Hashes = c.hashes()
	p.Proposal = c.text(`,"proposal":`)
	p.Count = c.int(`,"count":`, math.MinInt64, math.MaxInt64)
	p.Late = c.lit(`,"late":true`)
	p.Fields = c.fields()
	p.Truncated = c.lit(`,"truncated":true`)
	c.must(`}`)
	if c.bad == "" && c.s != "" {
		c.bad = "bytes after the record"
	}
	return p, c.bad
}

// cursor reads a line from left to right. After the first mistake, kept in bad,
// it reads nothing more.
type cursor struct {
	s   string // what is left
	bad string
}

func (c *cursor) fail(why string) {
	if c.bad == "" {
		c.bad = why
	}
	c.s = ""
}

func (c *cursor) lit(text string) bool {
	rest, ok := strings.CutPrefix(c.s, text)
	c.s = rest
	return ok
}

func (c *cursor) must(text string) {
	if !c.lit(text) {
		c.fail("not a record of this log, or a field out of place")
	}
}

// digits takes a number as strconv writes it: no sign, no leading zero.
func (c *cursor) digits() string {
	n := 0
	for n < len(c.s) && c.s[n] >= '0' && c.s[n] <= '9' {
		n++
	}
	d := c.s[:n]
	if n == 0 || n > 1 && d[0] == '0' {
		c.fail("a malformed number")
		return "0"
	}
	c.s = c.s[n:]
	return d
}

func (c *cursor) uint(limit uint64) uint64 {
	v, err := strconv.ParseUint(c.digits(), 10, 64)
	if err != nil || v > limit {
		c.fail("a number out of range")
	}
	return v
}

// int reads the named number, which is left out when it is zero.
func (c *cursor) int(name string, low, high int64) int64 {
	if !c.lit(name) {
		return 0
	}
	v := c.signed()
	if v == 0 || v < low || v > high {
		c.fail("a number out of range")
	}
	return v
}

func (c *cursor) signed() int64 {
	sign := ""
	if c.lit("-") {
		sign = "-"
	}
	v, err := strconv.ParseInt(sign+c.digits(), 10, 64)
	if err != nil || v == 0 && sign != "" {
		c.fail("a number out of range")
	}
	return v
}

func (c *cursor) time() time.Time {
	s := c.quoted()
	t, err := time.Parse(timeLayout, s)
	if err != nil || len(s) != len(timeLayout) {
		c.fail("a malformed time")
	}
	return t
}

// text reads the named text, which is left out when it is empty.
func (c *cursor) text(name string) string {
	if !c.lit(name) {
		return ""
	}
	s := c.quoted()
	if s == "" {
		c.fail("an empty field")
	}
	return s
}

func (c *cursor) list(name string) []string {
	if !c.lit(name) {
		return nil
	}
	var out []string
	for sep := "["; c.bad == ""; sep = "," {
		c.must(sep)
		out = append(out, c.quoted())
		if c.lit("]") {
			break
		}
	}
	return out
}

func (c *cursor) hashes() []ItemHash {
	if !c.lit(`,"hashes":`) {
		return nil
	}
	var out []ItemHash
	for sep := `[{"index":`; c.bad == ""; sep = `,{"index":` {
		c.must(sep)
		var h ItemHash
		h.Index = int(c.signed())
		h.Input = c.text(`,"input":`)
		h.Output = c.text(`,"output":`)
		h.Code = c.text(`,"code":`)
		h.KeyVersion = uint32(c.int(`,"key_version":`, 0, math.MaxUint32))
		h.JTI = c.text(`,"jti":`)
		h.Claims = c.claims()
		c.must("}")
		out = append(out, h)
		if c.lit("]") {
			break
		}
	}
	return out
}

func (c *cursor) claims() []Claim {
	if !c.lit(`,"claims":`) {
		return nil
	}
	var out []Claim
	for sep := "{"; c.bad == ""; sep = "," {
		c.must(sep)
		var one Claim
		one.Name = c.quoted()
		c.must(":")
		one.Value = c.quoted()
		out = append(out, one)
		if c.lit("}") {
			break
		}
	}
	if !validClaims(out) {
		c.fail("a claim is there twice")
	}
	return out
}

func (c *cursor) fields() map[string]string {
	if !c.lit(`,"fields":`) {
		return nil
	}
	out := make(map[string]string)
	last := ""
	for sep := "{"; c.bad == ""; sep = "," {
		c.must(sep)
		k := c.quoted()
		c.must(":")
		v := c.quoted()
		if len(out) > 0 && k <= last {
			c.fail("fields out of order")
		}
		out[k], last = v, k
		if c.lit("}") {
			break
		}
	}
	return out
}

// quoted reads a string as appendQuoted writes it.
func (c *cursor) quoted() string {
	if !c.lit(`"`) {
		c.fail("a string is missing")
		return ""
	}
	n := 0
	for n < len(c.s) && plain(c.s[n]) {
		n++
	}
	if n < len(c.s) && c.s[n] == '"' { // the usual case: nothing escaped
		s := c.s[:n]
		c.s = c.s[n+1:]
		return s
	}
	out := []byte(c.s[:n])
	c.s = c.s[n:]
	for c.s != "" {
		switch b := c.s[0]; {
		case b == '"':
			c.s = c.s[1:]
			return string(out)
		case b == '\\':
			out = c.escape(out)
		case plain(b):
			out = append(out, b)
			c.s = c.s[1:]
		default:
			c.fail("a byte that should be escaped")
		}
	}
	c.fail("a string without an end")
	return ""
}

// escape reads one escape: whatever it stands for, written out again, must give
// the very bytes that were read.
func (c *cursor) escape(out []byte) []byte {
	var r rune
	n := 2
	switch {
	case len(c.s) < 2:
	case c.s[1] == 'n':
		r = '\n'
	case c.s[1] == 'r':
		r = '\r'
	case c.s[1] == 't':
		r = '\t'
	case c.s[1] == 'u':
		r, n = unicodeEscape(c.s)
	default:
		r = rune(c.s[1])
	}
	var buf [12]byte
	again := buf[:0]
	switch {
	case r >= utf8.RuneSelf:
		again = appendRuneEscape(again, r)
	case !plain(byte(r)):
		again = appendASCIIEscape(again, byte(r))
	}
	if len(again) == 0 || !c.lit(string(again)) || len(again) != n {
		c.fail("a malformed escape")
		return out
	}
	return utf8.AppendRune(out, r)
}

// unicodeEscape reads the \u escape at the start of s, or the surrogate pair, and
// tells its length. A malformed one gives a rune that is written otherwise.
func unicodeEscape(s string) (rune, int) {
	unit := func(at int) rune {
		if len(s) < at+6 || s[at:at+2] != `\u` {
			return -1
		}
		v, err := strconv.ParseUint(s[at+2:at+6], 16, 16)
		if err != nil {
			return -1
		}
		return rune(v)
	}
	r := unit(0)
	if r < 0xd800 || r > 0xdfff {
		return r, 6
	}
	low := unit(6)
	if r > 0xdbff || low < 0xdc00 || low > 0xdfff {
		return -1, 6
	}
	return 0x10000 + (r-0xd800)<<10 + low - 0xdc00, 12
}
