package seal

import (
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/signet-kms/signet/seal/barrier"
	"pgregory.net/rapid"
)

func TestCeremony(t *testing.T) {
	r, shares, b := create(t, 5, 3)
	sealed, err := b.Seal(barrier.Name{Kind: "k"}, []byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	u := NewUnsealing(r)
	if p := u.Progress(); p != (Progress{Threshold: 3, Shares: 5}) {
		t.Fatalf("fresh: %+v", p)
	}
	var nonces []string
	for round := range 2 { // the second after the first was sealed again
		p1, none1 := submit(t, u, shares[4])
		p2, none2 := submit(t, u, shares[0])
		if p1.Submitted != 1 || p2.Submitted != 2 || none1 != nil || none2 != nil {
			t.Fatalf("round %d: %+v %+v", round, p1, p2)
		}
		if len(p1.Nonce) != 32 || p1.Nonce != p2.Nonce || u.Progress() != p2 {
			t.Fatalf("round %d: nonces %q %q", round, p1.Nonce, p2.Nonce)
		}
		p3, opened := submit(t, u, shares[2])
		if p3.Submitted != 3 || p3.Nonce != p1.Nonce || opened == nil {
			t.Fatalf("round %d: %+v", round, p3)
		}
		if got, err := opened.Open(barrier.Name{Kind: "k"}, sealed); err != nil || string(got) != "before" {
			t.Fatalf("round %d: %q, %v", round, got, err)
		}
		if p := u.Progress(); p != (Progress{Threshold: 3, Shares: 5}) {
			t.Fatalf("after: %+v", p)
		}
		nonces = append(nonces, p1.Nonce)
		opened.Wipe()
	}
	if nonces[0] == nonces[1] {
		t.Error("two ceremonies have one nonce")
	}
}

func TestTextForms(t *testing.T) {
	r, shares, _ := create(t, 5, 3)
	s := shares[3]
	for what, text := range map[string]string{
		"hex":         s.Hex(),
		"upper case":  strings.ToUpper(s.Hex()),
		"mixed case":  s.Hex()[:40] + strings.ToUpper(s.Hex()[40:]),
		"base64":      s.Base64(),
		"white space": " \t" + s.Hex() + "\r\n",
		"newlines":    "\n\n" + s.Base64() + "\n",
	} {
		info, err := r.Check(text)
		if err != nil || info != (ShareInfo{Index: 4, Generation: 1}) {
			t.Errorf("%s: %+v, %v", what, info, err)
		}
		u := NewUnsealing(r)
		if p, _, err := u.Submit(text); err != nil || p.Submitted != 1 {
			t.Errorf("%s: %+v, %v", what, p, err)
		}
		for again, text := range map[string]string{"hex": s.Hex(), "base64": s.Base64()} {
			if p, _, err := u.Submit(text); !errors.Is(err, ErrShareRepeated) || p.Submitted != 1 {
				t.Errorf("%s, then %s: %+v, %v", what, again, p, err)
			}
		}
	}
}

// refusals are texts that must be named and not counted, for a 5 of 3 seal with
// share 1 submitted already.
func refusals(t testing.TB, r *Record, shares []Share) map[string]struct {
	text string
	want error
	says string
} {
	_, foreign, _, err := Create(Params{ClusterID: "another-cluster", Shares: 5, Threshold: 3})
	if err != nil {
		t.Fatal(err)
	}
	s, h, b := shares[1], shares[1].Hex(), shares[1].Base64()
	generation := func(g byte) string {
		return rewrite(s, func(raw *shareBytes) { raw[offGeneration+3] = g }).Hex()
	}
	index := func(i byte) string { return rewrite(s, func(raw *shareBytes) { raw[offIndex] = i }).Hex() }
	swapped := []byte(h)
	for i := 30; ; i++ {
		if swapped[i] != swapped[i+1] {
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			break
		}
	}
	return map[string]struct {
		text string
		want error
		says string
	}{
		"repeated":             {shares[0].Hex(), ErrShareRepeated, "(share 1)"},
		"repeated in base64":   {shares[0].Base64(), ErrShareRepeated, "(share 1)"},
		"nothing":              {"", ErrShareLength, "it has 0 characters"},
		"white space":          {" \n\t", ErrShareLength, "it has 0 characters"},
		"hex cut by one":       {h[:95], ErrShareLength, "it has 95 characters; a share has 96 in hex, 64 in base64"},
		"hex cut by a byte":    {h[:94], ErrShareLength, "it has 94 characters"},
		"hex cut to 64":        {h[:64], ErrShareLength, "it has 64 characters"},
		"hex cut in front":     {h[2:], ErrShareLength, "it has 94 characters"},
		"hex too long":         {h + "00", ErrShareLength, "it has 98 characters"},
		"hex twice":            {h + h, ErrShareLength, "it has 192 characters"},
		"base64 cut by one":    {b[:63], ErrShareLength, "it has 63 characters"},
		"base64 cut by four":   {b[:60], ErrShareLength, "it has 60 characters"},
		"base64 too long":      {b + "AAAA", ErrShareLength, "it has 68 characters"},
		"a flood":              {strings.Repeat("a", 1<<20), ErrShareLength, "it has 1048576 bytes"},
		"stray in hex":         {h[:16] + "g" + h[17:], ErrShareEncoding, "(character 17 of 96)"},
		"O for 0":              {h[:1] + "O" + h[2:], ErrShareEncoding, "(character 2 of 96)"},
		"stray and short":      {h[:16] + "g" + h[17:90], ErrShareEncoding, "(character 17 of 90)"},
		"stray in base64":      {b[:16] + "!" + b[17:], ErrShareEncoding, "(character 17 of 64)"},
		"url-safe base64":      {b[:16] + "_" + b[17:], ErrShareEncoding, "(character 17 of 64)"},
		"padded base64":        {b + "==", ErrShareEncoding, "(character 65 of 66)"},
		"broken line":          {h[:48] + "\n" + h[48:], ErrShareEncoding, "(character 49 of 97)"},
		"broken base64 line":   {b[:32] + "\n" + b[32:], ErrShareEncoding, "(character 33 of 65)"},
		"not ASCII":            {h[:16] + "é" + h[17:], ErrShareEncoding, "(character 17 of 96)"},
		"prefix":               {"0x" + h, ErrShareEncoding, "(character 2 of 98)"},
		"swapped characters":   {string(swapped), ErrShareDamaged, "it calls itself share 2"},
		"implausible index":    {h[:22] + "00" + h[24:], ErrShareDamaged, "the original"},
		"noise":                {strings.Repeat("5a", 48), ErrShareDamaged, ""},
		"newer layout":         {rewrite(s, func(raw *shareBytes) { raw[0] = 2 }).Hex(), ErrShareVersion, "share version 2"},
		"another cluster":      {foreign[1].Hex(), ErrShareForeign, "this cluster's is " + hex.EncodeToString(clusterTag(testCluster))},
		"older generation":     {generation(0), ErrShareGeneration, "share 2 is of generation 0, wanted is 1"},
		"newer generation":     {generation(2), ErrShareGeneration, "share 2 is of generation 2, wanted is 1"},
		"index 0":              {index(0), ErrShareIndex, "share 0, there are 5"},
		"index n+1":            {index(6), ErrShareIndex, "share 6, there are 5"},
		"index 255":            {index(255), ErrShareIndex, "share 255, there are 5"},
		"another's index":      {index(3), ErrShareWrong, "it calls itself share 3"},
		"forged value":         {rewrite(s, func(raw *shareBytes) { raw[offValue] ^= 1 }).Hex(), ErrShareWrong, "it calls itself share 2"},
		"forged repeated":      {rewrite(shares[0], func(raw *shareBytes) { raw[offValue] ^= 1 }).Hex(), ErrShareWrong, "share 1"},
		"value not canonical":  {rewrite(s, func(raw *shareBytes) { raw[offSum-1] |= 0xf0 }).Hex(), ErrShareWrong, "share 2"},
		"a share of only zero": {strings.Repeat("0", 96), ErrShareDamaged, ""},
	}
}

func TestBadSharesAreNamedAndNotCounted(t *testing.T) {
	r, shares, _ := create(t, 5, 3)
	u := NewUnsealing(r)
	before, _ := submit(t, u, shares[0])
	for what, c := range refusals(t, r, shares) {
		p, b, err := u.Submit(c.text)
		if !errors.Is(err, c.want) || !named(err) {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s does not say %q: %v", what, c.says, err)
		}
		if p != before || b != nil {
			t.Errorf("%s changed the progress: %+v", what, p)
		}
		// No run of the text that is long enough to matter comes back.
		for i := 0; i+8 <= len(c.text) && len(c.text) < 200; i++ {
			if run := c.text[i : i+8]; strings.Contains(strings.ToLower(err.Error()), strings.ToLower(run)) && what != "another cluster" {
				t.Errorf("%s echoes the share: %v", what, err)
			}
		}
		if c.want == ErrShareRepeated {
			continue
		}
		if info, err := r.Check(c.text); !errors.Is(err, c.want) || info != (ShareInfo{}) {
			t.Errorf("Check, %s: %v", what, err)
		}
	}
	submit(t, u, shares[3])
	if _, b := submit(t, u, shares[4]); b == nil {
		t.Error("the right shares do not unseal any more")
	}
}

// TestEveryCharacterCounts flips each character of both texts.
func TestEveryCharacterCounts(t *testing.T) {
	r, shares, _ := create(t, 5, 3)
	u := NewUnsealing(r)
	before, _ := submit(t, u, shares[0])
	for form, c := range map[string]struct{ text, alphabet string }{
		"hex":    {shares[1].Hex(), "0123456789abcdefABCDEFgOl -=\n\x00"},
		"base64": {shares[1].Base64(), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_= !\n\x00"},
	} {
		for i := range c.text {
			for _, other := range c.alphabet {
				if string(other) == c.text[i:i+1] || form == "hex" && strings.EqualFold(string(other), c.text[i:i+1]) {
					continue
				}
				bad := c.text[:i] + string(other) + c.text[i+1:]
				p, b, err := u.Submit(bad)
				if !named(err) || p != before || b != nil {
					t.Fatalf("%s, character %d as %q: %+v, %v", form, i+1, other, p, err)
				}
			}
			cut := c.text[:i] + c.text[i+1:]
			if p, _, err := u.Submit(cut); !errors.Is(err, ErrShareLength) || p != before {
				t.Fatalf("%s without character %d: %+v, %v", form, i+1, p, err)
			}
			cut = c.text[:i]
			if p, _, err := u.Submit(cut); !errors.Is(err, ErrShareLength) || p != before {
				t.Fatalf("%s cut to %d: %+v, %v", form, i, p, err)
			}
		}
	}
}

func TestAnyKSharesUnseal(t *testing.T) {
	type made struct {
		r      *Record
		shares []Share
		b      *barrier.Barrier
	}
	seals := map[[2]int]made{}
	for n := 2; n <= 6; n++ {
		for k := 2; k <= n; k++ {
			r, s, b := create(t, n, k)
			seals[[2]int{n, k}] = made{r, s, b}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 6).Draw(t, "n")
		k := rapid.IntRange(2, n).Draw(t, "k")
		m := seals[[2]int{n, k}]
		order := rapid.Permutation(m.shares).Draw(t, "order")
		u := NewUnsealing(m.r)
		for i, s := range order[:k] {
			text := s.Hex()
			if rapid.Bool().Draw(t, "base64") {
				text = s.Base64()
			}
			if rapid.Bool().Draw(t, "repeat") && i > 0 {
				if p, b, err := u.Submit(order[0].Hex()); !errors.Is(err, ErrShareRepeated) || b != nil || p.Submitted != i {
					t.Fatalf("repeated: %+v, %v", p, err)
				}
			}
			p, b, err := u.Submit(text)
			if err != nil || p.Submitted != i+1 {
				t.Fatalf("share %d: %+v, %v", s.Index(), p, err)
			}
			if (b != nil) != (i == k-1) {
				t.Fatalf("%d of %d shares: opened %v", i+1, k, b != nil)
			}
			if b == nil {
				continue
			}
			x, err1 := b.Barrier().Derive("x")
			y, err2 := m.b.Derive("x")
			if err1 != nil || err2 != nil || string(x) != string(y) {
				t.Fatal("another barrier")
			}
		}
	})
}

// TestKMinusOneGiveNothing: not by submission, and not with a record that was
// altered to ask for fewer.
func TestKMinusOneGiveNothing(t *testing.T) {
	r, shares, _ := create(t, 5, 3)
	u := NewUnsealing(r)
	for range 4 {
		for _, s := range shares[:2] {
			if p, b, _ := u.Submit(s.Hex()); b != nil || p.Submitted > 2 {
				t.Fatalf("two shares: %+v", p)
			}
		}
	}
	weaker := r.clone()
	weaker.Threshold = 2
	u = NewUnsealing(weaker)
	submit(t, u, shares[0])
	p, b, err := u.Submit(shares[1].Hex())
	if !errors.Is(err, ErrRecordDamaged) || b != nil {
		t.Fatalf("with a lower threshold: %v", err)
	}
	if p.Submitted != 0 || p.Nonce != "" {
		t.Errorf("progress after a damaged record: %+v", p)
	}
}

func TestSharesAreOverwritten(t *testing.T) {
	r, shares, _ := create(t, 3, 2)
	u := NewUnsealing(r)
	collect := func() (held []*shareBytes) {
		for _, raw := range u.hidden().values {
			held = append(held, raw)
		}
		return held
	}
	wiped := func(what string, held []*shareBytes) {
		t.Helper()
		if len(held) != 1 || *held[0] != (shareBytes{}) {
			t.Errorf("%s left a share in memory", what)
		}
	}
	submit(t, u, shares[0])
	held := collect()
	u.Reset()
	wiped("Reset", held)
	if p := u.Progress(); p.Submitted != 0 || p.Nonce != "" {
		t.Errorf("after Reset: %+v", p)
	}
	submit(t, u, shares[0])
	held = collect()
	submit(t, u, shares[1])
	wiped("success", held)

	text := shares[2].Hex()
	shares[2].Wipe()
	if shares[2].Hex() != strings.Repeat("0", 96) || shares[2].Index() != 0 || shares[2].Hex() == text {
		t.Error("Wipe left the share")
	}
	var zero Share
	zero.Wipe()
	if zero.Index() != 0 {
		t.Error("the zero Share has an index")
	}
}

// TestConcurrentHolders: of all holders at once exactly k count.
func TestConcurrentHolders(t *testing.T) {
	r, shares, _ := create(t, 6, 6)
	u := NewUnsealing(r)
	var wg sync.WaitGroup
	var mu sync.Mutex
	opened := 0
	for _, s := range shares {
		for range 2 {
			wg.Go(func() {
				_, b, err := u.Submit(s.Hex())
				if err != nil && !errors.Is(err, ErrShareRepeated) {
					t.Error(err)
				}
				u.Progress()
				if b != nil {
					mu.Lock()
					opened++
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	if opened != 1 {
		t.Errorf("opened %d times", opened)
	}
}
