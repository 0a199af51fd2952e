package state

import "testing"

// Each word is read as it was written, those that are known at no cost in memory.
func TestWordsAreRead(t *testing.T) {
	read := func(known bool, word string, one func(r *reader) string) {
		t.Helper()
		r := newRecord(nil)
		r.text('s', word)
		text := r.done()[3:] // behind the heads of map and name
		from := &reader{b: text}
		if got := one(from); got != word {
			t.Errorf("%q is read as %q", word, got)
		}
		if n := testing.AllocsPerRun(10, func() { from.b = text; one(from) }); n != 0 && known {
			t.Errorf("%q: %v allocations", word, n)
		}
	}
	state := func(r *reader) string { return string(r.versionState()) }
	typ := func(r *reader) string { return string(r.keyType()) }
	for _, s := range VersionStates() {
		read(true, string(s), state)
	}
	for _, k := range KeyTypes() {
		read(true, string(k), typ)
	}
	for _, word := range []string{"", "other"} { // what an entry says that nobody made
		read(false, word, state)
		read(false, word, typ)
	}
}
