package jose

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Encrypted is a compact JWE (RFC 7516, section 3.1) whose form is right; nothing
// in it has been decrypted. Its bytes are its own.
type Encrypted struct {
	Header EncHeader
	// AAD is the protected header as received, which is what was authenticated
	// (section 5.2, step 14).
	AAD                      []byte
	Key, IV, Ciphertext, Tag []byte
	// Compact is the whole as received.
	Compact string
}

// EncHeader is the protected header of a JWE, by the rules of Header.
type EncHeader struct {
	Alg KeyAlg
	Enc Enc
	KID string // "" where there is none, as with the next two
	Typ string
	Cty string
	EPK *JWK // the sender's one-time key, on its curve; nil but for ECDH-ES
	Raw []byte
}

// ParseEncrypted reads a compact JWE of the server's algorithms. Error:
// ErrMalformed.
func ParseEncrypted(token string) (*Encrypted, error) {
	return ParseEncryptedAllowing(token, ServerAllowed())
}

// ParseEncryptedAllowing reads a compact JWE of the algorithms allowed: five
// segments of base64url without padding; a header by the rules of Header, without
// zip, crit, p2s or p2c; an encrypted key, IV and tag of exactly the length that
// alg and enc ask for, which for dir and ECDH-ES is no key at all; an epk that is
// a sound public EC key with ECDH-ES and none otherwise. Error: ErrMalformed.
func ParseEncryptedAllowing(token string, allow Allowed) (*Encrypted, error) {
	var parts [5][]byte
	text, err := split(token, parts[:])
	if err != nil {
		return nil, err
	}
	e := &Encrypted{AAD: text[:bytes.IndexByte(text, '.')], Key: parts[1], IV: parts[2], Ciphertext: parts[3], Tag: parts[4], Compact: token}
	if err := e.Header.parse(parts[0], allow); err != nil {
		return nil, err
	}
	return e, e.lengths()
}

func (e *Encrypted) lengths() error {
	alg, enc := e.Header.Alg, e.Header.Enc
	want := alg.keyLen(enc.KeySize())
	switch {
	case want >= 0 && len(e.Key) != want, want < 0 && len(e.Key) == 0:
		return malformed("its encrypted key has not the length that alg and enc ask for")
	case len(e.IV) != enc.ivSize():
		return malformed("its iv has not the length that enc asks for")
	case len(e.Tag) != enc.tagSize():
		return malformed("its tag has not the length that enc asks for")
	case !enc.GCM() && (len(e.Ciphertext) == 0 || len(e.Ciphertext)%16 != 0):
		return malformed("its ciphertext is not whole blocks")
	}
	return nil
}

// wraps are the members that belong to some algorithms alone.
type wraps struct{ iv, tag bool }

func (h *EncHeader) parse(raw []byte, allow Allowed) error {
	h.Raw = raw
	var w wraps
	if err := readHeader(raw, func(name []byte, value jsontext.Value) error { return h.member(&w, name, value) }); err != nil {
		return err
	}
	switch ecdh := h.Alg.kty() == KtyEC; {
	case !slices.Contains(allow.Algs, h.Alg):
		return malformed("its alg is none that is decrypted here")
	case !slices.Contains(allow.Encs, h.Enc):
		return malformed("its enc is none that is decrypted here")
	case ecdh != (h.EPK != nil):
		return malformed("epk belongs to ECDH-ES, and to nothing else")
	case h.Alg.gcmWrap() != (w.iv && w.tag), w.iv != w.tag:
		return malformed("iv and tag belong into the header of AES-GCM key wrapping, and of nothing else")
	}
	return nil
}

func (h *EncHeader) member(w *wraps, name []byte, value jsontext.Value) error {
	var err error
	switch string(name) {
	case "alg":
		h.Alg, err = nameOf[KeyAlg]("alg", value)
	case "enc":
		h.Enc, err = nameOf[Enc]("enc", value)
	case "epk":
		if h.EPK, err = ParseJWK(value); err != nil || h.EPK.KTY != KtyEC {
			err = malformed("its epk is not a sound public key of an EC curve")
		}
	case "apu", "apv":
		if text, ok := plain(value); !ok || !encoded(text, -1) {
			err = malformed("apu or apv is not base64url")
		}
	case "iv":
		if text, ok := plain(value); !ok || !encoded(text, 12) {
			err = malformed("the iv in its header has not 12 bytes")
		}
		w.iv = true
	case "tag":
		if text, ok := plain(value); !ok || !encoded(text, 16) {
			err = malformed("the tag in its header has not 16 bytes")
		}
		w.tag = true
	case "p2s", "p2c":
		err = malformed("it is made for a password, and those are not used here")
	default:
		err = common(name, value, &h.KID, &h.Typ, &h.Cty)
	}
	return err
}

func nameOf[T KeyAlg | Enc](what string, value jsontext.Value) (T, error) {
	text, ok := plain(value)
	if !ok {
		return "", malformed(what + " is not a string")
	}
	return T(text), nil
}

// encoded says whether text is base64url of size bytes, or of any for -1.
func encoded(text []byte, size int) bool {
	if bytes.ContainsAny(text, "\r\n") {
		return false
	}
	got, err := b64.AppendDecode(nil, text)
	return err == nil && (size < 0 || len(got) == size)
}
