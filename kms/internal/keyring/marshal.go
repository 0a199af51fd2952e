package keyring

import (
	"crypto/elliptic"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// scalarSize is the width of r and of s in bytes: 32, 48 or 66.
func scalarSize(c elliptic.Curve) int { return (c.Params().N.BitLen() + 7) / 8 }

// rawFromDER turns an Ecdsa-Sig-Value (RFC 3279, section 2.2.3) into R || S, each
// of size bytes (RFC 7518, section 3.4). It takes strict DER alone. Error: ErrDamaged,
// which for the output of crypto/ecdsa does not happen.
func rawFromDER(der []byte, size int) ([]byte, error) {
	var inner cryptobyte.String
	var r, s []byte
	input := cryptobyte.String(der)
	if !input.ReadASN1(&inner, asn1.SEQUENCE) || !input.Empty() ||
		!inner.ReadASN1Integer(&r) || !inner.ReadASN1Integer(&s) || !inner.Empty() ||
		len(r) > size || len(s) > size {
		return nil, ErrDamaged
	}
	raw := make([]byte, 2*size)
	copy(raw[size-len(r):], r)
	copy(raw[2*size-len(s):], s)
	return raw, nil
}

// derFromRaw undoes rawFromDER; nil when raw has another length. It does not
// judge r and s: zero and what is beyond the group order pass through to the
// verifier, which refuses them.
func derFromRaw(raw []byte, size int) []byte {
	if len(raw) != 2*size {
		return nil
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addInteger(b, raw[:size])
		addInteger(b, raw[size:])
	})
	return b.BytesOrPanic() // fails only for lengths beyond 32 bits
}

// addInteger adds a big-endian natural number in the fewest bytes.
func addInteger(b *cryptobyte.Builder, n []byte) {
	for len(n) > 1 && n[0] == 0 {
		n = n[1:]
	}
	b.AddASN1(asn1.INTEGER, func(b *cryptobyte.Builder) {
		if n[0]&0x80 != 0 {
			b.AddUint8(0) // or it would read as negative
		}
		b.AddBytes(n)
	})
}
