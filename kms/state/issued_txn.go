package state

// issuedTxn is the table of entries, open for change. What it made itself since
// the last commit it changes in place; everything else is copied first, because
// readers hold it.
type issuedTxn struct {
	t     *issuedTable
	own   bool      // t was made here
	nodes [256]bool // made here
}

func newIssuedTxn(t *issuedTable) *issuedTxn { return &issuedTxn{t: t} }

// commit gives the table away. The transaction may go on, and copies again.
func (x *issuedTxn) commit() *issuedTable {
	if x.own {
		x.own, x.nodes = false, [256]bool{}
	}
	return x.t
}

func (x *issuedTxn) open(first byte) *issuedNode {
	if !x.own {
		t := *x.t
		x.t, x.own = &t, true
	}
	if !x.nodes[first] {
		n := newIssuedNode()
		if old := x.t.nodes[first]; old != nil {
			*n = *old
		}
		x.t.nodes[first], x.nodes[first] = n, true
	}
	return x.t.nodes[first]
}

// setPage replaces a page and what follows from it.
func (x *issuedTxn) setPage(first, second byte, page issuedPage) {
	n := x.open(first)
	old := n.pages[second]
	x.t.counts[kindOf(first)] += page.len() - old.len()
	n.pages[second], n.first[second] = page, page.first()
	x.settle(first)
}

// settle finds the earliest until of a node, and of all. A node without entries
// goes.
func (x *issuedTxn) settle(first byte) {
	t := x.t
	t.first[first] = lowest(t.nodes[first].first[:])
	if t.first[first] == never {
		t.nodes[first], x.nodes[first] = nil, false
	}
	t.next = lowest(t.first[:])
}

func lowest(all []uint32) uint32 {
	low := never
	for _, v := range all {
		low = min(low, v)
	}
	return low
}

// put enters an entry, and says whether that changed anything. One that is there keeps
// its flags and never loses: its cut-off does not fall, and it does not leave sooner.
func (x *issuedTxn) put(id *IssuedID, until uint32, mark issuedMark) bool {
	var page issuedPage
	if n := x.t.nodes[id[0]]; n != nil {
		page = n.pages[pageOf(id[:])]
	}
	at, found := page.find(id)
	if found {
		e := page.entry(at)
		old := markOf(e)
		until = max(until, untilOf(e))
		mark = (old|mark)&markFlags | issuedMark(max(old.cutOff(), mark.cutOff()))
		if until == untilOf(e) && mark == old {
			return false
		}
	}
	x.setPage(id[0], pageOf(id[:]), page.with(at, found, id, until, mark))
	return true
}

// forgetPages bounds how many pages one command looks through for entries whose
// time is over.
const forgetPages = 64

// forgetIssued removes entries whose time is over by replicated time: in the order
// of the pages, so that it depends on the entries and the time alone. Those that
// wait for a later command are still in force, and refuse what has expired anyway.
func (tx *txn) forgetIssued() {
	now := minutesOver(tx.next.Time)
	left := forgetPages
	for first := 0; tx.issued.t.next <= now && first < 256; first++ {
		for second := 0; tx.issued.t.first[first] <= now && second < nodePages; second++ {
			if tx.issued.t.nodes[first].first[second] > now {
				continue
			}
			if left--; left < 0 {
				return
			}
			page := tx.issued.t.nodes[first].pages[second]
			tx.issued.setPage(byte(first), byte(second), page.after(now))
		}
	}
}

// minutesOver is a time as the highest until that is over by then.
func minutesOver(nanos int64) uint32 {
	return uint32(min(max(nanos, 0)/nanosAMinute, int64(never)-1))
}
