package state

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// What is remembered about tokens that issuers issued: that one is revoked or
// spent, and the cut-offs of subjects and applications. There may be millions of
// entries, every verification asks for three, and somebody waits for the unseal
// that reads them. So an entry is 28 bytes, on one of 8,192 pages:
//
//	id     16 bytes, see IssuedKey
//	until   4 bytes, minutes since 1970, rounded up: removed at that time or later
//	mark    8 bytes, see issuedMark
//
// Numbers are big endian. A page holds the ids with the same first 13 bits,
// sorted, and is never changed: what changes is made anew, with the node above it
// and the table. Pages are of one length, more or less, because ids are keyed
// hashes: nobody can choose what they begin with.
const issuedSize = 28

// nodePages is how many pages the ids with one first byte have.
const nodePages = 32

// IssuedID names an entry without saying whose it is. Its first bits are its kind:
// so entries of one kind lie together, and those of which there are none need not be
// asked for.
type IssuedID [16]byte

// issuedKind is what an entry is about.
type issuedKind byte

const (
	aboutToken       issuedKind = iota // first bit 0
	aboutSubject                       // first bits 10
	aboutApplication                   // first bits 11
	issuedKinds
)

// kindOf is the kind of the ids with a first byte.
func kindOf(first byte) issuedKind {
	if first < 0x80 {
		return aboutToken
	}
	return aboutSubject + issuedKind(first>>6&1)
}

// as is the id with the first bits of a kind.
func (id IssuedID) as(k issuedKind) IssuedID {
	switch k {
	case aboutToken:
		id[0] &= 0x7f
	case aboutSubject:
		id[0] = id[0]&0x3f | 0x80
	case aboutApplication:
		id[0] |= 0xc0
	}
	return id
}

// issuedMark is what an entry says: flags in the first byte, and the seconds since
// 1970 of a cut-off in the others.
type issuedMark uint64

const (
	markRevoked issuedMark = 1 << (56 + iota) // the token is revoked
	markSpent                                 // the token was used, where it is good for one use
	markCutOff                                // of a subject or an application

	markFlags   = markRevoked | markSpent | markCutOff
	markSeconds = 1<<56 - 1
)

func (m issuedMark) cutOff() int64 { return int64(m & markSeconds) }

// valid says whether some entry of a kind has this mark.
func (m issuedMark) valid(k issuedKind) bool {
	switch {
	case m&^(markFlags|markSeconds) != 0:
		return false
	case k != aboutToken:
		return m&markFlags == markCutOff
	case m&markCutOff != 0:
		return false
	}
	return m&markFlags != 0 && m&markSeconds == 0
}

// never is the until of a page without entries.
const never = ^uint32(0)

const nanosAMinute = 60 * 1e9

// minutesUp is a time as an until: never earlier than it.
func minutesUp(nanos int64) uint32 {
	if nanos <= 0 {
		return 0
	}
	return uint32(min((nanos-1)/nanosAMinute+1, int64(never)-1))
}

// issuedPage is entries, sorted by their ids. The keys are the part of each id that
// tells it from most others of the page, once more: a search reads them alone, which
// lie closer together, and one entry if it finds a key. What is asked for is almost
// never there.
type issuedPage struct {
	rows []byte
	keys []uint32 // keyOf each entry
}

// newIssuedPage is the page of rows, which are entries in order and are not changed
// afterwards.
func newIssuedPage(rows []byte) issuedPage {
	if len(rows) == 0 {
		return issuedPage{}
	}
	p := issuedPage{rows, make([]uint32, len(rows)/issuedSize)}
	for i := range p.keys {
		p.keys[i] = keyOf(p.entry(i))
	}
	return p
}

func (p *issuedPage) len() int { return len(p.keys) }
func (p *issuedPage) entry(i int) []byte {
	return p.rows[i*issuedSize : (i+1)*issuedSize : (i+1)*issuedSize]
}

func untilOf(entry []byte) uint32    { return binary.BigEndian.Uint32(entry[16:]) }
func markOf(entry []byte) issuedMark { return issuedMark(binary.BigEndian.Uint64(entry[20:])) }

// keyOf is the 27 bits of an id behind those that all ids of a page have, and five
// more bits of zero.
func keyOf(id []byte) uint32 { return binary.BigEndian.Uint32(id[1:]) << 5 }

// guess is where an id should be, among ids that are spread evenly. p has some.
func (p *issuedPage) guess(want uint32) int { return int(uint64(len(p.keys)) * uint64(want) >> 32) }

// find returns the place of an id, or where it would be. It looks where the id
// should be, once more where it should be seen from there, and walks the step or two
// that are left.
func (p *issuedPage) find(id *IssuedID) (at int, found bool) {
	n, want := len(p.keys), keyOf(id[:])
	if n == 0 {
		return 0, false
	}
	at = p.guess(want)
	return p.findFrom(id, at, p.keys[at])
}

// findFrom is find with the guess made, and the key there read.
func (p *issuedPage) findFrom(id *IssuedID, at int, key uint32) (int, bool) {
	n, want := len(p.keys), keyOf(id[:])
	ahead := int64(want) - int64(key)
	at = min(max(0, at+int(ahead*int64(n)>>32)), n-1)
	for at > 0 && p.keys[at-1] >= want {
		at--
	}
	for ; at < n && p.keys[at] <= want; at++ {
		if p.keys[at] < want {
			continue
		}
		if order := bytes.Compare(p.entry(at)[:16], id[:]); order >= 0 {
			return at, order == 0
		}
	}
	return at, false
}

// with is p with one entry more, or another in its place.
func (p issuedPage) with(at int, replace bool, id *IssuedID, until uint32, mark issuedMark) issuedPage {
	before, after := p.rows[:at*issuedSize], p.rows[at*issuedSize:]
	if replace {
		after = after[issuedSize:]
	}
	rows := make([]byte, 0, len(before)+issuedSize+len(after))
	rows = append(append(rows, before...), id[:]...)
	rows = binary.BigEndian.AppendUint32(rows, until)
	rows = binary.BigEndian.AppendUint64(rows, uint64(mark))
	return newIssuedPage(append(rows, after...))
}

// after is p without the entries whose time is over at now, in minutes.
func (p issuedPage) after(now uint32) issuedPage {
	var rows []byte
	for i := range p.len() {
		if e := p.entry(i); untilOf(e) > now {
			rows = append(rows, e...)
		}
	}
	return newIssuedPage(slices.Clip(rows))
}

// first is the earliest until on the page.
func (p *issuedPage) first() uint32 {
	first := never
	for i := range p.len() {
		first = min(first, untilOf(p.entry(i)))
	}
	return first
}

// issuedNode is the pages of the ids with one first byte, by the next five bits.
type issuedNode struct {
	pages [nodePages]issuedPage
	first [nodePages]uint32 // of each page
}

// issuedTable is all entries, and where the earliest of them are: that is how they
// are found when their time is over. All of it but the pages follows from them.
type issuedTable struct {
	nodes  [256]*issuedNode // by the first byte of the id; nil for none
	first  [256]uint32      // of each node
	next   uint32           // of all
	counts [issuedKinds]int
}

// pageOf is the place of an id's page in its node.
func pageOf(id []byte) byte { return id[1] >> 3 }

func newIssuedTable() *issuedTable {
	t := &issuedTable{next: never}
	for i := range t.first {
		t.first[i] = never
	}
	return t
}

func newIssuedNode() *issuedNode {
	n := &issuedNode{}
	for i := range n.first {
		n.first[i] = never
	}
	return n
}

// page is where an id lies, or would; nil where its node has nothing.
func (t *issuedTable) page(id *IssuedID) *issuedPage {
	node := t.nodes[id[0]]
	if node == nil {
		return nil
	}
	return &node.pages[pageOf(id[:])]
}

func (t *issuedTable) get(id *IssuedID) (until uint32, mark issuedMark, found bool) {
	page := t.page(id)
	if page == nil {
		return 0, 0, false
	}
	at, found := page.find(id)
	if !found {
		return 0, 0, false
	}
	e := page.entry(at)
	return untilOf(e), markOf(e), true
}
