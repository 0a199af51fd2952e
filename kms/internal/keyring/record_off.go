//go:build !signet_testhook

package keyring

import (
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

// record does nothing; a build for the search for leaked secrets writes down here
// what to search for.
func record(*barrier.Barrier, *state.KeyVersion, *keyset.Handle) error { return nil }
