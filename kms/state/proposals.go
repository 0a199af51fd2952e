package state

import (
	"bytes"
	"encoding/binary"

	iradix "github.com/hashicorp/go-immutable-radix/v2"
)

// The proposals of the last minutes, in the order in which they were applied. They
// are asked for only by a command that says that it comes again, which is rare, and
// written with every command, which is not: so they are kept to be cheap to write,
// to drop and to read from a snapshot, and are searched one by one.
//
// They lie in pages of up to proposalPage, the last of which is replaced with each
// batch of commands: a page that a txn made is its own until it commits. On the page
// a proposal is: its time, 8 bytes big endian; the length of its id, one byte, and
// the id; the length of its refusal as an unsigned varint, and the refusal, empty if
// it took effect.
type proposalChunk struct {
	Number  uint64 `codec:"n"` // rises by one from page to page
	Count   int    `codec:"c"`
	Last    int64  `codec:"t"` // time of the last one on it
	Records []byte `codec:"r"`
}

const (
	proposalPage = 64
	proposalKept = 10 * 60 * 1e9 // nanoseconds; a node gives a proposal up long before
	maxProposal  = 255           // bytes of an id
)

func chunkPath(number uint64) []byte { return binary.BigEndian.AppendUint64(nil, number) }

// addProposal remembers what became of a proposal.
func (tx *txn) addProposal(id []byte, refusal Refusal) {
	page := tx.page
	if page == nil || page.Count >= proposalPage {
		page = tx.nextPage()
	}
	page.Count, page.Last = page.Count+1, tx.next.Time
	page.Records = binary.BigEndian.AppendUint64(page.Records, uint64(tx.next.Time))
	page.Records = append(page.Records, byte(len(id)))
	page.Records = append(page.Records, id...)
	page.Records = binary.AppendUvarint(page.Records, uint64(len(refusal)))
	page.Records = append(page.Records, refusal...)
}

// proposalRoom is about what a proposal takes on a page, in bytes.
const proposalRoom = 8 + 1 + 16 + 1

// nextPage makes the page that takes the next proposal: a copy of the last one, which
// views have, or one behind it if that is full.
func (tx *txn) nextPage() *proposalChunk {
	page := &proposalChunk{Number: 1, Records: make([]byte, 0, proposalPage*proposalRoom)}
	if _, last, ok := tx.proposals.Root().Maximum(); ok {
		page.Number = last.Number + 1
		if last.Count < proposalPage {
			page.Number, page.Count = last.Number, last.Count
			page.Records = append(page.Records, last.Records...)
		}
	}
	tx.proposals.Insert(chunkPath(page.Number), page)
	tx.page = page
	return page
}

// findProposal says what became of a proposal, if it is known.
func (tx *txn) findProposal(id []byte) (refusal Refusal, known bool) {
	tx.proposals.Root().Walk(func(_ []byte, page *proposalChunk) bool {
		_ = page.each(func(at int64, other []byte, said Refusal) {
			if at > tx.next.Time-proposalKept && bytes.Equal(other, id) {
				refusal, known = said, true
			}
		})
		return known
	})
	return refusal, known
}

// each calls fn for each proposal of a page. Error: a *Corruption.
func (p *proposalChunk) each(fn func(at int64, id []byte, refusal Refusal)) error {
	b := p.Records
	for range p.Count {
		if len(b) < 9 || len(b) < 9+int(b[8]) {
			return corrupt("a page of proposals is cut short")
		}
		at, id := int64(binary.BigEndian.Uint64(b)), b[9:9+int(b[8])]
		b = b[9+len(id):]
		n, width := binary.Uvarint(b)
		if width <= 0 || n > uint64(len(b)-width) {
			return corrupt("a page of proposals is cut short")
		}
		fn(at, id, Refusal(b[width:width+int(n)]))
		b = b[width+int(n):]
	}
	if len(b) != 0 {
		return corrupt("a page of proposals is too long")
	}
	return nil
}

// forgetProposals drops the pages on which nothing is worth keeping.
func (tx *txn) forgetProposals() {
	for range forgetAtOnce {
		path, page, ok := tx.proposals.Root().Minimum()
		if !ok || page.Last > tx.next.Time-proposalKept {
			return
		}
		tx.proposals.Delete(path)
		if page == tx.page {
			tx.page = nil
		}
	}
}

// countProposals is how many proposals t holds.
func countProposals(t *iradix.Tree[*proposalChunk]) (n int) {
	t.Root().Walk(func(_ []byte, p *proposalChunk) bool { n += p.Count; return false })
	return n
}
