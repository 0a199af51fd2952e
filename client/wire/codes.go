package wire

// Code is the stable, typed half of an error answer. A client decides by it;
// the sentences beside it are for people and may change.
type Code string

// Refusals of the caller. Repeating the same request gives the same answer.
const (
	// PermissionDenied (403): the token is good, but no policy of it grants this
	// capability on this path. Ask for a policy; look with capabilities-self.
	PermissionDenied Code = "permission_denied"
	// InvalidToken (403, with the words "permission denied"): the token is
	// missing, malformed, unknown, expired, revoked or used up. Log in again.
	InvalidToken Code = "invalid_token"
	// TokenNotFound: the token or accessor that the request is about (not the
	// one it is made with) does not exist, or no longer.
	TokenNotFound Code = "token_not_found"
	// TokenNotRenewable (400): renewing is not possible; create another token.
	TokenNotRenewable Code = "token_not_renewable"
	// InvalidCredentials (400): a role id or secret id is wrong, spent or expired,
	// or comes from where it may not be used. All causes look the same.
	InvalidCredentials Code = "invalid_credentials"
	// ApplicationBlocked (403): the credentials are good, and an operator has
	// blocked the application that they belong to. Ask the operator.
	ApplicationBlocked Code = "application_blocked"
)

// Mistakes in the request. Repeating the same request gives the same answer.
const (
	// BadRequest (400): a field is missing, of the wrong type or out of range;
	// the text names it.
	BadRequest Code = "bad_request"
	// InvalidJSON (400): the body is no JSON object, too deep, or names a member
	// twice where that is refused.
	InvalidJSON Code = "invalid_json"
	// UnknownField (400): a member that a path of ours does not know, by name.
	// Vault-compatible paths ignore unknown members instead.
	UnknownField Code = "unknown_field"
	// Unsupported (400): the request is understood, and asks for something that
	// this server does not do; the text names it.
	Unsupported Code = "unsupported"
	// BadPath (400): encoded slashes, "." or "..", or another non-canonical path.
	BadPath Code = "bad_path"
	// BadTransition (400): what is asked for does not follow from the present
	// state; the text says why.
	BadTransition Code = "bad_transition"
	// BadSnapshot (400): the snapshot that was sent is damaged, of another cluster,
	// or not one; the text says which.
	BadSnapshot Code = "bad_snapshot"
	// UnsupportedPath (404): no such endpoint.
	UnsupportedPath Code = "unsupported_path"
	// MethodNotAllowed (405): the endpoint exists, with other methods.
	MethodNotAllowed Code = "method_not_allowed"
	// NotFound (404): GET of something that does not exist, LIST of nothing.
	NotFound Code = "not_found"
	// BodyTooLarge (413): over 1 MiB without a token, or over 32 MiB.
	BodyTooLarge Code = "body_too_large"
	// NamespaceUnsupported (400): a namespace other than root was asked for.
	NamespaceUnsupported Code = "namespace_unsupported"
	// WrappingUnsupported (400): response wrapping was asked for.
	WrappingUnsupported Code = "wrapping_unsupported"
)

// Keys and policies: what was asked for does not fit what is there.
const (
	// KeyNotFound (404 on GET, otherwise 400): no key of this name.
	KeyNotFound Code = "key_not_found"
	// UnknownKeyType (400): create with a type that does not exist.
	UnknownKeyType Code = "unknown_key_type"
	// KeyTypeUnsupported (400): a key of this type cannot do this.
	KeyTypeUnsupported Code = "key_type_unsupported"
	// KeyDeleted (404 on GET, otherwise 400): the key is deleted and not destroyed
	// yet: undelete it, or wait.
	KeyDeleted Code = "key_deleted"
	// DeletionNotAllowed (400): set deletion_allowed with config first.
	DeletionNotAllowed Code = "deletion_not_allowed"
	// ExportRefused (400): export, plaintext backup, or a key that would allow
	// them. There is no way to get a private key out.
	ExportRefused Code = "export_refused"
	// VersionTooNew (400): this version of the key does not exist (yet).
	VersionTooNew Code = "version_too_new"
	// VersionTooOld (400): below the minimum version that config allows.
	VersionTooOld Code = "version_too_old"
	// EncryptionsSpent (400): this version made as many encryptions as is safe;
	// rotate the key.
	EncryptionsSpent Code = "encryptions_spent"
	// BadCiphertext (400): malformed, of another key, altered, or the associated
	// data is another one.
	BadCiphertext Code = "bad_ciphertext"
	// BadSignatureFormat (400): malformed. A well-formed signature that does not
	// verify is no error but valid: false.
	BadSignatureFormat Code = "bad_signature_format"
	// BadHMACFormat (400): malformed. A well-formed HMAC that does not verify is no
	// error but valid: false.
	BadHMACFormat Code = "bad_hmac_format"
	// NoHMACKey (400): the key version was made before keys had an HMAC key; rotate
	// the key.
	NoHMACKey Code = "no_hmac_key"
	// KeyBound (400): the key serves an issuer, and transit does nothing with it but
	// read and list it. Sign tokens under jwt/ instead.
	KeyBound Code = "key_bound_to_issuer"
	// WrongClient (400): who revokes a token at the endpoint of RFC 7009 is not the
	// client that it was issued to.
	WrongClient Code = "wrong_client"
	// IssuerNotFound (404 on GET, otherwise 400): no issuer of this name.
	IssuerNotFound Code = "issuer_not_found"
	// ProfileNotFound (404 on GET, otherwise 400): the issuer has no profile of this
	// name.
	ProfileNotFound Code = "profile_not_found"
	// NoSigningKey (400): no version of the issuer's key is active: rotate the issuer,
	// or put the suspended version back.
	NoSigningKey Code = "no_signing_key"
	// UnwrapFailed (400): what was to be imported does not unwrap with the wrapping key
	// and the hash_function. What is wrong is never told.
	UnwrapFailed Code = "unwrap_failed"
	// KeyRejected (400): what unwrapped is not a key of the type, or is a weak one; the
	// text says which rule it breaks.
	KeyRejected Code = "key_rejected"
	// RotationNotAllowed (400): the key was imported without allow_rotation. Import its
	// next version.
	RotationNotAllowed Code = "rotation_not_allowed"
	// ClaimNotAllowed (400): the profile does not allow this claim, audience, scope or
	// lifetime; the text names it.
	ClaimNotAllowed Code = "claim_not_allowed"
	// VersionState (400): the version neither signs nor encrypts, or neither verifies
	// nor decrypts, in the state that it is in; the text says which.
	VersionState Code = "version_state"
	// BadPolicy (400): the policy text does not parse; the text says where.
	BadPolicy Code = "bad_policy"
	// PolicyProtected (400): root and default cannot be deleted, nor root written.
	PolicyProtected Code = "policy_protected"
)

// ClusterLevel (400): a node of the cluster is of a build that does not know this yet,
// or the build of the node that wants to join is too old. The text says which nodes to
// upgrade. Nothing was changed.
const ClusterLevel Code = "cluster_level"

// IndexUnknown (412): the request asks for a state at an index, or a later one, that the
// whole cluster has not got to, as its leader says. The index is from before a recovery or
// a restore that lost it, or of another cluster: forget it, and send the request without.
// Nothing was done.
const IndexUnknown Code = "index_unknown"

// Init and unseal (400). A share refused with one of these was not counted.
const (
	// AlreadyInitialized: init was done before, and cannot be done again.
	AlreadyInitialized Code = "already_initialized"
	// NotInitialized: run init first. 503 outside of unseal and verify-share.
	NotInitialized Code = "not_initialized"
	// SealUnavailable (502): a seal of the configuration, on which init or a migration
	// depends, does not do its part; the text says what it answers. Nothing was
	// changed.
	SealUnavailable Code = "seal_unavailable"
	// ShareEncoding: neither hex nor base64.
	ShareEncoding Code = "share_encoding"
	// ShareLength: characters are missing or too many.
	ShareLength Code = "share_length"
	// ShareDamaged: the checksum does not match: a character was mistyped.
	ShareDamaged Code = "share_damaged"
	// ShareForeign: intact, but of another cluster.
	ShareForeign Code = "share_foreign"
	// ShareGeneration: of this cluster, from before or after another rekey.
	ShareGeneration Code = "share_generation"
	// ShareIndex: numbered outside of the shares that were made.
	ShareIndex Code = "share_index"
	// ShareWrong: intact, but not the share that was made under this number.
	ShareWrong Code = "share_wrong"
	// ShareRepeated: this share counts already; give another one.
	ShareRepeated Code = "share_repeated"
)

// The server cannot serve now. Nothing happened, so every request may be
// repeated after Retry-After; see [Code.NothingHappened].
const (
	// Sealed (503): an operator has to unseal the node.
	Sealed Code = "sealed"
	// NoLeader (503): an election is going on, or a majority is lost.
	NoLeader Code = "no_leader"
	// NotAdmitted (502): the node could not ask the cluster that it is to join, or the
	// cluster cannot admit it now; the text says which. It is in no cluster yet.
	NotAdmitted Code = "not_admitted"
	// NoLease (503): this node may not answer at the moment; what it had
	// computed was withheld.
	NoLease Code = "no_lease"
	// AuditUnavailable (503): the audit log cannot be written (disk full, file
	// gone), and nothing is done without its record.
	AuditUnavailable Code = "audit_unavailable"
	// StorageFull (503): the disk of the data directory is almost full. Signing
	// goes on; writes resume by themselves when there is space.
	StorageFull Code = "storage_full"
	// Overloaded (503): too many bodies or requests at once.
	Overloaded Code = "overloaded"
	// RateLimited (429): over the quota, or too many wrong shares.
	RateLimited Code = "rate_limited"
)

// The server does not say, or cannot know.
const (
	// OutcomeUnknown (409): the write was begun and may or may not happen. Read
	// before repeating it.
	OutcomeUnknown Code = "outcome_unknown"
	// IdempotencyMismatch (409): the idempotency key came with another request
	// before. Take a new key for each request.
	IdempotencyMismatch Code = "idempotency_mismatch"
	// IdempotencySpent (409): the request was carried out before, and the token
	// or secret id it made is shown once. The answer names its accessor: revoke or
	// destroy it, or go on with it if somebody has it.
	IdempotencySpent Code = "idempotency_spent"
	// Internal (500): a fault of the server; the request id finds its log line.
	// Whether anything happened is not known.
	Internal Code = "internal"
)

// Codes returns every code, in the order above.
func Codes() []Code {
	return []Code{
		PermissionDenied, InvalidToken, TokenNotFound, TokenNotRenewable, InvalidCredentials, ApplicationBlocked,
		BadRequest, InvalidJSON, UnknownField, Unsupported, BadPath, BadTransition, BadSnapshot, UnsupportedPath, MethodNotAllowed, NotFound,
		BodyTooLarge, NamespaceUnsupported, WrappingUnsupported,
		KeyNotFound, UnknownKeyType, KeyTypeUnsupported, KeyDeleted, DeletionNotAllowed, ExportRefused,
		VersionTooNew, VersionTooOld, EncryptionsSpent, BadCiphertext, BadSignatureFormat, BadHMACFormat, NoHMACKey, KeyBound, WrongClient, IssuerNotFound, ProfileNotFound, NoSigningKey, UnwrapFailed, KeyRejected, RotationNotAllowed, ClaimNotAllowed,
		VersionState,
		BadPolicy, PolicyProtected, ClusterLevel, IndexUnknown,
		AlreadyInitialized, NotInitialized, SealUnavailable,
		ShareEncoding, ShareLength, ShareDamaged, ShareForeign, ShareGeneration, ShareIndex, ShareWrong, ShareRepeated,
		Sealed, NoLeader, NotAdmitted, NoLease, AuditUnavailable, StorageFull, Overloaded, RateLimited,
		OutcomeUnknown, IdempotencyMismatch, IdempotencySpent, Internal,
	}
}

// NothingHappened reports that an answer with this code proves that the request
// had no effect and that the same request may succeed later: the only case in
// which a client repeats a write by itself.
func (c Code) NothingHappened() bool {
	switch c {
	case Sealed, NoLeader, NoLease, AuditUnavailable, StorageFull, Overloaded, RateLimited:
		return true
	default:
		return false
	}
}
