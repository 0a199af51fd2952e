package state

// Kind numbers the commands. A number is never reused and never changes its
// meaning: a log written today is applied by every later build. A new command
// takes the next number and waits, in a cluster, until every node knows it.
type Kind uint16

// The kinds of command.
const (
	KindGenesis Kind = 1 + iota
	KindEpoch
	KindTick
	KindPutPolicy
	KindDeletePolicy
	KindCreateToken
	KindRenewToken
	KindRevokeToken
	KindCreateKey
	KindConfigKey
	KindRotateKey
	KindDeleteKey
	KindReserveEncryptions
	KindDestroyKey
	KindUndeleteKey
	KindTrimKey
	KindUseToken
	KindPutTokenRole
	KindDeleteTokenRole
	KindPutQuota
	KindDeleteQuota
	KindRotateTerm
	KindConfigRotation
	KindCreateIssuer
	KindConfigIssuer
	KindDeleteIssuer
	KindPutProfile
	KindDeleteProfile
	KindRotateIssuer
	KindActivateIssuer
	KindCancelRotation
	KindUnpublishVersion
	KindCompromiseVersion

	KindRevokeIssued    Kind = 43
	KindSpendIssued     Kind = 44
	KindSetVersionState Kind = 45
	KindActivateVersion Kind = 46
	KindUndeleteIssuer  Kind = 47
	KindPutWrappingKey  Kind = 48
	KindMigrateSeal     Kind = 57
)

// Command is one typed change of the state. A struct's fields may be added to,
// with a new codec name, "omitempty" and a zero value that means what the old
// build did, so that old bytes stay the canonical ones; a field is never renamed,
// retyped or dropped. A field that is added needs a feature level, as a new command
// does, or the members that do not know it stop: see LevelOf.
type Command interface {
	Kind() Kind
	apply(tx *txn) error
}

// Genesis makes the cluster. It is the first command of a log and never repeats.
type Genesis struct {
	Cluster Cluster `codec:"c"`
	Mount   Mount   `codec:"m"`
	Default Policy  `codec:"p"`           // the text of the default policy
	Root    Token   `codec:"r"`           // the root token
	Level   uint64  `codec:"l,omitempty"` // the cluster's feature level: that of the build that made it
}

// Epoch opens the numbering of a new leadership: the commands after it count
// from 1 again, under a higher epoch.
type Epoch struct{}

// Tick carries time alone, so that what has expired goes even when nobody
// writes.
type Tick struct{}

// PutPolicy writes a policy. Result: nil.
type PutPolicy struct {
	Policy Policy `codec:"p"`
}

// DeletePolicy removes a policy; one that does not exist is no error, as in
// Vault. Result: bool, whether it existed.
type DeletePolicy struct {
	Name string `codec:"n"`
}

// CreateToken stores a new token. Result: nil.
type CreateToken struct {
	Token Token `codec:"t"`
}

// RenewToken moves a token's expiry. Result: *Token.
type RenewToken struct {
	Hash   []byte `codec:"h"`
	Expire int64  `codec:"e"` // unix nanoseconds
}

// RevokeToken removes a token, and with it all its descendants unless Orphan is
// set, which cuts them loose instead. Result: int, the number of tokens removed.
type RevokeToken struct {
	Hash   []byte `codec:"h"`
	Orphan bool   `codec:"o"`
}

// CreateKey stores a key with its first version. Result: *Key.
type CreateKey struct {
	Key     Key        `codec:"k"`
	Version KeyVersion `codec:"v"`
}

// ConfigKey changes what is set. Result: *Key.
type ConfigKey struct {
	Mount           string  `codec:"m"`
	Name            string  `codec:"n"`
	MinDecryption   *uint32 `codec:"d"`
	MinEncryption   *uint32 `codec:"e"`
	DeletionAllowed *bool   `codec:"x"`
	AutoRotate      *int64  `codec:"r"`
	Lead            *int64  `codec:"l,omitempty"`
}

// RotateKey adds the version after the latest. Result: *Key.
type RotateKey struct {
	Version KeyVersion `codec:"v"`
	KeySize uint32     `codec:"z,omitempty"` // of a version that is brought in: bytes of an hmac key
}

// DeleteKey takes a key out of use. With a grace period it is kept, and can be
// undeleted until it is destroyed; without one it is destroyed at once, which is
// what the command meant before there were grace periods. Result: *Key, or nil
// when it was destroyed.
type DeleteKey struct {
	Mount string `codec:"m"`
	Name  string `codec:"n"`
	Grace int64  `codec:"g,omitempty"` // nanoseconds
}

// DestroyKey erases a deleted key whose grace period is over, with all its
// versions, and leaves a tombstone. Early destroys one before that, which an
// operator asked for. Result: nil.
type DestroyKey struct {
	Mount string `codec:"m"`
	Name  string `codec:"n"`
	Early bool   `codec:"e,omitempty"`
}

// UndeleteKey puts a deleted key back to use. Result: *Key.
type UndeleteKey struct {
	Mount string `codec:"m"`
	Name  string `codec:"n"`
}

// TrimKey erases the versions before MinAvailable. Result: *Key.
type TrimKey struct {
	Mount        string `codec:"m"`
	Name         string `codec:"n"`
	MinAvailable uint32 `codec:"a"`
}

// UseToken spends one use of a token whose uses are limited. With the last one it
// goes, and whoever spent it may still finish. Result: *Token, as it is after.
type UseToken struct {
	Hash []byte `codec:"h"`
}

// PutTokenRole writes a token role. Result: nil.
type PutTokenRole struct {
	Role TokenRole `codec:"r"`
}

// DeleteTokenRole removes a token role; one that does not exist is no error.
// Tokens made through it stay. Result: bool, whether it existed.
type DeleteTokenRole struct {
	Name string `codec:"n"`
}

// PutQuota writes a rate limit. Result: nil.
type PutQuota struct {
	Quota Quota `codec:"q"`
}

// DeleteQuota removes a rate limit; one that does not exist is no error. Result:
// bool, whether it existed.
type DeleteQuota struct {
	Name string `codec:"n"`
}

// RotateTerm says that a new term of the barrier is active, whose number must
// follow the last one. The term itself travels in the seal record of the same
// log entry, which was made of the one in force at the revision Seal. Result: nil.
type RotateTerm struct {
	Term uint64 `codec:"t"`
	Seal uint64 `codec:"s,omitempty"` // the revision of the seal that the record beside it continues
}

// ConfigRotation sets when the barrier's term rotates by itself. Result: nil.
type ConfigRotation struct {
	Rotation Rotation `codec:"r"`
}

// ReserveEncryptions books encryptions under a key version before they are made.
// A node that stops with some left over has counted too many, never too few.
// Result: *KeyVersion.
type ReserveEncryptions struct {
	Mount  string `codec:"m"`
	Name   string `codec:"n"`
	Number uint32 `codec:"v"`
	Count  uint64 `codec:"c"`
}

func (*Genesis) Kind() Kind      { return KindGenesis }
func (*Epoch) Kind() Kind        { return KindEpoch }
func (*Tick) Kind() Kind         { return KindTick }
func (*PutPolicy) Kind() Kind    { return KindPutPolicy }
func (*DeletePolicy) Kind() Kind { return KindDeletePolicy }
func (*CreateToken) Kind() Kind  { return KindCreateToken }
func (*RenewToken) Kind() Kind   { return KindRenewToken }
func (*RevokeToken) Kind() Kind  { return KindRevokeToken }
func (*CreateKey) Kind() Kind    { return KindCreateKey }
func (*ConfigKey) Kind() Kind    { return KindConfigKey }
func (*RotateKey) Kind() Kind    { return KindRotateKey }
func (*DeleteKey) Kind() Kind    { return KindDeleteKey }

func (*CreateIssuer) Kind() Kind      { return KindCreateIssuer }
func (*ConfigIssuer) Kind() Kind      { return KindConfigIssuer }
func (*DeleteIssuer) Kind() Kind      { return KindDeleteIssuer }
func (*UndeleteIssuer) Kind() Kind    { return KindUndeleteIssuer }
func (*PutProfile) Kind() Kind        { return KindPutProfile }
func (*DeleteProfile) Kind() Kind     { return KindDeleteProfile }
func (*RotateIssuer) Kind() Kind      { return KindRotateIssuer }
func (*ActivateIssuer) Kind() Kind    { return KindActivateIssuer }
func (*CancelRotation) Kind() Kind    { return KindCancelRotation }
func (*UnpublishVersion) Kind() Kind  { return KindUnpublishVersion }
func (*CompromiseVersion) Kind() Kind { return KindCompromiseVersion }

func (*ReserveEncryptions) Kind() Kind { return KindReserveEncryptions }
func (*DestroyKey) Kind() Kind         { return KindDestroyKey }
func (*UndeleteKey) Kind() Kind        { return KindUndeleteKey }
func (*TrimKey) Kind() Kind            { return KindTrimKey }
func (*UseToken) Kind() Kind           { return KindUseToken }
func (*PutTokenRole) Kind() Kind       { return KindPutTokenRole }
func (*DeleteTokenRole) Kind() Kind    { return KindDeleteTokenRole }
func (*PutQuota) Kind() Kind           { return KindPutQuota }
func (*DeleteQuota) Kind() Kind        { return KindDeleteQuota }
func (*RotateTerm) Kind() Kind         { return KindRotateTerm }
func (*ConfigRotation) Kind() Kind     { return KindConfigRotation }

// blank returns an empty command of a kind to decode into.
func blank(k Kind) (Command, bool) {
	switch k {
	case KindGenesis:
		return &Genesis{}, true
	case KindEpoch:
		return &Epoch{}, true
	case KindTick:
		return &Tick{}, true
	case KindPutPolicy:
		return &PutPolicy{}, true
	case KindDeletePolicy:
		return &DeletePolicy{}, true
	case KindCreateToken:
		return &CreateToken{}, true
	case KindRenewToken:
		return &RenewToken{}, true
	case KindRevokeToken:
		return &RevokeToken{}, true
	case KindCreateKey:
		return &CreateKey{}, true
	case KindConfigKey:
		return &ConfigKey{}, true
	case KindRotateKey:
		return &RotateKey{}, true
	case KindDeleteKey:
		return &DeleteKey{}, true
	case KindReserveEncryptions:
		return &ReserveEncryptions{}, true
	case KindDestroyKey:
		return &DestroyKey{}, true
	case KindUndeleteKey:
		return &UndeleteKey{}, true
	case KindTrimKey:
		return &TrimKey{}, true
	case KindUseToken:
		return &UseToken{}, true
	case KindPutTokenRole:
		return &PutTokenRole{}, true
	case KindDeleteTokenRole:
		return &DeleteTokenRole{}, true
	case KindPutQuota:
		return &PutQuota{}, true
	case KindDeleteQuota:
		return &DeleteQuota{}, true
	case KindRotateTerm:
		return &RotateTerm{}, true
	case KindConfigRotation:
		return &ConfigRotation{}, true
	}
	return blankIssuer(k)
}

// blankIssuer is blank for the commands about issuers.
func blankIssuer(k Kind) (Command, bool) {
	switch k {
	case KindCreateIssuer:
		return &CreateIssuer{}, true
	case KindConfigIssuer:
		return &ConfigIssuer{}, true
	case KindDeleteIssuer:
		return &DeleteIssuer{}, true
	case KindUndeleteIssuer:
		return &UndeleteIssuer{}, true
	case KindPutProfile:
		return &PutProfile{}, true
	case KindDeleteProfile:
		return &DeleteProfile{}, true
	case KindRotateIssuer:
		return &RotateIssuer{}, true
	case KindActivateIssuer:
		return &ActivateIssuer{}, true
	case KindCancelRotation:
		return &CancelRotation{}, true
	case KindUnpublishVersion:
		return &UnpublishVersion{}, true
	case KindCompromiseVersion:
		return &CompromiseVersion{}, true
	case KindRevokeIssued:
		return &RevokeIssued{}, true
	case KindSpendIssued:
		return &SpendIssued{}, true
	case KindSetVersionState:
		return &SetVersionState{}, true
	case KindActivateVersion:
		return &ActivateVersion{}, true
	case KindPutWrappingKey:
		return &PutWrappingKey{}, true
	case KindMigrateSeal:
		return &MigrateSeal{}, true
	}
	return blankApplication(k)
}
