package state

import "slices"

// The kinds of command that are about the members of the cluster.
const (
	KindSetRoster       Kind = 51
	KindCreateJoinToken Kind = 52
	KindDeleteJoinToken Kind = 53
)

// Membership is what the cluster agreed on about its members. The roster itself
// stands in clear beside the command that set it, for nodes that are sealed; the
// version here says which one is in force.
type Membership struct {
	Version    uint64      `codec:"v"`           // of the roster in force; 0: that of genesis
	CAKey      Secret      `codec:"k,omitempty"` // PKCS #8 (RFC 5208): signs the certificates of the members
	JoinTokens []JoinToken `codec:"j,omitempty"`
	Level      uint64      `codec:"l,omitempty"` // the feature level of the cluster; never falls
	Autopilot  *Autopilot  `codec:"a,omitempty"` // nil: DefaultAutopilot
}

// JoinToken lets one node join, once. The token itself is stored nowhere.
type JoinToken struct {
	ID       string `codec:"i"`
	Hash     []byte `codec:"h"` // 32 bytes
	NodeID   string `codec:"n"`
	Suffrage string `codec:"s"`           // what the node is to become: voter or replica
	Created  int64  `codec:"c"`           // unix nanoseconds
	Expire   int64  `codec:"e"`           // unix nanoseconds
	Used     string `codec:"u,omitempty"` // incarnation of the node that joined with it; "" for none yet
	Maker    string `codec:"m,omitempty"` // display name of who made it
}

// MaxJoinTokens bounds how many join tokens are kept at once.
const MaxJoinTokens = 64

// The refusals about members.
const (
	ErrRosterChanged    Refusal = "the members of the cluster changed meanwhile; try again"
	ErrJoinToken        Refusal = "the join token is unknown, has expired or was used"
	ErrTooManyJoinToken Refusal = "there are too many join tokens: delete some, or wait until they expire"
)

// SetRoster says that another roster is in force: the one beside it in the log
// entry. Its version must follow the last one. JoinToken is spent by it, for the
// node whose incarnation is Incarnation; the node that spent it may do so again.
// Result: nil.
type SetRoster struct {
	Version     uint64 `codec:"v"`
	CAKey       Secret `codec:"k,omitempty"` // of a cluster that has none yet
	JoinToken   string `codec:"j,omitempty"` // its id
	Incarnation string `codec:"i,omitempty"`
}

// CreateJoinToken stores a join token. Those that have expired go. Result: nil.
type CreateJoinToken struct {
	Token JoinToken `codec:"t"`
}

// DeleteJoinToken removes a join token. Result: bool, whether it existed.
type DeleteJoinToken struct {
	ID string `codec:"i"`
}

func (*SetRoster) Kind() Kind       { return KindSetRoster }
func (*CreateJoinToken) Kind() Kind { return KindCreateJoinToken }
func (*DeleteJoinToken) Kind() Kind { return KindDeleteJoinToken }

// blankMembership is blank for the commands about members.
func blankMembership(k Kind) (Command, bool) {
	switch k {
	case KindSetRoster:
		return &SetRoster{}, true
	case KindCreateJoinToken:
		return &CreateJoinToken{}, true
	case KindDeleteJoinToken:
		return &DeleteJoinToken{}, true
	case KindSetClusterLevel:
		return &SetClusterLevel{}, true
	case KindSetAutopilot:
		return &SetAutopilot{}, true
	}
	return nil, false
}

func (c *SetRoster) apply(tx *txn) error {
	m := &tx.next.Membership
	if c.Version != m.Version+1 {
		return ErrRosterChanged
	}
	tokens := m.JoinTokens
	if c.JoinToken != "" {
		i := slices.IndexFunc(tokens, func(t JoinToken) bool { return t.ID == c.JoinToken })
		if i < 0 || tokens[i].Expire <= tx.next.Time || tokens[i].Used != "" && tokens[i].Used != c.Incarnation {
			return ErrJoinToken
		}
		tokens = slices.Clone(tokens)
		tokens[i].Used = c.Incarnation
	}
	if len(c.CAKey) != 0 && len(m.CAKey) != 0 {
		return corrupt("a second key of the cluster's CA")
	}
	m.Version, m.JoinTokens = c.Version, tokens
	if len(c.CAKey) != 0 {
		m.CAKey = c.CAKey
	}
	return nil
}

func (c *CreateJoinToken) apply(tx *txn) error {
	t := c.Token
	if t.ID == "" || len(t.Hash) != 32 || t.NodeID == "" {
		return corrupt("a join token without id, hash or node id")
	}
	kept := slices.DeleteFunc(slices.Clone(tx.next.Membership.JoinTokens), func(o JoinToken) bool { return o.Expire <= tx.next.Time })
	if len(kept) >= MaxJoinTokens {
		return ErrTooManyJoinToken
	}
	tx.next.Membership.JoinTokens = append(kept, t)
	return nil
}

func (c *DeleteJoinToken) apply(tx *txn) error {
	before := tx.next.Membership.JoinTokens
	kept := slices.DeleteFunc(slices.Clone(before), func(o JoinToken) bool { return o.ID == c.ID })
	tx.result = len(kept) != len(before)
	tx.next.Membership.JoinTokens = kept
	return nil
}

// JoinToken returns a join token by its id, or nil. It may have expired.
func (s *State) JoinToken(id string) *JoinToken {
	if i := slices.IndexFunc(s.Membership.JoinTokens, func(t JoinToken) bool { return t.ID == id }); i >= 0 {
		return &s.Membership.JoinTokens[i]
	}
	return nil
}

// BarrierClass says whether a command takes something away that a node may still
// give: a key, a permission, a token, a member. Its call returns when no node can
// serve any more from before it.
func BarrierClass(k Kind) bool {
	switch k {
	case KindPutPolicy, KindDeletePolicy,
		KindRevokeToken, KindPutTokenRole, KindDeleteTokenRole,
		KindConfigKey, KindRotateKey, KindDeleteKey, KindDestroyKey, KindTrimKey, KindSetVersionState, KindActivateVersion,
		KindConfigIssuer, KindDeleteIssuer, KindPutProfile, KindDeleteProfile,
		KindRotateIssuer, KindActivateIssuer, KindCancelRotation, KindUnpublishVersion, KindCompromiseVersion,
		KindRevokeIssued, KindSpendIssued,
		KindPutApplication, KindSetApplicationState, KindDeleteApplication, KindPutAppRole, KindDeleteAppRole, KindDeleteSecretID,
		KindSetRoster:
		return true
	}
	return false
}
