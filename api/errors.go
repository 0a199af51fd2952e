package api

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

// Error is a refusal of this package, before or around a verb.
type Error struct {
	status int
	code   wire.Code
	text   string
}

func (e *Error) Error() string { return e.text }

// Code is the stable code.
func (e *Error) Code() string { return string(e.code) }

func refuse(status int, code wire.Code, text string) *Error { return &Error{status, code, text} }

// The refusals that need no detail of the request.
var (
	errNoRoute     = refuse(http.StatusNotFound, wire.UnsupportedPath, "no such endpoint; the paths begin with /v1/, and not all that Vault has is here")
	errBadPath     = refuse(http.StatusBadRequest, wire.BadPath, `the path is not canonical: encoded slashes, needless escapes, "." and ".." are refused`)
	errName        = refuse(http.StatusBadRequest, wire.BadPath, "a name in the path is not one: 1 to 128 characters of a-z, A-Z, 0-9, '.', '_' and '-', the first a letter or a digit")
	errMethod      = refuse(http.StatusMethodNotAllowed, wire.MethodNotAllowed, "the endpoint exists, but not with this method")
	errNamespace   = refuse(http.StatusBadRequest, wire.NamespaceUnsupported, "there are no namespaces but root")
	errWrapping    = refuse(http.StatusBadRequest, wire.WrappingUnsupported, "response wrapping is not supported, and a bare secret is not what was asked for")
	errHost        = refuse(http.StatusForbidden, wire.BadRequest, "a development node answers only to a loopback host name, such as 127.0.0.1 or localhost")
	errTooLarge    = refuse(http.StatusRequestEntityTooLarge, wire.BodyTooLarge, "the body is too large: 1 MiB without a token, 32 MiB with one")
	errOverloaded  = refuse(http.StatusServiceUnavailable, wire.Overloaded, "too many large requests at once; try again shortly")
	errNotObject   = refuse(http.StatusBadRequest, wire.InvalidJSON, "the body is not a JSON object")
	errTooDeep     = refuse(http.StatusBadRequest, wire.InvalidJSON, "the body is nested too deep")
	errBodyBroken  = refuse(http.StatusBadRequest, wire.BadRequest, "the body ended early or could not be read")
	errTwoKeys     = refuse(http.StatusBadRequest, wire.BadRequest, "a request has one Idempotency-Key")
	errBesideBatch = refuse(http.StatusBadRequest, wire.BadRequest, "with batch_input each token is one of its items: what is asked for belongs there")
	errInternalMsg = "internal error"
)

// statusOf is the one table from error to status: the code of each sentinel of
// kms to the status of HTTP. What is missing here is a 500 without detail.
var statusOf = map[wire.Code]int{
	wire.PermissionDenied: http.StatusForbidden,
	wire.InvalidToken:     http.StatusForbidden,

	wire.ApplicationBlocked: http.StatusForbidden,
	wire.InvalidCredentials: http.StatusBadRequest, // as Vault
	wire.BadTransition:      http.StatusBadRequest,
	wire.BadSnapshot:        http.StatusBadRequest,
	wire.ClusterLevel:       http.StatusBadRequest,
	wire.IndexUnknown:       http.StatusPreconditionFailed,

	wire.BadRequest:         http.StatusBadRequest,
	wire.Unsupported:        http.StatusBadRequest,
	wire.KeyNotFound:        http.StatusBadRequest,
	wire.UnknownKeyType:     http.StatusBadRequest,
	wire.KeyTypeUnsupported: http.StatusBadRequest,
	wire.KeyDeleted:         http.StatusBadRequest,
	wire.DeletionNotAllowed: http.StatusBadRequest,
	wire.ExportRefused:      http.StatusBadRequest,
	wire.VersionTooNew:      http.StatusBadRequest,
	wire.VersionTooOld:      http.StatusBadRequest,
	wire.EncryptionsSpent:   http.StatusBadRequest,
	wire.BadCiphertext:      http.StatusBadRequest,
	wire.BadSignatureFormat: http.StatusBadRequest,
	wire.BadHMACFormat:      http.StatusBadRequest,
	wire.NoHMACKey:          http.StatusBadRequest,
	wire.KeyBound:           http.StatusBadRequest,
	wire.IssuerNotFound:     http.StatusBadRequest,
	wire.WrongClient:        http.StatusBadRequest,
	wire.ProfileNotFound:    http.StatusBadRequest,
	wire.NoSigningKey:       http.StatusBadRequest,
	wire.UnwrapFailed:       http.StatusBadRequest,
	wire.KeyRejected:        http.StatusBadRequest,
	wire.RotationNotAllowed: http.StatusBadRequest,
	wire.ClaimNotAllowed:    http.StatusBadRequest,
	wire.VersionState:       http.StatusBadRequest,
	wire.BadPolicy:          http.StatusBadRequest,
	wire.PolicyProtected:    http.StatusBadRequest,
	wire.TokenNotRenewable:  http.StatusBadRequest,
	wire.AlreadyInitialized: http.StatusBadRequest,
	wire.ShareEncoding:      http.StatusBadRequest,
	wire.ShareLength:        http.StatusBadRequest,
	wire.ShareDamaged:       http.StatusBadRequest,
	wire.ShareForeign:       http.StatusBadRequest,
	wire.ShareGeneration:    http.StatusBadRequest,
	wire.ShareIndex:         http.StatusBadRequest,
	wire.ShareWrong:         http.StatusBadRequest,
	wire.ShareRepeated:      http.StatusBadRequest,

	wire.TokenNotFound: http.StatusForbidden, // as Vault: "bad token" is a 403
	wire.NotFound:      http.StatusNotFound,

	wire.UnsupportedPath: http.StatusNotFound,

	wire.OutcomeUnknown:      http.StatusConflict,
	wire.IdempotencyMismatch: http.StatusConflict,
	wire.IdempotencySpent:    http.StatusConflict,
	wire.RateLimited:         http.StatusTooManyRequests,

	wire.Sealed:           http.StatusServiceUnavailable,
	wire.NotInitialized:   http.StatusServiceUnavailable,
	wire.SealUnavailable:  http.StatusBadGateway,
	wire.NoLeader:         http.StatusServiceUnavailable,
	wire.NotAdmitted:      http.StatusBadGateway,
	wire.NoLease:          http.StatusServiceUnavailable,
	wire.AuditUnavailable: http.StatusServiceUnavailable,
	wire.StorageFull:      http.StatusServiceUnavailable,
	wire.Overloaded:       http.StatusServiceUnavailable,
}

// answerTo gives the status, code and sentences for an error. An error that is in
// no table says nothing of itself; the log has it.
func answerTo(err error) (status int, code wire.Code, texts []string) {
	var own *Error
	if errors.As(err, &own) {
		return own.status, own.code, []string{own.text}
	}
	code = wire.Code(kms.Code(err))
	status, known := statusOf[code]
	switch {
	case !known:
		return http.StatusInternalServerError, wire.Internal, []string{errInternalMsg}
	case code == wire.NotFound && errors.Is(err, kms.ErrNotFound) && err.Error() == kms.ErrNotFound.Error():
		return status, code, []string{} // what Vault's clients take for "nothing there"
	case code == wire.InvalidToken:
		return status, code, []string{"permission denied", "invalid token"}
	}
	return status, code, []string{err.Error()}
}

// retryAfter is the Retry-After of an answer, in seconds; "" for none.
func retryAfter(status int, code wire.Code, err error) string {
	limited := (*kms.Limited)(nil)
	switch {
	case errors.As(err, &limited):
		return strconv.FormatInt(limited.Seconds(), 10)
	case code == wire.Sealed || code == wire.NotInitialized:
		return "5" // a person has to do something
	case status == http.StatusServiceUnavailable:
		return "1"
	}
	return ""
}
