package shamir

import (
	"bytes"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/cloudflare/circl/group"
	"pgregory.net/rapid"
)

// order is that of Ristretto255: 2^252 + 27742317777372353535851937790883648493.
var order, _ = new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)

func number(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

func encode(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, Size))
	slices.Reverse(b)
	return b
}

// interpolate evaluates at x the polynomial through the points, with math/big:
// an implementation that shares nothing with the library.
func interpolate(x int64, xs []int64, ys []*big.Int) *big.Int {
	sum := new(big.Int)
	for j := range xs {
		num, den := big.NewInt(1), big.NewInt(1)
		for i := range xs {
			if i != j {
				num.Mod(num.Mul(num, big.NewInt(x-xs[i])), order)
				den.Mod(den.Mul(den, big.NewInt(xs[j]-xs[i])), order)
			}
		}
		num.Mul(num, den.ModInverse(den, order))
		sum.Mod(sum.Add(sum, num.Mul(num, ys[j])), order)
	}
	return sum
}

// params draws possible n and k.
func params(t *rapid.T) (n, k int) {
	n = rapid.IntRange(2, 12).Draw(t, "n")
	return n, rapid.IntRange(2, n).Draw(t, "k")
}

// subset draws m of the indexes 1..n, in any order.
func subset(t *rapid.T, n, m int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i + 1
	}
	return rapid.Permutation(all).Draw(t, "order")[:m]
}

func pick(values [][]byte, indexes []int) (out [][]byte) {
	for _, i := range indexes {
		out = append(out, values[i-1])
	}
	return out
}

func TestAnyKRecover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, k := params(t)
		secret, values, err := Split(n, k)
		if err != nil {
			t.Fatal(err)
		}
		if len(values) != n {
			t.Fatalf("%d values", len(values))
		}
		indexes := subset(t, n, rapid.IntRange(k, n).Draw(t, "m"))
		got, err := Recover(k, indexes, pick(values, indexes))
		if err != nil || !bytes.Equal(got, secret) {
			t.Fatalf("recovered %v, %v", bytes.Equal(got, secret), err)
		}
		var xs []int64
		var ys []*big.Int
		for _, i := range indexes {
			xs, ys = append(xs, int64(i)), append(ys, number(values[i-1]))
		}
		if interpolate(0, xs, ys).Cmp(number(secret)) != 0 {
			t.Fatal("plain arithmetic gives another secret")
		}
	})
}

// TestKMinusOneFitEverySecret is secrecy itself: whatever secret one guesses,
// some k-th share makes k-1 given shares agree with the guess.
func TestKMinusOneFitEverySecret(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, k := params(t)
		secret, values, err := Split(n, k)
		if err != nil {
			t.Fatal(err)
		}
		indexes := subset(t, n, k)
		guess := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 40, 40).Draw(t, "guess"))
		guess.Add(guess.Mod(guess, new(big.Int).Sub(order, big.NewInt(1))), big.NewInt(1))
		xs, ys := []int64{0}, []*big.Int{guess}
		for _, i := range indexes[:k-1] {
			xs, ys = append(xs, int64(i)), append(ys, number(values[i-1]))
		}
		last := encode(interpolate(int64(indexes[k-1]), xs, ys))
		got, err := Recover(k, indexes, append(pick(values, indexes[:k-1]), last))
		if err != nil || !bytes.Equal(got, encode(guess)) {
			t.Fatalf("k-1 shares rule out a secret: %v", err)
		}
		if _, err := Recover(k, indexes[:k-1], pick(values, indexes[:k-1])); !errors.Is(err, ErrTooFew) {
			t.Fatalf("k-1 shares: %v", err)
		}
		// As a sharing with a lower threshold they give something, not the secret.
		if got, err := Recover(k-1, indexes[:k-1], pick(values, indexes[:k-1])); err == nil && bytes.Equal(got, secret) {
			t.Fatal("k-1 shares give the secret")
		}
	})
}

// TestValuesLookRandom compares the low byte of a share with chance, alone and
// against the secret. The bound is 8 standard deviations above the mean.
func TestValuesLookRandom(t *testing.T) {
	const rounds = 8192
	var alone, joint [256]float64
	for range rounds {
		secret, values, err := Split(2, 2)
		if err != nil {
			t.Fatal(err)
		}
		alone[values[0][0]]++
		joint[values[0][0]^secret[0]]++
	}
	for what, counts := range map[string][256]float64{"share": alone, "share against secret": joint} {
		chi := 0.0
		for _, c := range counts {
			d := c - rounds/256
			chi += d * d / (rounds / 256)
		}
		if chi > 255+8*22.6 {
			t.Errorf("%s: chi square %.0f over 255 degrees of freedom", what, chi)
		}
	}
}

func TestLargest(t *testing.T) {
	secret, values, err := Split(MaxShares, MaxShares)
	if err != nil {
		t.Fatal(err)
	}
	indexes := make([]int, MaxShares)
	for i := range indexes {
		indexes[i] = i + 1
	}
	got, err := Recover(MaxShares, indexes, values)
	if err != nil || !bytes.Equal(got, secret) {
		t.Fatal("255 of 255 do not recover", err)
	}
}

func TestOneOfOne(t *testing.T) {
	secret, values, err := Split(1, 1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Recover(1, []int{1}, values)
	if err != nil || !bytes.Equal(got, secret) {
		t.Fatal("1 of 1 does not recover", err)
	}
}

func TestBadParams(t *testing.T) {
	for _, c := range []struct{ n, k int }{
		{0, 0}, {0, 1}, {1, 0}, {5, 0}, {5, -1}, {-1, -1}, {5, 6}, {1, 2}, {5, 1}, {2, 1}, {255, 1}, {256, 3}, {256, 256}, {1 << 40, 2},
	} {
		if err := Check(c.n, c.k); !errors.Is(err, ErrParams) {
			t.Errorf("Check %d of %d: %v", c.k, c.n, err)
		}
		if _, _, err := Split(c.n, c.k); !errors.Is(err, ErrParams) {
			t.Errorf("Split %d of %d: %v", c.k, c.n, err)
		}
	}
	for _, c := range []struct{ n, k int }{{1, 1}, {2, 2}, {5, 3}, {255, 2}, {255, 255}} {
		if err := Check(c.n, c.k); err != nil {
			t.Errorf("Check %d of %d: %v", c.k, c.n, err)
		}
	}
}

func TestRecoverRefuses(t *testing.T) {
	_, v, err := Split(5, 3)
	if err != nil {
		t.Fatal(err)
	}
	highBit := bytes.Clone(v[1])
	highBit[31] |= 0x80
	for what, c := range map[string]struct {
		k       int
		indexes []int
		values  [][]byte
		want    error
	}{
		"threshold 0":       {0, []int{1, 2, 3}, v[:3], ErrParams},
		"threshold -1":      {-1, nil, nil, ErrParams},
		"threshold 256":     {256, []int{1, 2, 3}, v[:3], ErrParams},
		"nothing":           {3, nil, nil, ErrTooFew},
		"two of three":      {3, []int{1, 2}, v[:2], ErrTooFew},
		"index missing":     {3, []int{1, 2}, v[:3], ErrTooFew},
		"repeated":          {3, []int{1, 2, 1}, [][]byte{v[0], v[1], v[0]}, ErrRepeated},
		"repeated, changed": {3, []int{1, 2, 1}, [][]byte{v[0], v[1], v[4]}, ErrRepeated},
		"repeated beyond k": {3, []int{1, 2, 3, 3}, [][]byte{v[0], v[1], v[2], v[2]}, ErrRepeated},
		"index 0":           {3, []int{1, 2, 0}, v[:3], ErrIndex},
		"index -1":          {3, []int{1, 2, -1}, v[:3], ErrIndex},
		"index 256":         {3, []int{1, 2, 256}, v[:3], ErrIndex},
		"short value":       {3, []int{1, 2, 3}, [][]byte{v[0], v[1][:31], v[2]}, ErrValue},
		"long value":        {3, []int{1, 2, 3}, [][]byte{v[0], append(bytes.Clone(v[1]), 0), v[2]}, ErrValue},
		"empty value":       {3, []int{1, 2, 3}, [][]byte{v[0], nil, v[2]}, ErrValue},
		"high bit":          {3, []int{1, 2, 3}, [][]byte{v[0], highBit, v[2]}, ErrValue},
		"the order":         {3, []int{1, 2, 3}, [][]byte{v[0], encode(order), v[2]}, ErrValue},
		"all ones":          {3, []int{1, 2, 3}, [][]byte{v[0], bytes.Repeat([]byte{0xff}, Size), v[2]}, ErrValue},
		"zero secret":       {3, []int{1, 2, 3}, [][]byte{make([]byte, Size), make([]byte, Size), make([]byte, Size)}, ErrZero},
	} {
		if got, err := Recover(c.k, c.indexes, c.values); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
}

// TestSplitIsFresh would see a random source that is not one.
func TestSplitIsFresh(t *testing.T) {
	seen := make(map[string]bool)
	for range 200 {
		secret, values, err := Split(3, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range append(values, secret) {
			if seen[string(b)] {
				t.Fatal("a value repeats")
			}
			seen[string(b)] = true
			if number(b).Cmp(order) >= 0 {
				t.Fatal("a value is not canonical")
			}
		}
	}
}

// TestEncodingIsLittleEndian pins the encoding that shares on paper have.
func TestEncodingIsLittleEndian(t *testing.T) {
	b, err := group.Ristretto255.NewScalar().SetUint64(0x0102).MarshalBinary()
	if err != nil || !bytes.Equal(b, append([]byte{2, 1}, make([]byte, 30)...)) {
		t.Fatalf("%x, %v", b, err)
	}
}

func FuzzRecover(f *testing.F) {
	_, v, err := Split(3, 2)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(2, 1, 2, v[0], v[1])
	f.Add(2, 1, 1, v[0], v[0])
	f.Add(1, 0, 300, []byte{}, []byte{1})
	f.Fuzz(func(t *testing.T, k, i, j int, a, b []byte) {
		got, err := Recover(k, []int{i, j}, [][]byte{a, b})
		if err == nil && (len(got) != Size || bytes.Equal(got, make([]byte, Size))) {
			t.Fatalf("recovered %x", got)
		}
		if err != nil && !slices.ContainsFunc([]error{ErrParams, ErrTooFew, ErrIndex, ErrRepeated, ErrValue, ErrZero},
			func(s error) bool { return errors.Is(err, s) }) {
			t.Fatalf("unnamed error: %v", err)
		}
	})
}
