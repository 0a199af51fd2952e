// Package jose owns the formats of tokens: the compact JWS and JWE, the JWK and
// the JWK set, and the rules of claims. It reads strictly what strangers send and
// writes what the issuers publish, byte for byte the same each time.
//
// It never holds a private or symmetric key: a JWK with a private member is
// refused, and no type here has a place for one. It never fetches what a header
// points to, reads no clock and draws no randomness. It knows no issuers, states
// or policies: whoever calls brings the key, its one algorithm and the time.
//
// The invariant it keeps: what parses has one reading. A token that two parsers
// could understand differently is refused before any key is touched, and the
// algorithm of a signature is the key's and never the token's choice.
//
// Start reading at Parse in compact.go, then parseHeader in header.go and
// Alg.Check in alg.go; for keys ParseJWK, for encryption ParseEncrypted.
package jose
