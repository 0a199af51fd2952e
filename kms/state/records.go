package state

import (
	"encoding/hex"
	"strings"
)

// Cluster is what genesis fixed.
type Cluster struct {
	ID       string `codec:"i"` // UUID
	Name     string `codec:"n"`
	Created  int64  `codec:"c"` // unix nanoseconds
	TokenKey Secret `codec:"t"` // 32 bytes: MACs the tokens that this cluster issues
	AuditKey Secret `codec:"a"` // 32 bytes: keys the hashes in audit records
	Dev      bool   `codec:"d"` // a development node: tokens without a MAC are looked up too
}

// Mount is one mounted engine.
type Mount struct {
	UUID        string `codec:"u"`
	Path        string `codec:"p"` // with its trailing slash, "transit/"
	Type        string `codec:"t"` // "transit"
	Description string `codec:"d"`
	Accessor    string `codec:"a"`
}

// Policy is the text of one access policy, as written. Every text in the state
// was parsed by the node that proposed it.
type Policy struct {
	Name    string `codec:"n"`
	Text    string `codec:"t"`
	Updated int64  `codec:"u"` // unix nanoseconds
}

// Token is an issued auth token. The token itself is never stored: Hash is all
// that is known of it.
type Token struct {
	Hash        []byte            `codec:"h"` // 32 bytes
	Accessor    string            `codec:"a"`
	Parent      []byte            `codec:"p"` // hash of the parent; empty for an orphan
	Policies    []string          `codec:"o"` // sorted, "default" included unless refused
	Meta        map[string]string `codec:"m"`
	DisplayName string            `codec:"n"`
	Path        string            `codec:"w"` // the path that created it
	Created     int64             `codec:"c"` // unix nanoseconds
	TTL         int64             `codec:"l"` // seconds granted at creation; 0 never expires
	Renewed     int64             `codec:"r"` // unix nanoseconds of the last renewal; 0 never
	Expire      int64             `codec:"e"` // unix nanoseconds; 0 never
	Renewable   bool              `codec:"b"`

	Period      int64    `codec:"q,omitempty"` // seconds that each renewal grants, without an end; 0 not periodic
	ExplicitMax int64    `codec:"x,omitempty"` // seconds from creation after which no renewal helps; 0 the system's limit
	Uses        int64    `codec:"u,omitempty"` // left; 0 unlimited
	Role        string   `codec:"k,omitempty"` // the token role it was made through
	BoundCIDRs  []string `codec:"s,omitempty"` // where it may be used from; empty anywhere
	Application string   `codec:"i,omitempty"` // the application it belongs to

	policySet string // derived: the policies joined by zero bytes
	id        string // derived: the hash in hex
}

// PolicySet is one text for the token's set of policies, equal for equal sets,
// made once: it is asked for on every request.
func (t *Token) PolicySet() string { return t.policySet }

// ID is the hash in hex, made once.
func (t *Token) ID() string { return t.id }

func (t *Token) derive() {
	t.policySet, t.id = strings.Join(t.Policies, "\x00"), hex.EncodeToString(t.Hash)
}

// Root says whether the token carries the root policy.
func (t *Token) Root() bool {
	for _, p := range t.Policies {
		if p == "root" {
			return true
		}
	}
	return false
}

// Expired says whether the token is expired at now, unix nanoseconds. The
// instant of expiry itself is too late.
func (t *Token) Expired(now int64) bool { return t.Expire != 0 && now >= t.Expire }
