package state

import (
	"bytes"
	"errors"
	"testing"
)

func TestTheLevelOnlyRises(t *testing.T) {
	m := newMachine(t)
	if got := m.s.Membership.Level; got != 0 {
		t.Fatalf("a cluster of an earlier release is at level %d", got)
	}
	m.refused(&SetClusterLevel{Level: 1, Version: 2}, ErrRosterChanged)
	m.ok(&SetClusterLevel{Level: 1, Version: 1})
	m.refused(&SetClusterLevel{Level: 1, Version: 2}, ErrLevelFalls)
	m.refused(&SetClusterLevel{Level: 0, Version: 2}, ErrLevelFalls)
	// A member that came in between was not asked what it knows.
	m.ok(&SetRoster{Version: 2})
	m.refused(&SetClusterLevel{Level: 2, Version: 2}, ErrRosterChanged)
	if got := m.s.Membership; got.Level != 1 || got.Version != 2 {
		t.Errorf("level %d, roster %d", got.Level, got.Version)
	}
	var buf bytes.Buffer
	if err := m.s.Write(&buf); err != nil {
		t.Fatal(err)
	}
	if again, err := Read(&buf, Sequential); err != nil || again.Membership.Level != 1 {
		t.Errorf("a snapshot has another level (%v)", err)
	}
	// What this build does not know it does not skip.
	n := &Numbered{Epoch: m.s.Epoch, Seq: m.s.Seq + 1, At: m.s.Time, Command: &SetClusterLevel{Level: Level + 1, Version: 3}}
	if corruption := (*Corruption)(nil); !func() bool { _, _, err := Apply(m.s, m.s.Index+1, n); return errors.As(err, &corruption) }() {
		t.Error("a level that this build does not know was taken")
	}
}

// Whoever adds a command says which level it needs: the highest that this build
// knows, until it is released.
func TestEveryCommandHasALevel(t *testing.T) {
	for k := KindGenesis; k < 1000; k++ {
		c, known := blank(k)
		if !known {
			continue
		}
		want := uint64(0) // what 0.3.0 knew
		if k > 48 && k != KindSetClusterLevel {
			want = 1
		}
		if k > 62 { // not yet given to anybody in 0.4.0
			want = Level + 1
		}
		if got := LevelOf(c); got != want || got > Level {
			t.Errorf("command kind %d needs level %d, want %d of at most %d", k, got, want, Level)
		}
	}
}

func TestAutopilotKeepsWhatIsSet(t *testing.T) {
	m := newMachine(t)
	if got := m.s.AutopilotNow(); got != DefaultAutopilot() {
		t.Errorf("at first %+v", got)
	}
	want := Autopilot{Cleanup: true, DeadAfter: 60e9, LastContact: 1e9, MaxTrailing: 7, MinQuorum: 3}
	m.ok(&SetAutopilot{want})
	var buf bytes.Buffer
	if err := m.s.Write(&buf); err != nil {
		t.Fatal(err)
	}
	again, err := Read(&buf, Sequential)
	if err != nil || again.AutopilotNow() != want || m.s.AutopilotNow() != want {
		t.Errorf("%+v, from a snapshot %+v (%v)", m.s.AutopilotNow(), again.AutopilotNow(), err)
	}
}

// What a restore stages every member has to read, in the format of the build that stages.
func TestARestoreNeedsTheLevelOfItsFormat(t *testing.T) {
	if got := LevelOf(&StageRestore{}); got < 1 || got != max(1, formatLevel(snapshotFormat)) {
		t.Errorf("level %d", got)
	}
	if formatLevel(oldestSnapshot) != 0 || formatLevel(4) != 1 || formatLevel(snapshotFormat+1) != Level {
		t.Error("a format has another level")
	}
}
