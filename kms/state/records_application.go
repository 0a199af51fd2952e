package state

import (
	"bytes"
	"encoding/hex"
)

// Application is a machine that asks, beside the user it asks for. Its name is
// the client_id of what is issued to it.
type Application struct {
	Name        string            `codec:"n"`
	Owner       string            `codec:"o,omitempty"`
	Description string            `codec:"d,omitempty"`
	Policies    []string          `codec:"p,omitempty"` // sorted; added to those of the role of each login
	Metadata    map[string]string `codec:"m,omitempty"`
	Created     int64             `codec:"c,omitempty"` // unix nanoseconds, like all times here
	Updated     int64             `codec:"u,omitempty"`
	Activated   int64             `codec:"a,omitempty"` // first login; 0 none yet
	Blocked     int64             `codec:"b,omitempty"` // 0 not blocked
	Reason      string            `codec:"r,omitempty"` // of the block
}

// The states of an application.
const (
	ApplicationRegistered = "registered" // nobody has logged in yet
	ApplicationActive     = "active"
	ApplicationBlocked    = "blocked"
)

// State is the application's state. An unblocked application is what it was
// before the block.
func (a *Application) State() string {
	switch {
	case a.Blocked != 0:
		return ApplicationBlocked
	case a.Activated != 0:
		return ApplicationActive
	}
	return ApplicationRegistered
}

// AppRole says what a login gives that shows its role id, and a secret id of it.
type AppRole struct {
	Name        string   `codec:"n"`
	RoleID      string   `codec:"i"`           // of one role alone
	Application string   `codec:"a,omitempty"` // its tokens belong to it
	NoSecretID  bool     `codec:"b,omitempty"` // the role id is enough, from where SecretCIDRs allows
	SecretCIDRs []string `codec:"s,omitempty"` // where logins may come from; empty anywhere
	SecretUses  int64    `codec:"v,omitempty"` // of a secret id that asks for nothing, and the most it may ask for; 0 no limit
	SecretTTL   int64    `codec:"w,omitempty"` // seconds, likewise
	Policies    []string `codec:"p,omitempty"` // sorted
	NoDefault   bool     `codec:"f,omitempty"` // no policy "default" unless Policies has it
	TTL         int64    `codec:"t,omitempty"` // seconds; 0 the system's default
	MaxTTL      int64    `codec:"l,omitempty"` // seconds, renewals included; 0 the system's limit
	ExplicitMax int64    `codec:"x,omitempty"` // seconds; 0 none
	Period      int64    `codec:"q,omitempty"` // seconds; 0 not periodic
	Uses        int64    `codec:"u,omitempty"` // of a token; 0 no limit
	TokenCIDRs  []string `codec:"k,omitempty"` // where the tokens may be used from; empty anywhere
}

// SecretID is a secret id of a role, of which a keyed hash is all that is known.
type SecretID struct {
	Role       string            `codec:"r"`
	Hash       []byte            `codec:"h"`           // 32 bytes
	Accessor   string            `codec:"a"`           // see SecretIDAccessor
	Created    int64             `codec:"c"`           // unix nanoseconds
	Updated    int64             `codec:"u"`           // when a use was spent last, or Created
	TTL        int64             `codec:"t,omitempty"` // seconds granted; 0 never expires
	Expire     int64             `codec:"e,omitempty"` // unix nanoseconds; 0 never
	Uses       int64             `codec:"n,omitempty"` // left; 0 no limit
	Metadata   map[string]string `codec:"m,omitempty"` // of the tokens
	CIDRs      []string          `codec:"s,omitempty"` // where logins may come from; empty: as the role has it
	TokenCIDRs []string          `codec:"k,omitempty"` // instead of the role's
}

// Expired says whether the secret id is expired at now, unix nanoseconds. The
// instant of expiry itself is too late.
func (s *SecretID) Expired(now int64) bool { return s.Expire != 0 && now >= s.Expire }

// Half of a secret id's accessor is of its hash, by which it is found without an
// index. The hash is keyed, so it helps nobody to guess a secret id that somebody
// chose.
const secretAccessorHash = 8 // bytes

// SecretIDAccessor returns the accessor of a secret id, in the form of a UUID: tail
// is 8 random bytes.
func SecretIDAccessor(hash, tail []byte) string {
	h := hex.EncodeToString(append(bytes.Clone(hash[:secretAccessorHash]), tail...))
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// secretAccessorPrefix is what an accessor says of the hash.
func secretAccessorPrefix(accessor string) ([]byte, bool) {
	if len(accessor) != 36 || accessor[8] != '-' || accessor[13] != '-' {
		return nil, false
	}
	prefix, err := hex.DecodeString(accessor[:8] + accessor[9:13] + accessor[14:18])
	return prefix, err == nil
}
