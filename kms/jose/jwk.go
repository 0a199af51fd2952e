package jose

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// The bounds of keys that others send.
const (
	MaxJWK      = 16 << 10  // bytes of one
	MaxJWKS     = 256 << 10 // bytes of a set
	maxJWKs     = 100       // keys in a set
	maxJWKDepth = 8
)

// Params are the members of a JWK that say what the key is for (RFC 7517, section
// 4). An absent one is empty.
type Params struct {
	KTY, Crv string
	Alg      string // exact in case; of a signature, of key management, or of content encryption for a dir key
	Use      string // "sig", "enc" or another
	KeyOps   []string
	KID      string
}

// JWK is a sound public key that others sent. It has no place for a private one.
type JWK struct {
	Params
	key any // *ecdsa.PublicKey, *rsa.PublicKey or ed25519.PublicKey
}

// Key is the public key: *ecdsa.PublicKey, *rsa.PublicKey or ed25519.PublicKey. It
// is for reading.
func (k *JWK) Key() any { return k.key }

// ParseJWK reads the public key of someone else: EC on P-256, P-384 or P-521, RSA
// from 2048 to 8192 bits, or Ed25519. Coordinates have their full length and are
// on the curve, n has no leading zero, e is odd and above 2^16, and no modulus bears
// the mark of the ROCA generator (CVE-2017-15361). use, key_ops and alg do not
// contradict each other or the key. Errors: ErrJWK, ErrUnsupportedKey,
// ErrPrivateMember.
func ParseJWK(raw []byte) (*JWK, error) {
	m, err := readJWK(raw)
	if err != nil {
		return nil, err
	}
	return m.public()
}

// ReadJWK reads what any JWK, a private or symmetric one too, says that it is for,
// and holds these members to each other. It reads no key. Errors: ErrJWK,
// ErrUnsupportedKey.
func ReadJWK(raw []byte) (*Params, error) {
	m, err := readJWK(raw)
	if err != nil {
		return nil, err
	}
	if err := m.consistent(); err != nil {
		return nil, err
	}
	return &m.Params, nil
}

// members are those of one JWK that are read, in base64url where they are numbers.
type members struct {
	Params
	x, y, n, e []byte
	private    bool // a member of a private or symmetric key is there, whatever its value
}

func readJWK(raw []byte) (*members, error) {
	if len(raw) > MaxJWK {
		return nil, badJWK("it is longer than 16 KiB")
	}
	m := &members{}
	known, err := readObject(raw, maxJWKDepth, m.member)
	switch {
	case err != nil:
		return nil, err
	case !known:
		return nil, badJWK("it is not one JSON object in UTF-8 with distinct names")
	case m.KTY == "":
		return nil, badJWK("it has no kty")
	}
	return m, nil
}

func (m *members) member(name []byte, value jsontext.Value) error {
	var err error
	switch string(name) {
	case "kty":
		m.KTY, err = textMember("kty", value)
	case "crv":
		m.Crv, err = textMember("crv", value)
	case "alg":
		m.Alg, err = textMember("alg", value)
	case "use":
		m.Use, err = textMember("use", value)
	case "kid":
		m.KID, err = textMember("kid", value)
	case "key_ops":
		m.KeyOps, err = opsMember(value)
	case "x":
		m.x, err = numberMember("x", value)
	case "y":
		m.y, err = numberMember("y", value)
	case "n":
		m.n, err = numberMember("n", value)
	case "e":
		m.e, err = numberMember("e", value)
	case "d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv", "seed":
		m.private = true
	}
	return err
}

// textMember reads a string that is not empty, as kid and typ of a header are.
func textMember(what string, value jsontext.Value) (string, error) {
	text, err := nameMember(what, value)
	if err != nil || text == "" {
		return "", badJWK(what + " is not a string of 1 to 256 bytes without control characters")
	}
	return text, nil
}

func numberMember(what string, value jsontext.Value) ([]byte, error) {
	if text, ok := plain(value); ok && bytes.IndexByte(text, '\r') < 0 && bytes.IndexByte(text, '\n') < 0 {
		if number, err := b64.AppendDecode(nil, text); err == nil && len(number) > 0 {
			return number, nil
		}
	}
	return nil, badJWK(what + " is not base64url without padding")
}

// opsMember reads key_ops: strings that differ (section 4.3).
func opsMember(value jsontext.Value) ([]string, error) {
	wrong := badJWK("key_ops is not an array of distinct strings")
	var ops []string
	known := readArray(value, 16, func(item jsontext.Value) bool {
		op, ok := plain(item)
		if !ok || slices.Contains(ops, string(op)) {
			return false
		}
		ops = append(ops, string(op))
		return true
	})
	if !known || len(ops) == 0 {
		return nil, wrong
	}
	return ops, nil
}
