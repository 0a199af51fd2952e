package barrier

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// Layout of an authentication code: layout byte 1, term big endian, HMAC-SHA256.
const (
	layoutMAC = 1
	// MACSize is the length of what MAC returns, in bytes.
	MACSize = headerSize + sha256.Size
)

// MAC authenticates a clear message for one purpose: HMAC-SHA256 under a subkey
// of the active term. The code names its term, so it verifies after a rotation.
// Errors: ErrUnnamed, ErrWiped.
func (b *Barrier) MAC(purpose string, msg []byte) ([]byte, error) {
	return b.state().mac(b.Term(), purpose, msg)
}

// VerifyMAC tells, in constant time, whether mac is MAC(purpose, msg) under the
// term it names. Errors: ErrFormat, ErrMAC, ErrUnknownTerm, ErrUnnamed, ErrWiped.
func (b *Barrier) VerifyMAC(purpose string, msg, mac []byte) error {
	if len(mac) != MACSize || mac[0] != layoutMAC {
		return ErrFormat
	}
	want, err := b.state().mac(binary.BigEndian.Uint64(mac[1:]), purpose, msg)
	if err != nil {
		return err
	}
	if !hmac.Equal(want, mac) {
		return ErrMAC
	}
	return nil
}

// Derive returns a 32-byte subkey of the active term for one purpose, the same
// on every node of the cluster. It changes when another term becomes active.
// The slice is the caller's, who overwrites it when the node seals: Wipe cannot
// reach it. Errors: ErrUnnamed, ErrWiped.
func (b *Barrier) Derive(purpose string) ([]byte, error) {
	return b.state().subkey(domainDerive, b.Term(), purpose)
}

func (s *state) mac(number uint64, purpose string, msg []byte) ([]byte, error) {
	k, err := s.subkey(domainMAC, number, purpose)
	if err != nil {
		return nil, err
	}
	defer clear(k)
	h := hmac.New(sha256.New, k)
	h.Write(msg)
	out := make([]byte, 0, MACSize)
	out = append(out, layoutMAC)
	out = binary.BigEndian.AppendUint64(out, number)
	return h.Sum(out), nil
}

func (s *state) subkey(domain string, number uint64, purpose string) ([]byte, error) {
	if purpose == "" {
		return nil, ErrUnnamed
	}
	k, err := s.acquire(number)
	if err != nil {
		return nil, err
	}
	defer s.release()
	return k.derive(bind(domain).text(s.clusterID).number(number).text(purpose))
}
