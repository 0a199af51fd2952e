// Package shamir owns secret sharing: a fresh random secret is split into n
// values of which any k give it back. The arithmetic is that of
// github.com/cloudflare/circl/secretsharing over the scalars of Ristretto255,
// which is constant time and uses no tables.
//
// It never keeps, prints or authenticates anything. It deals in plain 32-byte
// encodings, and a wrong value gives a wrong secret, not an error: telling a
// wrong share from a right one is the business of package seal, which has
// commitments for it.
//
// The invariant it keeps: fewer than k values say nothing about the secret, not
// even to somebody with unlimited computing power, and what it accepts has one
// encoding, one index and one meaning.
//
// Start reading at Split and Recover.
package shamir
