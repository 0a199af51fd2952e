package state

import (
	"bytes"

	"github.com/hashicorp/go-msgpack/v2/codec"
)

// In a snapshot the entries about tokens are one text of bytes for each first byte
// of their ids: the pages behind each other, which is the entries in the order of
// their ids.

// issuedNodes is how many texts of entries there are.
func (s *State) issuedNodes() (n int) {
	for _, node := range s.issued.nodes {
		if node != nil {
			n++
		}
	}
	return n
}

func writeIssued(enc *codec.Encoder, t *issuedTable) error {
	var buf []byte
	for _, node := range t.nodes {
		if node == nil {
			continue
		}
		buf = buf[:0]
		for _, page := range node.pages {
			buf = append(buf, page.rows...)
		}
		if err := enc.Encode(buf); err != nil {
			return err
		}
	}
	return nil
}

// readIssued reads what writeIssued wrote. It refuses whatever writeIssued does
// not write: an order or a mark that no entry has. Error: a *Corruption.
func (tx *txn) readIssued(dec *codec.Decoder, count int, run Runner) error {
	if count < 0 || count > 256 {
		return corrupt("%d texts of entries about tokens", count)
	}
	tables, errs, work := make([]*issuedNode, count), make([]error, count), make([]func(), count)
	firsts := make([]byte, count)
	last := -1
	for i := range count {
		var b []byte
		if err := decodeNext(dec, &b); err != nil {
			return err
		}
		if len(b) == 0 || len(b)%issuedSize != 0 || int(b[0]) <= last {
			return corrupt("a text of entries about tokens is cut short or out of order")
		}
		last, firsts[i] = int(b[0]), b[0]
		work[i] = func() { tables[i], errs[i] = readIssuedNode(b) }
	}
	run(work...)
	for i, node := range tables {
		if errs[i] != nil {
			return errs[i]
		}
		tx.issued.adopt(firsts[i], node)
	}
	return nil
}

func readIssuedNode(b []byte) (*issuedNode, error) {
	n := newIssuedNode()
	all := issuedPage{rows: b}
	from := 0
	for i := range len(b) / issuedSize {
		e := all.entry(i)
		if e[0] != b[0] || i > 0 && bytes.Compare(all.entry(i - 1)[:16], e[:16]) >= 0 {
			return nil, corrupt("entries about tokens are out of order")
		}
		if !markOf(e).valid(kindOf(e[0])) || untilOf(e) == never {
			return nil, corrupt("an entry about a token that none can be")
		}
		if last := (i+1)*issuedSize == len(b); last || pageOf(all.entry(i+1)) != pageOf(e) {
			page := newIssuedPage(bytes.Clone(b[from*issuedSize : (i+1)*issuedSize]))
			n.pages[pageOf(e)], n.first[pageOf(e)] = page, page.first()
			from = i + 1
		}
	}
	return n, nil
}

// adopt enters a whole node.
func (x *issuedTxn) adopt(first byte, n *issuedNode) {
	x.open(first)
	x.t.nodes[first] = n
	for i := range n.pages {
		x.t.counts[kindOf(first)] += n.pages[i].len()
	}
	x.settle(first)
}
