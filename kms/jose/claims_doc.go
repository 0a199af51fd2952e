// Package jose owns the rules of claims: what a profile lets a caller say in a
// token, and what a verifier asks of one.
package jose
