package state

import (
	"fmt"
	"slices"
	"testing"

	iradix "github.com/hashicorp/go-immutable-radix/v2"
)

// versioned is a state with versions of keys whose names begin alike; those of the
// second one, every third, were trimmed.
func versioned(versions uint32, names ...string) *State {
	s := New()
	tx := iradix.New[*KeyVersion]().Txn()
	for i, name := range names {
		for n := uint32(1); n <= versions; n++ {
			if i != 1 || n%3 != 0 {
				tx.Insert(appendVersionPath(nil, "mount", name, n), &KeyVersion{Name: name, Number: n})
			}
		}
	}
	s.versions = tx.Commit()
	return s
}

// A range of versions is those of one key, in order, whatever other keys are called
// and whichever are gone.
func TestVersionsOfARange(t *testing.T) {
	s := versioned(600, "b", "bb", "bbb", "a", "c")
	for _, name := range []string{"b", "bb", "a", "c", "x", ""} {
		for _, r := range [][2]uint32{{1, 600}, {0, 700}, {1, 1}, {3, 3}, {255, 257}, {100, 255}, {256, 511}, {300, 310}, {512, 600}, {600, 601}, {601, 700}, {2, 1}, {1, 0}, {0, 0}} {
			var got, want []uint32
			s.Versions("mount", name, r[0], r[1], func(v *KeyVersion) {
				if v.Name != name {
					t.Fatalf("a version of %q, and %q was asked for", v.Name, name)
				}
				got = append(got, v.Number)
			})
			for n := r[0]; n <= r[1]; n++ {
				if s.Version("mount", name, n) != nil {
					want = append(want, n)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q %v: %v, want %v", name, r, got, want)
			}
		}
	}
}

func BenchmarkVersions(b *testing.B) {
	names := []string{}
	for i := range 1000 {
		names = append(names, fmt.Sprintf("rotated-%d", i))
	}
	s := versioned(20, names...)
	for _, n := range []uint32{2, 4, 18} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Versions("mount", "rotated-500", 21-n, 20, func(*KeyVersion) {})
			}
		})
	}
}
