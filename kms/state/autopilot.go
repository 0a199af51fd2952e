package state

// Autopilot says how a leader tends the members of the cluster by itself. Times are
// nanoseconds.
type Autopilot struct {
	Cleanup       bool   `codec:"c,omitempty"` // nodes that are dead long enough are removed
	DeadAfter     int64  `codec:"d"`           // how long one did not answer then
	LastContact   int64  `codec:"l"`           // longer than that without a leader is not healthy
	MaxTrailing   uint64 `codec:"t"`           // nor is more entries behind the leader than that
	MinQuorum     uint64 `codec:"q,omitempty"` // Cleanup leaves as many voters
	Stabilization int64  `codec:"s"`           // how long a node is healthy before it gets its vote
}

// KindSetAutopilot is SetAutopilot.
const KindSetAutopilot Kind = 56

// SetAutopilot replaces the settings of autopilot. Result: nil.
type SetAutopilot struct {
	Config Autopilot `codec:"c"`
}

// Kind implements Command.
func (*SetAutopilot) Kind() Kind { return KindSetAutopilot }

func (c *SetAutopilot) apply(tx *txn) error {
	set := c.Config
	tx.next.Membership.Autopilot = &set
	return nil
}

// DefaultAutopilot is what holds until somebody sets something else.
func DefaultAutopilot() Autopilot {
	const second = 1e9
	return Autopilot{DeadAfter: 24 * 60 * 60 * second, LastContact: 10 * second, MaxTrailing: 1000, Stabilization: 2 * second}
}

// AutopilotNow returns the settings in force.
func (s *State) AutopilotNow() Autopilot {
	if s.Membership.Autopilot == nil {
		return DefaultAutopilot()
	}
	return *s.Membership.Autopilot
}
