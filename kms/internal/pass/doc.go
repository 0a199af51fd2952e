// Package pass owns the one-shot right to use a key.
//
// It never decides whether the right is due: that is kms/internal/gate, the
// only package that may call Mint.
//
// The invariant it keeps: a Pass is redeemed at most once, for the action and
// the key that policy was asked about. A keyring operation without one does not
// exist.
//
// Start reading at Pass.Redeem.
package pass
