package state

// Level is the feature level of this build: what commands it knows. A cluster runs
// at one too, at most that of its oldest member, and no member proposes what a
// cluster at its level does not know. A build that adds a command, or a field to one,
// is one level above the last release; see LevelOf.
//
//	0  a node alone, up to 0.3.0
//	1  0.4.0: members, join tokens, autopilot, seals that unseal by themselves,
//	   restore
const Level uint64 = 1

// CallerLevel is the level from which on commands carry their caller: see
// Numbered.Caller.
const CallerLevel uint64 = 1

// KindSetClusterLevel is SetClusterLevel.
const KindSetClusterLevel Kind = 60

// SetClusterLevel raises the feature level of the cluster, once every member knows
// it. It stands in the roster too, and so the next version of that is beside it in
// the log entry: a sealed node that does not know the level has to stop as well.
// Result: nil.
type SetClusterLevel struct {
	Level   uint64 `codec:"l"`
	Version uint64 `codec:"v"` // of the roster; must follow the last one
}

// ErrLevelFalls refuses a level that is not above the cluster's.
const ErrLevelFalls Refusal = "the feature level of a cluster only rises"

// Kind implements Command.
func (*SetClusterLevel) Kind() Kind { return KindSetClusterLevel }

func (c *SetClusterLevel) apply(tx *txn) error {
	m := &tx.next.Membership
	switch {
	case c.Version != m.Version+1: // a member may have come that was not asked
		return ErrRosterChanged
	case c.Level <= m.Level:
		return ErrLevelFalls
	case c.Level > Level:
		return corrupt("the cluster goes to feature level %d, and this build knows levels up to %d: start the version that the other nodes run", c.Level, Level)
	}
	m.Version, m.Level = c.Version, c.Level
	return nil
}

// LevelOf is the feature level that a cluster must have for a command: below it some
// member may not know the command, or a field of it, and would stop.
func LevelOf(c Command) uint64 {
	switch k := c.Kind(); {
	case k == KindSetClusterLevel: // every build that has peers knows it
		return 0
	case k == KindStageRestore: // it brings a state in the format that this build writes
		return max(1, formatLevel(snapshotFormat))
	case k > KindPutWrappingKey: // the last one of 0.3.0
		return 1
	}
	return 0
}

// formatLevel is the feature level from which on every member reads a snapshot of a
// format: that of the build which raised it.
func formatLevel(format int) uint64 {
	switch {
	case format < 4:
		return 0
	case format == 4:
		return 1
	}
	return Level // of this build, which raised it
}
