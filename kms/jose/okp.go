package jose

import "encoding/hex"

// SmallOrder says whether the 32 bytes of an Ed25519 public key are one of the
// eight points whose order divides 8, in any encoding: under such a key signatures
// can be made up.
func SmallOrder(key []byte) bool {
	if len(key) != 32 {
		return false
	}
	y := [32]byte(key)
	y[31] &= 0x7f // the sign of x
	for _, small := range [...]string{
		"0000000000000000000000000000000000000000000000000000000000000000", // order 4
		"0100000000000000000000000000000000000000000000000000000000000000", // the neutral point
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // order 8
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p-1, order 2
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p, another 0
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p+1, another 1
	} {
		if hex.EncodeToString(y[:]) == small {
			return true
		}
	}
	return false
}
