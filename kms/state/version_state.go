package state

// VersionState is where a key version stands in its life (SP 800-57 Part 1,
// section 7).
type VersionState string

// The states of a version. Rotating a transit key leaves its old versions active,
// within its minima, as Vault's clients expect; an issuer has one active version.
const (
	Pending     VersionState = "pending"     // published, does not sign yet
	Active      VersionState = "active"      // does all that its type can
	Suspended   VersionState = "suspended"   // neither signs nor accepts, until it is put back
	Retired     VersionState = "retired"     // verifies and decrypts, neither signs nor encrypts
	Compromised VersionState = "compromised" // nothing, for good; out of every JWKS
	Destroyed   VersionState = "destroyed"   // the private half is erased
)

// VersionStates lists them in the order of a life.
func VersionStates() []VersionState {
	return []VersionState{Pending, Active, Suspended, Retired, Compromised, Destroyed}
}

// moves is which states may follow which. An active version is retired or
// compromised before it is destroyed: what it signed has to fail or end first.
var moves = map[VersionState][]VersionState{
	Pending:     {Active, Compromised, Destroyed},
	Active:      {Suspended, Retired, Compromised},
	Suspended:   {Active, Retired, Compromised},
	Retired:     {Suspended, Compromised, Destroyed},
	Compromised: {Destroyed},
	Destroyed:   nil,
}

// Known says whether s is a state.
func (s VersionState) Known() bool {
	_, known := moves[s]
	return known
}

// MayBecome says whether a version in state s may be put into state next.
func (s VersionState) MayBecome(next VersionState) bool {
	for _, m := range moves[s] {
		if m == next {
			return true
		}
	}
	return false
}

// Produces says whether a version in state s signs and encrypts.
func (s VersionState) Produces() bool { return s == Active }

// Accepts says whether a version in state s verifies and decrypts.
func (s VersionState) Accepts() bool { return s == Active || s == Retired }

// Published says whether an issuer's version in state s is in its JWKS.
func (s VersionState) Published() bool { return s == Pending || s == Active || s == Retired }
