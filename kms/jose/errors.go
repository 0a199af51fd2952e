package jose

import (
	"errors"
	"fmt"
)

// About tokens. Whoever answers a caller without rights over the issuer says no
// more than that the token is not valid; the texts are for those who have them.
var (
	// ErrMalformed: the text is no compact JWS or JWE as it is read here. Errors
	// that wrap it say why, without a byte of the token.
	ErrMalformed = errors.New("malformed token")
	// ErrAlg: the token names another algorithm than the one its key is for.
	ErrAlg = errors.New("the token's alg is not the one that its key is used with")
)

// About keys.
var (
	// ErrJWK: the JSON is no JWK or JWK set as it is read here. Errors that wrap
	// it say why.
	ErrJWK = errors.New("invalid jwk")
	// ErrPrivateMember: a private or symmetric key where a public one belongs.
	ErrPrivateMember = errors.New("the jwk holds a private or symmetric key: send its public members alone, and replace the key, since it has been sent")
	// ErrUnsupportedKey: the JWK may be sound, but of a kty, crv or alg that is not
	// used here. In a set such keys are passed over (RFC 7517, section 5).
	ErrUnsupportedKey = errors.New("unsupported jwk")
	// ErrKeyUse: the key is not for this algorithm, or its use or key_ops say that
	// it is not for this.
	ErrKeyUse = errors.New("the key is not for this use")
)

func malformed(why string) error { return fmt.Errorf("%w: %s", ErrMalformed, why) }

func badJWK(why string) error { return fmt.Errorf("%w: %s", ErrJWK, why) }

func unsupportedKey(why string) error { return fmt.Errorf("%w: %s", ErrUnsupportedKey, why) }
