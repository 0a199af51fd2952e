package jose

import (
	"fmt"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestParseDate(t *testing.T) {
	for _, c := range []struct {
		text    string
		seconds int64
		frac    bool
	}{
		{"0", 0, false},
		{"1500000000", 1500000000, false},
		{"1500000000.0", 1500000000, false},
		{"1500000000.5", 1500000000, true},
		{"1500000000.000000000000000000001", 1500000000, true},
		{"1.5e9", 1500000000, false},
		{"1.5E+9", 1500000000, false},
		{"15e8", 1500000000, false},
		{"15000000000e-1", 1500000000, false},
		{"15000000005e-1", 1500000000, true},
		{"0.0000000015e18", 1500000000, false},
		{"0e9999", 0, false},
		{"1e-9999", 0, true},
		{"253402300799", 253402300799, false}, // the end of year 9999
		{"9007199254740992", 1 << 53, false},
		{"9007199254740991.9", 1<<53 - 1, true},
		{"0.9007199254740992e16", 1 << 53, false},
	} {
		d, ok := parseDate([]byte(c.text))
		if !ok || d.Unix() != c.seconds || d.fraction != c.frac || !d.Set() {
			t.Errorf("%s: %+v, %v", c.text, d, ok)
		}
	}
	for _, text := range []string{
		"", "-1", "-0", "-0.0", "-1e400", "1e400", "1e99999999999", "1e-99999999999", "9007199254740993", "9007199254740992.1", "9007199254740992.000000001",
		"9223372036854775808", "18446744073709551616", "1e16", "1e9999", `"1500000000"`, "null", "true", "false", "[1500000000]", "{}",
		"NaN", "Infinity", "1500000000x", "0.00000000000000000000000000000000000000000000000000000000000000001",
	} {
		if d, ok := parseDate([]byte(text)); ok || d.Set() {
			t.Errorf("%s is a date: %+v", text, d)
		}
	}
}

// TestParseDateIsExact compares with arithmetic in fractions.
func TestParseDateIsExact(t *testing.T) {
	limit := new(big.Rat).SetInt64(MaxDate)
	rapid.Check(t, func(t *rapid.T) {
		text := fmt.Sprint(rapid.Uint64Range(0, 1<<54).Draw(t, "whole"))
		if rapid.Bool().Draw(t, "fraction") {
			text += "." + rapid.StringMatching(`[0-9]{1,20}`).Draw(t, "digits")
		}
		if rapid.Bool().Draw(t, "exponent") {
			text += fmt.Sprintf("e%d", rapid.IntRange(-30, 30).Draw(t, "e"))
		}
		exact, _ := new(big.Rat).SetString(text)
		d, ok := parseDate([]byte(text))
		if ok != (exact.Cmp(limit) <= 0) {
			t.Fatalf("%s: accepted %v", text, ok)
		}
		if !ok {
			return
		}
		floor := new(big.Int).Quo(exact.Num(), exact.Denom())
		if floor.Int64() != d.Unix() || d.fraction == exact.IsInt() {
			t.Fatalf("%s: %+v", text, d)
		}
	})
}

func TestDateReached(t *testing.T) {
	whole, _ := parseDate([]byte("100"))
	half, _ := parseDate([]byte("100.5"))
	for _, c := range []struct {
		d    Date
		now  int64
		want bool
	}{{whole, 99, false}, {whole, 100, true}, {half, 100, false}, {half, 101, true}} {
		if got := c.d.reached(c.now); got != c.want {
			t.Errorf("%+v at %d: %v", c.d, c.now, got)
		}
	}
	if DateOf(100) != whole {
		t.Error("DateOf")
	}
}
