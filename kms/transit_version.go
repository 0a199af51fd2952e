package kms

import (
	"fmt"

	"github.com/signet-kms/signet/kms/state"
)

// take checks the fields that all items share and returns the input.
func (it *Item) take(missing string) ([]byte, error) {
	if it.Context.Set && len(it.Context.Bytes) > 0 || it.Context.Err != nil {
		return nil, saying(ErrUnsupported, "this key is not derived, and takes no context")
	}
	if it.Nonce.Set && len(it.Nonce.Bytes) > 0 || it.Nonce.Err != nil {
		return nil, saying(ErrUnsupported, "nonces are chosen by the server")
	}
	if it.AAD.Err != nil {
		return nil, saying(ErrBadRequest, "unable to decode associated_data as base64: %s", it.AAD.Err)
	}
	if !it.Input.Set {
		return nil, saying(ErrBadRequest, "%s", missing)
	}
	if it.Input.Err != nil {
		return nil, saying(ErrBadRequest, "unable to decode input as base64: %s", it.Input.Err)
	}
	return it.Input.Bytes, nil
}

// forward is the version that signs or encrypts: the one asked for, or the latest
// that is not pending. That one is not passed over if it is suspended, retired or
// given up: what would be made instead under an older version is what nobody
// expects any more.
func (c *Call) forward(k *state.Key, asked int64, doing string) (*state.KeyVersion, error) {
	switch {
	case asked < 0:
		return nil, saying(ErrBadRequest, "requested version for %s is negative", doing)
	case asked > int64(k.Latest):
		return nil, saying(ErrVersionTooNew, "requested version for %s is higher than the latest key version", doing)
	case asked != 0 && asked < int64(max(k.MinEncryption, k.MinDecryption, k.MinAvailable)):
		// Below the minimum for decryption as well: nobody could read it.
		return nil, saying(ErrVersionTooOld, "requested version for %s is less than the minimum encryption key version", doing)
	}
	number := uint32(asked)
	if number == 0 {
		number = k.SignerNumber()
	}
	v, err := c.version(k, number)
	if err != nil {
		return nil, err
	}
	if !v.State.Produces() {
		return nil, c.stateRefusal(v, doing)
	}
	c.uses(v)
	return v, nil
}

// backward is the version that verifies or decrypts what it once made.
func (c *Call) backward(k *state.Key, number uint32, kind *Error) (*state.KeyVersion, error) {
	switch {
	case number > k.Latest:
		return nil, saying(ErrVersionTooNew, "%s: version is too new", kind.text)
	case number < k.MinDecryption || number < k.MinAvailable:
		return nil, ErrVersionTooOld
	}
	v, err := c.version(k, number)
	if err == nil && !v.State.Accepts() {
		return nil, c.stateRefusal(v, "verification or decryption")
	}
	return v, err
}

func (c *Call) version(k *state.Key, number uint32) (*state.KeyVersion, error) {
	if v := c.view.Version(k.Mount, k.Name, number); v != nil {
		return v, nil
	}
	return nil, fmt.Errorf("key %s has no version %d", k.Name, number)
}

// stateRefusal says why a version does not do what it is asked for, and what to do.
func (c *Call) stateRefusal(v *state.KeyVersion, doing string) error {
	why := ""
	switch v.State {
	case state.Pending:
		why = "it becomes active after " + wallTime(v.ActiveAt)
	case state.Suspended:
		why = "put it back with the key's state endpoint, or rotate the key"
		if c.view.Waits(v) {
			why = "a restore took it out of use; enable it with 'signet operator snapshot enable', or rotate the key"
		}
	case state.Retired:
		why = "it verifies and decrypts what it made; rotate the key for a new one"
	case state.Compromised:
		why = "nothing under it is accepted any more; rotate the key for a new one"
	case state.Destroyed:
		why = "its private half is erased; rotate the key for a new one"
	}
	return saying(ErrVersionState, "version %d of the key %s is %s and not for %s: %s", v.Number, v.Name, v.State, doing, why)
}
