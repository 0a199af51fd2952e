package raftstore

import "testing"

// The mark of what is applied survives starts that come to nothing, and follows a state
// that was replaced with an older one.
func TestTheMarkOfWhatIsApplied(t *testing.T) {
	m := appliedMark{kept: 1000}
	for i, c := range []struct {
		applied uint64
		moves   bool
	}{
		{0, false}, {500, false}, {1000, false}, {1001, true}, {1001, false}, {1010, true}, // a snapshot, the log again, and new entries
		{990, true}, {990, false}, {995, true}, {1020, true}, // an older snapshot, and new entries
	} {
		if m.moves(c.applied) != c.moves {
			t.Errorf("step %d: %d is written down: %t", i, c.applied, !c.moves)
		}
	}
	d := t.TempDir()
	dir, err := openDataDir(d)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.close()
	if readApplied(dir) != 0 {
		t.Error("there is a mark in an empty directory")
	}
	for _, i := range []uint64{7, 1 << 40, 3} {
		if err := writeApplied(dir, i); err != nil || readApplied(dir) != i {
			t.Errorf("%d is read as %d, %v", i, readApplied(dir), err)
		}
	}
}
