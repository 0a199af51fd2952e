package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/signet-kms/signet/seal/barrier"
)

func createOpened(t testing.TB, n, k int) (*Record, []Share, *Opened) {
	t.Helper()
	r, shares, opened, err := Create(Params{ClusterID: testCluster, Shares: n, Threshold: k, Now: 1_700_000_000_000_000_000})
	if err != nil {
		t.Fatal(err)
	}
	return r, shares, opened
}

func nextTerm(t testing.TB, o *Opened) *Record {
	t.Helper()
	r, err := o.NextTerm(1_700_000_001_000_000_000)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The shares stay what they were: each record of the chain opens with them.
func TestTermsRotateUnderTheSameShares(t *testing.T) {
	first, shares, opened := createOpened(t, 5, 3)
	b := opened.Barrier()
	n := barrier.Name{Kind: "command"}
	chain := []*Record{first}
	var sealed [][]byte
	var macs [][]byte
	for i := range 4 {
		out, err := b.Seal(n, []byte(fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		mac, err := chain[i].MAC(b)
		if err != nil {
			t.Fatal(err)
		}
		sealed, macs = append(sealed, out), append(macs, mac)
		next := nextTerm(t, opened)
		if b.Term() != uint64(i+1) {
			t.Fatalf("term %d before the record is adopted", b.Term())
		}
		if err := opened.Adopt(next); err != nil {
			t.Fatal(err)
		}
		if b.Term() != uint64(i+2) || opened.Barrier() != b {
			t.Fatalf("term %d after %d rotations", b.Term(), i+1)
		}
		same := next.clone()
		same.Wrapped = first.Wrapped
		if !reflect.DeepEqual(same, first) {
			t.Fatalf("more than the term store changed: %+v", next)
		}
		chain = append(chain, next)
	}
	for i, r := range chain {
		u := NewUnsealing(r)
		var again *Opened
		for _, s := range shares[i%3 : i%3+3] {
			_, o, err := u.Submit(s.Base64())
			if err != nil {
				t.Fatal(err)
			}
			again = o
		}
		if again.Barrier().Term() != uint64(i+1) {
			t.Errorf("record %d opens to term %d", i, again.Barrier().Term())
		}
		for j := range sealed {
			got, err := again.Barrier().Open(n, sealed[j])
			if j <= i && (err != nil || string(got) != fmt.Sprint(j)) || j > i && !errors.Is(err, barrier.ErrUnknownTerm) {
				t.Errorf("value of term %d under record %d: %q, %v", j+1, i, got, err)
			}
			if err := chain[j].VerifyMAC(again.Barrier(), macs[j]); j <= i && err != nil {
				t.Errorf("code of record %d under record %d: %v", j, i, err)
			}
		}
	}
}

func TestAdoptRefuses(t *testing.T) {
	first, _, opened := createOpened(t, 3, 2)
	_, _, foreign, err := Create(Params{ClusterID: "another-cluster", Shares: 3, Threshold: 2})
	if err != nil {
		t.Fatal(err)
	}
	_, _, sameName := createOpened(t, 3, 2) // of this cluster's id, another root
	good := nextTerm(t, opened)
	change := func(f func(r *Record)) *Record {
		r := good.clone()
		f(r)
		return r
	}
	wrap := func(f func(ts *barrier.TermStore)) *Record {
		return change(func(r *Record) {
			s := opened.opened()
			ts, err := s.record.unwrap(s.root)
			if err != nil {
				t.Fatal(err)
			}
			f(ts)
			binding, err := r.binding()
			if err != nil {
				t.Fatal(err)
			}
			if r.Wrapped, err = ts.Wrap(s.root, binding); err != nil {
				t.Fatal(err)
			}
		})
	}
	fresh, err := barrier.NewTermStore(5)
	if err != nil {
		t.Fatal(err)
	}
	if err := fresh.AddTerm(6); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		r    *Record
		want error
		says string
	}{
		"the same record":     {first, ErrNotSuccessor, "the same record"},
		"another cluster":     {nextTerm(t, foreign), ErrNotSuccessor, "cluster id differs"},
		"another root":        {change(func(r *Record) { r.Wrapped = nextTerm(t, sameName).Wrapped }), ErrRecordDamaged, ""},
		"another seal":        {nextTerm(t, sameName), ErrNotSuccessor, "commitments differs"},
		"changed commitments": {change(func(r *Record) { r.Commitments[1][0] ^= 1 }), ErrNotSuccessor, "commitments differs"},
		"changed threshold":   {change(func(r *Record) { r.Threshold = 3 }), ErrNotSuccessor, "threshold differs"},
		"changed generation":  {change(func(r *Record) { r.Generation = 2 }), ErrNotSuccessor, "generation differs"},
		"changed creation":    {change(func(r *Record) { r.Created++ }), ErrNotSuccessor, "time of creation differs"},
		"fewer shares":        {change(func(r *Record) { r.Shares, r.Commitments = 2, r.Commitments[:2] }), ErrNotSuccessor, "number of shares differs"},
		"none":                {nil, ErrRecord, "there is none"},
		"another type":        {change(func(r *Record) { r.Type = "pkcs11" }), ErrRecord, "seal type"},
		"flipped bit":         {change(func(r *Record) { r.Wrapped[40] ^= 1 }), ErrRecordDamaged, ""},
		"cut":                 {change(func(r *Record) { r.Wrapped = r.Wrapped[:20] }), ErrRecordDamaged, ""},
		"no new term":         {wrap(func(*barrier.TermStore) {}), ErrNotSuccessor, "missing, exchanged or skipped"},
		"two new terms":       {wrap(func(ts *barrier.TermStore) { _ = ts.AddTerm(1); _ = ts.AddTerm(2) }), ErrNotSuccessor, "missing, exchanged or skipped"},
		"terms exchanged":     {wrap(func(ts *barrier.TermStore) { *ts = *fresh }), ErrNotSuccessor, "missing, exchanged or skipped"},
	} {
		err := opened.Adopt(c.r)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
		if opened.Barrier().Term() != 1 || opened.opened().record.Wrapped == nil || !bytes.Equal(opened.opened().record.Wrapped, first.Wrapped) {
			t.Fatalf("%s changed what is open", what)
		}
	}
	other := nextTerm(t, opened) // made from the same record, with the same number
	if err := opened.Adopt(good); err != nil {
		t.Fatal(err)
	}
	if err := opened.Adopt(other); !errors.Is(err, ErrNotSuccessor) || opened.Barrier().Term() != 2 {
		t.Errorf("a second record with the number of the first: %v", err)
	}
	if err := opened.Adopt(first); !errors.Is(err, ErrNotSuccessor) || opened.Barrier().Term() != 2 {
		t.Errorf("back to the first record: %v", err)
	}
}

func TestReachAndBeside(t *testing.T) {
	first, shares, opened := createOpened(t, 3, 2)
	u := NewUnsealing(first)
	submit(t, u, shares[0])
	_, late, err := u.Submit(shares[1].Hex())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := opened.Adopt(nextTerm(t, opened)); err != nil {
			t.Fatal(err)
		}
	}
	newest := opened.opened().record
	beside, err := late.Beside(newest)
	if err != nil || beside.Barrier().Term() != 4 || late.Barrier().Term() != 1 {
		t.Fatalf("beside: %v", err)
	}
	if !same(t, beside.Barrier(), opened.Barrier()) {
		t.Error("beside has other keys")
	}
	beside.Wipe()
	for range 2 { // the second time there is nothing new
		if err := late.Reach(newest); err != nil || late.Barrier().Term() != 4 {
			t.Fatalf("reach: term %d, %v", late.Barrier().Term(), err)
		}
	}
	if !same(t, late.Barrier(), opened.Barrier()) {
		t.Error("after reaching it has other keys")
	}
	if err := late.Reach(first); !errors.Is(err, ErrNotSuccessor) || late.Barrier().Term() != 4 {
		t.Errorf("back: %v", err)
	}
	_, _, foreign := createOpened(t, 3, 2)
	for what, err := range map[string]error{
		"reach":  late.Reach(nextTerm(t, foreign)),
		"beside": func() error { _, err := late.Beside(nextTerm(t, foreign)); return err }(),
	} {
		if !errors.Is(err, ErrNotSuccessor) {
			t.Errorf("%s a record of another seal: %v", what, err)
		}
	}
}

func TestWipedOpened(t *testing.T) {
	first, _, opened := createOpened(t, 3, 2)
	next := nextTerm(t, opened)
	root := opened.opened().root
	if bytes.Equal(root, make([]byte, rootSize)) || len(root) != rootSize {
		t.Fatalf("a root key of %d bytes", len(root))
	}
	opened.Wipe()
	opened.Wipe()
	if !bytes.Equal(root, make([]byte, rootSize)) {
		t.Error("the root key is still in memory")
	}
	for what, o := range map[string]*Opened{"wiped": opened, "zero": {}, "nil": nil} {
		_, nextErr := o.NextTerm(1)
		_, besideErr := o.Beside(first)
		_, sealErr := o.Barrier().Seal(barrier.Name{Kind: "k"}, nil)
		for i, err := range []error{nextErr, besideErr, sealErr, o.Adopt(next), o.Reach(next)} {
			if !errors.Is(err, barrier.ErrWiped) {
				t.Errorf("%s, call %d: %v", what, i, err)
			}
		}
		o.Wipe()
	}
}

// What did not open leaves no root key behind either.
func TestFailedOpenLeavesNoRoot(t *testing.T) {
	r, _, opened := createOpened(t, 3, 2)
	r.Wrapped[0] ^= 1
	root := bytes.Clone(opened.opened().root)
	if _, err := openRecord(r, root); !errors.Is(err, ErrRecordDamaged) {
		t.Fatal(err)
	}
	if o, err := opened.Beside(r); !errors.Is(err, ErrRecordDamaged) || o != nil {
		t.Fatal(err)
	}
}

func TestRotationsAmongEachOther(t *testing.T) {
	_, _, opened := createOpened(t, 3, 2)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				next, err := opened.NextTerm(1)
				if err == nil {
					err = opened.Adopt(next)
				}
				if err != nil && !errors.Is(err, ErrNotSuccessor) {
					t.Error(err)
				}
				if _, err := opened.Barrier().Seal(barrier.Name{Kind: "k"}, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if term := opened.Barrier().Term(); term < 2 || term > 41 {
		t.Errorf("term %d", term)
	}
}

func TestRootKeyIsNotPrinted(t *testing.T) {
	_, _, opened := createOpened(t, 3, 2)
	root := opened.opened().root
	type nested struct {
		o Opened
		p *Opened
	}
	for name, v := range map[string]any{
		"Opened": *opened, "*Opened": opened, "slice": []*Opened{opened}, "nested": nested{*opened, opened}, "nested by *": &nested{*opened, opened},
	} {
		var outs []string
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%U", "%p", "%t"} {
			outs = append(outs, fmt.Sprintf(verb, v))
		}
		js, _ := json.Marshal(v)
		outs = append(outs, string(js))
		for _, out := range outs {
			for _, form := range []string{
				string(root), hex.EncodeToString(root[:8]), strings.ToUpper(hex.EncodeToString(root[:8])),
				base64.StdEncoding.EncodeToString(root)[:10], strings.Trim(fmt.Sprint(root[:4]), "[]"),
			} {
				if strings.Contains(out, form) {
					t.Errorf("%s printed the root key: %s", name, out)
				}
			}
		}
	}
	for _, v := range []any{*opened, opened} {
		if got := fmt.Sprintf("%v|%+v|%#v|%s|%q|%d", v, v, v, v, v, v); strings.Count(got, redactedText) != 6 {
			t.Errorf("%T: %s", v, got)
		}
		if _, err := json.Marshal(v); err == nil {
			t.Errorf("%T became JSON", v)
		}
	}
}
