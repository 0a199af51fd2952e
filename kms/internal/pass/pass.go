package pass

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// Action is one thing that can be done with a key. A Pass is bound to one.
type Action string

// The actions of the keyring. Generate makes a new key version, Import makes one of
// a key that was made elsewhere; the others use one that exists.
const (
	Generate   Action = "generate"
	Import     Action = "import"
	Sign       Action = "sign"
	Verify     Action = "verify"
	Encrypt    Action = "encrypt"
	Decrypt    Action = "decrypt"
	Rewrap     Action = "rewrap" // decrypts and encrypts, and gives no plaintext out
	HMAC       Action = "hmac"
	VerifyHMAC Action = "verify-hmac"
)

var (
	// ErrSpent says that the Pass was redeemed before. It is a bug in the
	// caller, never a fault of the request.
	ErrSpent = errors.New("pass was redeemed before")
	// ErrWrongUse says that the Pass was minted for another action or key.
	ErrWrongUse = errors.New("pass is for another action or key")
)

// Pass is the right to do one action with one key, once. Only kms/internal/gate
// mints one, after policy allowed the request; scripts/archtest holds that.
type Pass struct {
	_        [0]func()
	action   Action
	key      string
	redeemed atomic.Bool
}

// Mint makes a Pass for action on key, where key is "<mount uuid>/<key name>".
func Mint(action Action, key string) *Pass {
	return &Pass{action: action, key: key}
}

// Redeem spends the Pass. It succeeds once, for the action and key the Pass was
// minted for. A Pass shown for another use is spent too, so that a mix-up cannot
// be tried again with better luck.
func (p *Pass) Redeem(action Action, key string) error {
	if p == nil {
		return ErrWrongUse
	}
	if !p.redeemed.CompareAndSwap(false, true) {
		return ErrSpent
	}
	if p.action != action || p.key != key {
		return fmt.Errorf("%w: minted for %s, shown for %s", ErrWrongUse, p.action, action)
	}
	return nil
}
