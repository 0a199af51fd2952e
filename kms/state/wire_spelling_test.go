package state

import (
	"slices"
	"testing"
)

// field writes one field of a record, rightly or not.
type field func(r *record)

// spelled is a record of fields as they are given, in whatever order.
func spelled(fields ...field) []byte {
	r := newRecord(nil)
	for _, f := range fields {
		f(&r)
	}
	return r.done()
}

func bytesField(name byte, b []byte) field  { return func(r *record) { r.bytes(name, b) } }
func numberField(name byte, n uint64) field { return func(r *record) { r.unsigned(name, n) } }
func textField(name byte, s string) field   { return func(r *record) { r.text(name, s) } }
func rawField(name byte, value []byte) field {
	return func(r *record) { r.name(name); r.b = append(r.b, value...) }
}

func without(fields []field, i int) []field { return slices.Delete(slices.Clone(fields), i, i+1) }
func with(fields []field, i int, f field) []field {
	return slices.Insert(slices.Clone(fields), i, f)
}

// refuses demands that b is read neither by hand nor by codec.
func refuses(t *testing.T, blank func() byHand, what string, b []byte) {
	t.Helper()
	checkAgree(t, blank, b)
	if blank().readFrom(b) {
		t.Errorf("%T: %s is taken: %x", blank(), what, b)
	}
}

// refusesOthers demands that a map of these fields is taken as it is, and in no other
// order, with none of them missing or twice, none besides, and with no longer head.
func refusesOthers(t *testing.T, blank func() byHand, fields []field, place func(record []byte) []byte) {
	t.Helper()
	good := spelled(fields...)
	if !blank().readFrom(place(good)) {
		t.Fatalf("%T: %x is refused", blank(), place(good))
	}
	for i, f := range fields {
		refuses(t, blank, "without a field", place(spelled(without(fields, i)...)))
		refuses(t, blank, "with a field twice", place(spelled(with(fields, i, f)...)))
		if i > 0 {
			refuses(t, blank, "in another order", place(spelled(with(without(fields, i), i-1, f)...)))
		}
	}
	refuses(t, blank, "with an unknown field", place(spelled(with(fields, len(fields), numberField('~', 1))...)))
	refuses(t, blank, "with a long head", place(append([]byte{mpMap16, 0, good[0] & 0x0f}, good[1:]...)))
	refuses(t, blank, "with something behind it", append(place(good), mpNil))
}

// Reading by hand does not encode again to compare, so each way to write the same thing
// otherwise must be refused for itself.
func TestByHandTakesNoSecondSpellingOfAnEnvelope(t *testing.T) {
	blank := func() byHand { return &envelope{} }
	fields := []field{bytesField('b', []byte("x")), numberField('e', 1), numberField('k', 2), bytesField('p', []byte("p")), numberField('s', 300), numberField('t', 5)}
	refusesOthers(t, blank, fields, func(record []byte) []byte { return record })
	refusesOthers(t, blank, []field{textField('c', "c"), bytesField('k', nil), bytesField('r', []byte("r"))}, func(record []byte) []byte {
		return spelled(with(fields, 3, rawField('o', record))...)
	})
	for what, f := range map[string]field{"a false": rawField('a', []byte{mpFalse}), "a nil": rawField('a', []byte{mpNil}), "not a bool": numberField('a', 1)} {
		refuses(t, blank, what, spelled(with(fields, 0, f)...))
	}
	for what, f := range map[string]field{"no caller, empty": bytesField('c', []byte{}), "no caller, nil": bytesField('c', nil)} {
		refuses(t, blank, what, spelled(with(fields, 1, f)...))
	}
	refuses(t, blank, "a kind too large", spelled(with(without(fields, 2), 2, numberField('k', 1<<16))...))
}

func TestByHandTakesNoSecondSpellingOfARotation(t *testing.T) {
	blank := func() byHand { return &RotateKey{} }
	const names = "cimnpstvx"
	fields := []field{
		numberField('c', 0), textField('i', "kid"), textField('m', "m"), textField('n', "n"), bytesField('p', nil),
		textField('s', "active"), textField('t', "hmac"), numberField('v', 2), bytesField('x', []byte("x")),
	}
	version := rawField('v', spelled(fields...))
	refusesOthers(t, blank, []field{version}, func(record []byte) []byte { return record })
	refusesOthers(t, blank, fields, func(record []byte) []byte { return spelled(rawField('v', record)) })
	for _, name := range []byte("abhjruwyz") {
		at := slices.IndexFunc([]byte(names), func(c byte) bool { return c > name })
		if at < 0 {
			at = len(names)
		}
		zero := numberField(name, 0)
		if name == 'j' {
			zero = rawField('j', []byte{mpFalse})
		}
		refuses(t, blank, "a version with a zero "+string(name), spelled(rawField('v', spelled(with(fields, at, zero)...))))
	}
	for what, n := range map[string]uint64{"a key size of zero": 0, "a key size too large": 1 << 32} {
		refuses(t, blank, what, spelled(version, numberField('z', n)))
	}
}
