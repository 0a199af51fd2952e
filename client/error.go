package client

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/signet-kms/signet/client/wire"
)

// What an error of a call may match with errors.Is. An error can match several.
var (
	// ErrInvalidRequest: status 400 or 413; the same request will fail again.
	ErrInvalidRequest = errors.New("the server refused the request as wrong")
	// ErrPermissionDenied: status 403, because of the token or of its policies.
	ErrPermissionDenied = errors.New("permission denied")
	// ErrInvalidToken: the token is missing, unknown, expired or revoked.
	ErrInvalidToken = errors.New("the token is not valid")
	// ErrNotFound: status 404, or a key or token that does not exist.
	ErrNotFound = errors.New("not found")
	// ErrSealed: an operator has to unseal the server.
	ErrSealed = errors.New("the server is sealed")
	// ErrNotInitialized: an operator has to initialize the server.
	ErrNotInitialized = errors.New("the server is not initialized")
	// ErrUnavailable: the server could not be reached or does not serve now.
	ErrUnavailable = errors.New("the server is not available")
	// ErrRateLimited: over a rate limit; see [Error.RetryAfter].
	ErrRateLimited = errors.New("too many requests")
	// ErrOutcomeUnknown: the call may or may not have had its effect. Read
	// before repeating it.
	ErrOutcomeUnknown = errors.New("whether the call took effect is not known")
	// ErrBadAnswer: what answered does not speak this protocol, or is too long.
	ErrBadAnswer = errors.New("the answer is not one of a Signet server")
)

// Error is an answer of status 400 or above.
type Error struct {
	Method    string    // of the request
	Path      string    // of the request, without /v1/
	Status    int       // HTTP status
	Code      wire.Code // "" if something else than a Signet server answered
	Errors    []string  // sentences for people, maybe none
	RequestID string    // as in the audit record
	Accessor  string    // of the token made before, with the code [wire.IdempotencySpent]

	// RetryAfter is when the server wants to be asked again, 0 if it did not say.
	RetryAfter time.Duration

	mayHaveHappened bool // a call with lasting effect, and no proof that it had none
}

// Error returns one line. It holds no token and no body of the request.
func (e *Error) Error() string {
	text := strings.Join(e.Errors, "; ")
	switch {
	case text == "" && e.Status == http.StatusNotFound:
		text = "not found"
	case text == "":
		text = strings.ToLower(http.StatusText(e.Status))
	}
	if e.mayHaveHappened {
		text += ": " + ErrOutcomeUnknown.Error()
	}
	return fmt.Sprintf("%s %s: %s (status %d%s)", e.Method, e.Path, oneLine(text), e.Status, e.detail())
}

func (e *Error) detail() string {
	var b strings.Builder
	if e.Code != "" {
		b.WriteString(", " + string(e.Code))
	}
	if e.RequestID != "" {
		b.WriteString(", request " + oneLine(e.RequestID))
	}
	return b.String()
}

// Is matches the sentinels of this package.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrInvalidRequest:
		return e.Status == http.StatusBadRequest || e.Status == http.StatusRequestEntityTooLarge
	case ErrPermissionDenied:
		return e.Status == http.StatusForbidden
	case ErrInvalidToken:
		return e.Code == wire.InvalidToken
	case ErrNotFound:
		return e.Status == http.StatusNotFound || e.Code == wire.KeyNotFound || e.Code == wire.TokenNotFound
	case ErrSealed:
		return e.Code == wire.Sealed
	case ErrNotInitialized:
		return e.Code == wire.NotInitialized
	case ErrUnavailable:
		return e.Status == http.StatusServiceUnavailable || e.Status == http.StatusBadGateway || e.Status == http.StatusGatewayTimeout
	case ErrRateLimited:
		return e.Status == http.StatusTooManyRequests
	case ErrOutcomeUnknown:
		return e.mayHaveHappened
	case ErrBadAnswer:
		return e.Code == ""
	}
	return false
}

// NetworkError is a call that got no whole answer. It matches [ErrUnavailable],
// and [ErrOutcomeUnknown] if the call has a lasting effect and may have reached
// the server.
type NetworkError struct {
	Method  string
	Path    string // without /v1/
	Address string // scheme and host of the last attempt
	Err     error  // the cause: net, tls, x509 or context

	mayHaveHappened bool
}

// Error returns one line.
func (e *NetworkError) Error() string {
	text := fmt.Sprintf("%s %s at %s: %v", e.Method, e.Path, e.Address, e.Err)
	if e.mayHaveHappened {
		text += ": " + ErrOutcomeUnknown.Error()
	}
	return oneLine(text)
}

// Unwrap returns the cause.
func (e *NetworkError) Unwrap() error { return e.Err }

// Is matches [ErrUnavailable] and [ErrOutcomeUnknown].
func (e *NetworkError) Is(target error) bool {
	return target == ErrUnavailable || (target == ErrOutcomeUnknown && e.mayHaveHappened)
}

// oneLine makes text from the network safe to print: no line breaks, no control
// characters that a terminal would obey, bounded.
func oneLine(text string) string {
	const longest = 1000
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < ' ' || (r >= 0x7f && r < 0xa0) || r == 0x2028 || r == 0x2029 || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069):
			return -1
		}
		return r
	}, strings.TrimSpace(text))
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}
