package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/signet-kms/signet/seal/barrier"
)

func TestRecordRoundTrip(t *testing.T) {
	r, _, _ := create(t, 5, 3)
	b, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseRecord(b)
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestParseRecordIsStrict(t *testing.T) {
	r, _, _ := create(t, 3, 2)
	good, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	text := string(good)
	replace := func(old, new string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("%s is not in the record", old)
		}
		return strings.Replace(text, old, new, 1)
	}
	change := func(f func(*Record)) string {
		c := r.clone()
		f(c)
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for what, bad := range map[string]string{
		"nothing":              "",
		"null":                 "null",
		"empty object":         "{}",
		"array":                "[" + text + "]",
		"unknown field":        replace(`{"format"`, `{"extra":1,"format"`),
		"unknown field last":   text[:len(text)-1] + `,"extra":null}`,
		"repeated field":       replace(`"threshold":2`, `"threshold":2,"threshold":2`),
		"another case":         replace(`"threshold"`, `"Threshold"`),
		"another order":        replace(`"shares":3,"threshold":2`, `"threshold":2,"shares":3`),
		"white space":          replace(`,"shares"`, `, "shares"`),
		"leading space":        " " + text,
		"trailing newline":     text + "\n",
		"trailing object":      text + "{}",
		"trailing zero":        text + "\x00",
		"exponent":             replace(`"threshold":2`, `"threshold":2e0`),
		"escaped":              replace(`"shamir"`, `"sh\u0061mir"`),
		"broken base64":        replace(`"wrapped":"`, `"wrapped":"\n`),
		"huge":                 text + strings.Repeat(" ", maxRecord),
		"missing threshold":    replace(`"threshold":2,`, ``),
		"missing commitments":  change(func(r *Record) { r.Commitments = nil }),
		"missing wrapped":      change(func(r *Record) { r.Wrapped = nil }),
		"newer format":         change(func(r *Record) { r.Format = 2 }),
		"another type":         change(func(r *Record) { r.Type = "pkcs11" }),
		"no cluster":           change(func(r *Record) { r.ClusterID = "" }),
		"odd cluster":          change(func(r *Record) { r.ClusterID = "a/b" }),
		"generation 0":         change(func(r *Record) { r.Generation = 0 }),
		"threshold 0":          change(func(r *Record) { r.Threshold = 0 }),
		"threshold 1 of many":  change(func(r *Record) { r.Threshold = 1 }),
		"threshold above n":    change(func(r *Record) { r.Threshold = 4 }),
		"negative threshold":   change(func(r *Record) { r.Threshold = -1 }),
		"fewer commitments":    change(func(r *Record) { r.Commitments = r.Commitments[:2] }),
		"more commitments":     change(func(r *Record) { r.Commitments = append(r.Commitments, r.Commitments[0]) }),
		"a short commitment":   change(func(r *Record) { r.Commitments[1] = r.Commitments[1][:31] }),
		"an empty commitment":  change(func(r *Record) { r.Commitments[1] = nil }),
		"256 shares":           change(func(r *Record) { r.Shares = 256; r.Commitments = make([][]byte, 256) }),
		"no shares":            change(func(r *Record) { r.Shares, r.Threshold, r.Commitments = 0, 0, nil }),
		"generation too large": replace(`"generation":1`, `"generation":4294967296`),
	} {
		if got, err := ParseRecord([]byte(bad)); !errors.Is(err, ErrRecord) || got != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestAlteredRecordDoesNotOpen changes every field of a valid record into
// another valid value; nothing of it may lead to a barrier.
func TestAlteredRecordDoesNotOpen(t *testing.T) {
	r, shares, b := create(t, 5, 3)
	mac, err := r.MAC(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.VerifyMAC(b, mac); err != nil {
		t.Fatal(err)
	}
	covered := map[string]bool{}
	for _, c := range []struct {
		field string
		alter func(*Record)
		want  error // of the submission that fails
	}{
		{"Format", func(r *Record) { r.Format = 2 }, ErrRecord},
		{"Type", func(r *Record) { r.Type = "other" }, ErrRecord},
		{"Revision", func(r *Record) { r.Format, r.Revision = 2, 1 }, ErrRecordDamaged},
		{"Wrappings", func(r *Record) { r.Wrappings = []Wrapping{} }, ErrRecord},
		{"Wrappings", func(r *Record) {
			r.Format, r.Type, r.Wrappings = 2, "transit", []Wrapping{{Type: "transit", Name: "a", Blob: []byte{1}}}
		}, ErrRecordDamaged},
		{"ClusterID", func(r *Record) { r.ClusterID = "other" }, ErrShareForeign},
		{"Generation", func(r *Record) { r.Generation = 2 }, ErrShareGeneration},
		{"Shares", func(r *Record) { r.Shares = 6 }, ErrRecord},
		{"Shares", func(r *Record) { r.Shares = 6; r.Commitments = append(r.Commitments, make([]byte, 32)) }, ErrRecordDamaged},
		{"Shares", func(r *Record) { r.Shares = 4; r.Commitments = r.Commitments[:4] }, ErrRecordDamaged},
		{"Threshold", func(r *Record) { r.Threshold = 2 }, ErrRecordDamaged},
		{"Threshold", func(r *Record) { r.Threshold = 4 }, ErrRecordDamaged},
		{"Created", func(r *Record) { r.Created++ }, ErrRecordDamaged},
		{"Commitments", func(r *Record) { r.Commitments[0][31] ^= 1 }, ErrShareWrong},
		{"Commitments", func(r *Record) { r.Commitments[4][0] ^= 1 }, ErrRecordDamaged}, // a share not submitted
		{"Wrapped", func(r *Record) { r.Wrapped[0] ^= 1 }, ErrRecordDamaged},
		{"Wrapped", func(r *Record) { r.Wrapped[len(r.Wrapped)-1] ^= 1 }, ErrRecordDamaged},
		{"Wrapped", func(r *Record) { r.Wrapped = r.Wrapped[:10] }, ErrRecordDamaged},
		{"Wrapped", func(r *Record) { r.Wrapped = append(r.Wrapped, 0) }, ErrRecordDamaged},
	} {
		altered := r.clone()
		c.alter(altered)
		covered[c.field] = true
		u := NewUnsealing(altered)
		var failed error
		for _, s := range shares[:4] {
			_, opened, err := u.Submit(s.Hex())
			if opened != nil {
				t.Errorf("an altered %s opens", c.field)
			}
			if err != nil {
				failed = err
				break
			}
		}
		if !errors.Is(failed, c.want) {
			t.Errorf("altered %s: %v, want %v", c.field, failed, c.want)
		}
		if err := altered.VerifyMAC(b, mac); !errors.Is(err, barrier.ErrMAC) && !errors.Is(err, ErrRecord) {
			t.Errorf("altered %s, MAC: %v", c.field, err)
		}
	}
	for i := range reflect.TypeFor[Record]().NumField() {
		if name := reflect.TypeFor[Record]().Field(i).Name; !covered[name] {
			t.Errorf("no alteration of %s is tried", name)
		}
	}
}

// TestWrappedOfAnotherRecord: a whole wrapped store does not fit another seal,
// even of the same shape and cluster id.
func TestWrappedOfAnotherRecord(t *testing.T) {
	r1, shares, _ := create(t, 2, 2)
	r2, _, _ := create(t, 2, 2)
	mixed := r1.clone()
	mixed.Wrapped = bytes.Clone(r2.Wrapped)
	u := NewUnsealing(mixed)
	submit(t, u, shares[0])
	if _, b, err := u.Submit(shares[1].Hex()); !errors.Is(err, ErrRecordDamaged) || b != nil {
		t.Errorf("the terms of another seal: %v", err)
	}
}

func TestUnsealingHasItsOwnRecord(t *testing.T) {
	r, shares, _ := create(t, 3, 2)
	u := NewUnsealing(r)
	clear(r.Wrapped)
	clear(r.Commitments[0])
	r.Threshold = 3
	submit(t, u, shares[0])
	if _, b := submit(t, u, shares[1]); b == nil {
		t.Error("an edit of the caller's record reached the ceremony")
	}
}

func TestUnusableRecordsDoNotPanic(t *testing.T) {
	_, shares, _ := create(t, 3, 2)
	for _, r := range []*Record{{}, {Format: 1, Type: TypeShamir, ClusterID: testCluster, Generation: 1, Wrapped: []byte{1}}} {
		if _, _, err := NewUnsealing(r).Submit(shares[0].Hex()); !errors.Is(err, ErrRecord) {
			t.Errorf("submit: %v", err)
		}
		if _, err := r.Check(shares[0].Hex()); !errors.Is(err, ErrRecord) {
			t.Errorf("check: %v", err)
		}
		if _, err := r.Marshal(); !errors.Is(err, ErrRecord) {
			t.Errorf("marshal: %v", err)
		}
		if _, err := r.MAC(&barrier.Barrier{}); !errors.Is(err, ErrRecord) {
			t.Errorf("mac: %v", err)
		}
	}
}
