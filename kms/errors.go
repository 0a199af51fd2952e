package kms

import (
	"errors"
	"fmt"
	"strings"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
	"github.com/signet-kms/signet/seal"
)

// Error is a sentinel of the domain: a stable code for programs and for the
// audit log, and a text for people. Wrap it to add what is wrong in this case:
// fmt.Errorf("%w: ...", ErrX). errors.Is finds it, Code names it.
type Error struct {
	code string
	text string
}

func (e *Error) Error() string { return e.text }

// Code is the stable code.
func (e *Error) Code() string { return e.code }

// The sentinels. Each means the same wherever it is returned.
var (
	ErrPermissionDenied    = &Error{"permission_denied", "permission denied"}
	ErrInvalidToken        = &Error{"invalid_token", "permission denied: invalid token"}
	ErrSealed              = &Error{"sealed", "Signet is sealed"}
	ErrNotInitialized      = &Error{"not_initialized", "Signet is not initialized: run 'signet operator init' once"}
	ErrInitialized         = &Error{"already_initialized", "Signet is already initialized"}
	ErrNoLeader            = &Error{"no_leader", "this node does not lead the cluster and knows no leader; try again shortly"}
	ErrNotAdmitted         = &Error{"not_admitted", "the cluster does not admit this node"}
	ErrNoLease             = &Error{"no_lease", "this node may be behind the cluster and does not answer until the leader has confirmed it; try again shortly, or ask another node"}
	ErrAuditUnavailable    = &Error{"audit_unavailable", "the audit log cannot be written, and nothing is done without its record"}
	ErrBusy                = &Error{"overloaded", "the node is busy; nothing was done, try again shortly"}
	ErrStorageFull         = &Error{"storage_full", "the disk of the data directory is almost full; nothing was written"}
	ErrOutcomeUnknown      = &Error{"outcome_unknown", "the write was begun and its outcome is not known; read before trying again"}
	ErrIdempotencyMismatch = &Error{"idempotency_mismatch", "this idempotency key was used for another request; take a new one"}
	ErrIdempotencySpent    = &Error{"idempotency_spent", "this request was carried out before, and what it made is shown once"}
	ErrBadRequest          = &Error{"bad_request", "bad request"}
	ErrNotFound            = &Error{"not_found", "not found"}
	ErrNoMount             = &Error{"unsupported_path", "no engine is mounted here"}
	ErrUnsupported         = &Error{"unsupported", "not supported"}
	ErrRateLimited         = &Error{"rate_limited", "too many requests"}

	ErrKeyNotFound        = &Error{"key_not_found", "key not found"}
	ErrUnknownKeyType     = &Error{"unknown_key_type", "unknown key type"}
	ErrKeyTypeUnsupported = &Error{"key_type_unsupported", "the key's type does not support this"}
	ErrKeyDeleted         = &Error{"key_deleted", "the key is deleted; undelete it first"}
	ErrDeletionNotAllowed = &Error{"deletion_not_allowed", "deletion is not allowed for this key"}
	ErrExportRefused      = &Error{"export_refused", "private keys never leave: export and plaintext backup do not exist"}
	ErrVersionTooNew      = &Error{"version_too_new", "requested version is higher than the latest key version"}
	ErrVersionTooOld      = &Error{"version_too_old", "ciphertext or signature version is disallowed by policy (too old)"}
	ErrBadCiphertext      = &Error{"bad_ciphertext", "invalid ciphertext"}
	ErrBadSignature       = &Error{"bad_signature_format", "invalid signature"}
	ErrBadHMAC            = &Error{"bad_hmac_format", "invalid hmac"}
	ErrNoHMACKey          = &Error{"no_hmac_key", "this key version was made before keys had an hmac key; rotate the key and use the new version"}

	ErrKeyBound        = &Error{"key_bound_to_issuer", "the key serves an issuer, and nothing else uses it"}
	ErrIssuerNotFound  = &Error{"issuer_not_found", "issuer not found"}
	ErrProfileNotFound = &Error{"profile_not_found", "profile not found"}
	ErrNoSigningKey    = &Error{"no_signing_key", "no version of the issuer's key is active"}
	ErrClaimNotAllowed = &Error{"claim_not_allowed", "the profile does not allow this claim"}
	ErrWrongClient     = &Error{"wrong_client", "the token was issued to another client"}

	ErrUnwrapFailed       = &Error{"unwrap_failed", "the ciphertext of the imported key does not unwrap"}
	ErrKeyRejected        = &Error{"key_rejected", "the key is not imported"}
	ErrRotationNotAllowed = &Error{"rotation_not_allowed", "the key was imported without allow_rotation, and has no versions made here"}

	ErrVersionState  = &Error{"version_state", "the state of the key version does not allow this"}
	ErrBadTransition = &Error{"bad_transition", "this does not follow from the present state"}

	ErrEncryptionsSpent = &Error{"encryptions_spent", "this key version has made as many encryptions as is safe, or how many is not known since a restore; rotate the key"}

	ErrBadPolicy         = &Error{"bad_policy", "invalid policy"}
	ErrPolicyProtected   = &Error{"policy_protected", "this policy is built in"}
	ErrTokenNotFound     = &Error{"token_not_found", "bad token"}
	ErrTokenNotRenewable = &Error{"token_not_renewable", "token is not renewable"}

	ErrInvalidCredentials = &Error{"invalid_credentials", "invalid role or secret ID"}
	ErrApplicationBlocked = &Error{"application_blocked", "the application is blocked"}

	ErrIndexUnknown    = &Error{"index_unknown", "the cluster's state is not as far as the index that is asked for: that index is of a history that was lost, or of another cluster"}
	ErrClusterLevel    = &Error{"cluster_level", "a node of the cluster is too old for this; upgrade every node first"}
	ErrSealUnavailable = &Error{"seal_unavailable", "a seal of the configuration does not do its part"}
	ErrBadSnapshot     = &Error{"bad_snapshot", "the snapshot cannot be used"}

	ErrShareEncoding   = &Error{"share_encoding", "share is neither hex nor base64"}
	ErrShareLength     = &Error{"share_length", "share has the wrong length"}
	ErrShareDamaged    = &Error{"share_damaged", "share is damaged"}
	ErrShareForeign    = &Error{"share_foreign", "share belongs to another cluster"}
	ErrShareGeneration = &Error{"share_generation", "share belongs to another generation"}
	ErrShareIndex      = &Error{"share_index", "share number out of range"}
	ErrShareWrong      = &Error{"share_wrong", "share is wrong"}
	ErrShareRepeated   = &Error{"share_repeated", "share was already given"}
)

// Sentinels lists every sentinel, for the table from error to status.
func Sentinels() []*Error {
	return []*Error{
		ErrPermissionDenied, ErrInvalidToken, ErrSealed, ErrNotInitialized, ErrInitialized, ErrNoLeader, ErrNotAdmitted, ErrNoLease,
		ErrAuditUnavailable, ErrBusy, ErrStorageFull, ErrOutcomeUnknown, ErrIdempotencyMismatch, ErrIdempotencySpent, ErrBadRequest, ErrNotFound, ErrNoMount, ErrUnsupported, ErrRateLimited,
		ErrKeyNotFound, ErrUnknownKeyType, ErrKeyTypeUnsupported, ErrKeyDeleted, ErrDeletionNotAllowed, ErrExportRefused,
		ErrVersionTooNew, ErrVersionTooOld, ErrBadCiphertext, ErrBadSignature, ErrBadHMAC, ErrNoHMACKey, ErrEncryptionsSpent,
		ErrKeyBound, ErrIssuerNotFound, ErrProfileNotFound, ErrNoSigningKey, ErrClaimNotAllowed,
		ErrVersionState, ErrWrongClient, ErrUnwrapFailed, ErrKeyRejected, ErrRotationNotAllowed,
		ErrBadPolicy, ErrPolicyProtected, ErrTokenNotFound, ErrTokenNotRenewable,
		ErrInvalidCredentials, ErrApplicationBlocked, ErrBadTransition, ErrBadSnapshot,
		ErrSealUnavailable, ErrClusterLevel, ErrIndexUnknown,
		ErrShareEncoding, ErrShareLength, ErrShareDamaged, ErrShareForeign, ErrShareGeneration,
		ErrShareIndex, ErrShareWrong, ErrShareRepeated,
	}
}

// Code returns the stable code of err: "" for nil, "internal" for what has none.
// Sentinels of this package and refusals of a transport have one.
func Code(err error) string {
	if err == nil {
		return ""
	}
	var coded interface {
		error
		Code() string
	}
	if errors.As(err, &coded) {
		return coded.Code()
	}
	return "internal"
}

// rephrased is a sentinel with a text of its own, where clients expect certain
// words in place of the sentinel's.
type rephrased struct {
	base *Error
	text string
}

func (r *rephrased) Error() string { return r.text }
func (r *rephrased) Unwrap() error { return r.base }

// Rephrase returns base with the text that another node gave it.
func Rephrase(base *Error, text string) error { return &rephrased{base, text} }

// saying returns base with another text.
func saying(base *Error, format string, args ...any) error {
	return &rephrased{base, fmt.Sprintf(format, args...)}
}

// Quote shows a caller's word in an error, if it cannot be a secret in the wrong
// place.
func Quote(word string) string { return state.Quote(word) }

// translations maps the errors of the rooms below to sentinels of this one. The
// text of the error below is kept: it says what is wrong in this case.
var translations = []struct {
	from error
	to   *Error
}{
	{keyring.ErrSealed, ErrSealed},
	{keyring.ErrKeyType, ErrUnknownKeyType},
	{keyring.ErrUnsupported, ErrKeyTypeUnsupported},
	{keyring.ErrHash, ErrBadRequest},
	{keyring.ErrSHA1, ErrBadRequest},
	{keyring.ErrHashNone, ErrBadRequest},
	{keyring.ErrPrehashedEd25519, ErrBadRequest},
	{keyring.ErrSalt, ErrBadRequest},
	{keyring.ErrDigestLength, ErrBadRequest},
	{keyring.ErrCiphertext, ErrBadCiphertext},
	{keyring.ErrNoHMACKey, ErrNoHMACKey},
	{keyring.ErrKeySize, ErrBadRequest},
	{keyring.ErrUnwrap, ErrUnwrapFailed},
	{keyring.ErrImport, ErrKeyRejected},
	{state.ErrImportedKey, ErrRotationNotAllowed},
	{state.ErrNotImported, ErrBadRequest},
	{state.ErrKIDTaken, ErrBadRequest},
	{state.ErrKeyExists, ErrBadRequest},
	{state.ErrKeyMissing, ErrKeyNotFound},
	{state.ErrNotRestored, ErrBadTransition},
	{state.ErrKeyDeleted, ErrKeyDeleted},
	{state.ErrKeyNotDeleted, ErrBadRequest},
	{state.ErrGraceNotOver, ErrBadRequest},
	{state.ErrBadTrim, ErrBadRequest},
	{state.ErrKeyBound, ErrKeyBound},
	{state.ErrIssuerMissing, ErrIssuerNotFound},
	{state.ErrIssuerExists, ErrBadRequest},
	{state.ErrCutOffAhead, ErrBadRequest},
	{state.ErrIssuerDeleted, ErrKeyDeleted},
	{state.ErrIssuerTaken, ErrBadRequest},
	{state.ErrProfileMissing, ErrProfileNotFound},
	{state.ErrBadLead, ErrBadRequest},
	{state.ErrRotationPending, ErrBadTransition},
	{state.ErrNotPending, ErrBadTransition},
	{state.ErrTooEarly, ErrBadTransition},
	{state.ErrBadMove, ErrBadTransition},
	{state.ErrNoNextVersion, ErrBusy},
	{state.ErrOnceMismatch, ErrIdempotencyMismatch},
	{state.ErrOnceSpent, ErrIdempotencySpent},
	{state.ErrDeletionNotAllowed, ErrDeletionNotAllowed},
	{state.ErrEncryptionsSpent, ErrEncryptionsSpent},
	{state.ErrBadMinimum, ErrBadRequest},
	{state.ErrVersionConflict, ErrBusy},
	{state.ErrTokenMissing, ErrTokenNotFound},
	{state.ErrCallerGone, ErrInvalidToken},
	{state.ErrApplicationMissing, ErrBadRequest},
	{state.ErrApplicationInUse, ErrBadRequest},
	{state.ErrApplicationBlocked, ErrApplicationBlocked},
	{state.ErrNotBlocked, ErrBadTransition},
	{state.ErrRoleMissing, ErrNotFound},
	{state.ErrRoleIDTaken, ErrBadRequest},
	{state.ErrSecretIDExists, ErrBadRequest},
	{state.ErrLogin, ErrInvalidCredentials},
	{state.ErrRoleChanged, ErrBusy},
	{state.ErrMountMissing, ErrNoMount},
	{state.ErrBadTerm, ErrBusy},
	{state.ErrBadSeal, ErrBusy},
	{state.ErrGenesisTwice, ErrInitialized},
	{state.ErrOvertaken, ErrNoLeader},
	{state.ErrRestoreUnderWay, ErrBusy},
	{state.ErrRestoreGone, ErrBusy},
	{state.ErrOldGeneration, ErrBadSnapshot},
	{state.ErrForeignBackup, ErrBadSnapshot},
	// Before ErrNotProposed, which they are as well.
	{state.ErrRosterChanged, ErrBusy},
	{state.ErrLevelFalls, ErrBusy}, // another leader raised it
	{raftstore.ErrLevel, ErrClusterLevel},
	{state.ErrJoinToken, ErrInvalidCredentials},
	{state.ErrTooManyJoinToken, ErrBadRequest},
	{raftstore.ErrStorageFull, ErrStorageFull},
	{raftstore.ErrTooLarge, ErrBadRequest},
	{raftstore.ErrNotLeader, ErrNoLeader},
	{raftstore.ErrNotProposed, ErrNoLeader},
	{raftstore.ErrUnknownOutcome, ErrOutcomeUnknown},
	{policy.ErrInvalid, ErrBadPolicy},
	{policy.ErrName, ErrBadPolicy},
	{policy.ErrRoot, ErrPolicyProtected},
	{policy.ErrDefault, ErrPolicyProtected},
	{seal.ErrShareEncoding, ErrShareEncoding},
	{seal.ErrShareVersion, ErrShareEncoding},
	{seal.ErrShareLength, ErrShareLength},
	{seal.ErrShareDamaged, ErrShareDamaged},
	{seal.ErrShareForeign, ErrShareForeign},
	{seal.ErrShareGeneration, ErrShareGeneration},
	{seal.ErrShareIndex, ErrShareIndex},
	{seal.ErrShareWrong, ErrShareWrong},
	{seal.ErrShareRepeated, ErrShareRepeated},
	{audit.ErrUnavailable, ErrAuditUnavailable},
}

// translate gives an error from below the sentinel it means here. An error that
// means nothing here stays as it is and is "internal" to the caller.
func translate(err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	for _, t := range translations {
		if errors.Is(err, t.from) {
			return &rephrased{t.to, strings.TrimPrefix(err.Error(), "seal: ")}
		}
	}
	return err
}
