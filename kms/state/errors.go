package state

import "fmt"

// Refusal is a deterministic "no" of the state machine: every node gives the
// same one, the command has no effect, and the proposer is told.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// The refusals of Apply. The texts are Vault's where Vault has one, since
// people's scripts match them.
const (
	ErrKeyExists          Refusal = "key already exists"
	ErrKeyMissing         Refusal = "key not found"
	ErrVersionConflict    Refusal = "the key was changed by another request; read it and try again"
	ErrDeletionNotAllowed Refusal = "deletion is not allowed for this key"
	ErrEncryptionsSpent   Refusal = "this key version has made as many encryptions as is safe, or how many is not known since a restore; rotate the key"
	ErrBadMinimum         Refusal = "minimum version out of range: min_decryption_version is at most the latest version, and min_encryption_version is 0 or between the two"
	ErrTokenMissing       Refusal = "token not found"
	ErrCallerGone         Refusal = "permission denied: invalid token" // no more is told of a token anywhere
	ErrTokenExists        Refusal = "a token with this ID exists"
	ErrKeyDeleted         Refusal = "the key is deleted; undelete it first"
	ErrKeyNotDeleted      Refusal = "the key is not deleted"
	ErrGraceNotOver       Refusal = "the key's grace period is not over"
	ErrBadTrim            Refusal = "min_available_version out of range: it never falls, and is at most min_decryption_version and min_encryption_version"
	ErrOnceMismatch       Refusal = "this idempotency key was used for another request"
	ErrOnceSpent          Refusal = "this request was carried out before, and what it made is shown once"
	ErrBadTerm            Refusal = "another term of the barrier became active meanwhile"
	ErrBadSeal            Refusal = "the seal was changed by another request meanwhile; try again"
	ErrKeyBound           Refusal = "the key serves an issuer, and nothing else uses it; sign tokens with jwt/sign"
	ErrIssuerMissing      Refusal = "issuer not found"
	ErrIssuerExists       Refusal = "issuer already exists"
	ErrIssuerTaken        Refusal = "another issuer has this issuer URL"
	ErrIssuerDeleted      Refusal = "the issuer is deleted; undelete it first"
	ErrProfileMissing     Refusal = "profile not found"
	ErrRotationPending    Refusal = "a rotation is under way: a version is pending"
	ErrNotPending         Refusal = "no version is pending"
	ErrTooEarly           Refusal = "the time for this has not come"
	ErrBadLead            Refusal = "the lead time is at least twice jwks_max_age"
	ErrBadMove            Refusal = "a version in this state cannot be put into that one"
	ErrNoNextVersion      Refusal = "the key was changed by another request: its next version is missing; try again"
	ErrIssuedSpent        Refusal = "the token was used before, and is good for one use"
	ErrIssuedRevoked      Refusal = "the token is revoked"
	ErrIssuedOver         Refusal = "the token has expired"
	ErrCutOffAhead        Refusal = "issued_before lies ahead: leave it out for all tokens issued until now"
	ErrImportedKey        Refusal = "the key was imported, and does not allow rotation here; import its next version"
	ErrNotImported        Refusal = "versions are imported into an imported key alone"
	ErrKIDTaken           Refusal = "another version of this issuer's key has, or had, this kid"
	ErrMountMissing       Refusal = "no such mount"
	ErrGenesisTwice       Refusal = "cluster is already initialized"
	ErrOvertaken          Refusal = "another leader came before this command; nothing was done, try again"
)

// Spent is ErrOnceSpent with the accessor of the token that the first request
// made.
type Spent struct{ Accessor string }

func (*Spent) Error() string { return ErrOnceSpent.Error() }
func (*Spent) Unwrap() error { return ErrOnceSpent }

// Corruption says that a command cannot be one that a healthy leader wrote: it
// does not decode, it is unknown to this build, or its number does not follow that of
// the same leadership.
// The node that sees it must stop; applying anything after it would make its
// state differ from the others' without anybody noticing.
type Corruption struct{ Err error }

func (c *Corruption) Error() string { return "replicated state is corrupt: " + c.Err.Error() }
func (c *Corruption) Unwrap() error { return c.Err }

func corrupt(format string, args ...any) error {
	return &Corruption{fmt.Errorf(format, args...)}
}
