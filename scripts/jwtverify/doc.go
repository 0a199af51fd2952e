// Command jwtverify verifies a token as a resource server does, with the library
// github.com/go-jose/go-jose/v4 and the issuer's JWKS (RFC 7515, 7517, 7519):
//
//	jwtverify JWKS-URL ISSUER AUDIENCE <TOKEN
//
// It owns the verdict on the token of scripts/quickstart. It never imports anything
// of this module, so that Signet does not judge its own tokens, and it knows no
// secret: what it has is a token and what the issuer publishes.
//
// The invariant: exit code 0 only for a token that is signed by the key of the JWKS
// with its kid, with the algorithm which that key names, that is of the issuer, for
// the audience and still alive; 1 for any other token, 2 if there is none or no JWKS.
//
// Start reading at verify.
package main
