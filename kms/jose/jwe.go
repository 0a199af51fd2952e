package jose

// KeyAlg is a key management algorithm of JWE by its name, exact in case.
type KeyAlg string

// The algorithms that Allowed of the server has (RFC 7518, section 4.1).
const (
	ECDHES       KeyAlg = "ECDH-ES"
	ECDHESA256KW KeyAlg = "ECDH-ES+A256KW"
	RSAOAEP256   KeyAlg = "RSA-OAEP-256"
	Dir          KeyAlg = "dir"
)

// The algorithms that are only read where a caller allows them by name. Neither
// RSA1_5 nor PBES2 is known.
const (
	RSAOAEP      KeyAlg = "RSA-OAEP"
	ECDHESA128KW KeyAlg = "ECDH-ES+A128KW"
	ECDHESA192KW KeyAlg = "ECDH-ES+A192KW"
	A128KW       KeyAlg = "A128KW"
	A192KW       KeyAlg = "A192KW"
	A256KW       KeyAlg = "A256KW"
	A128GCMKW    KeyAlg = "A128GCMKW"
	A192GCMKW    KeyAlg = "A192GCMKW"
	A256GCMKW    KeyAlg = "A256GCMKW"
)

// Enc is a content encryption algorithm by its name, exact in case.
type Enc string

// The content encryptions; the server allows the first three (RFC 7518, section
// 5.1).
const (
	A128GCM      Enc = "A128GCM"
	A256GCM      Enc = "A256GCM"
	A256CBCHS512 Enc = "A256CBC-HS512"
	A192GCM      Enc = "A192GCM"
	A128CBCHS256 Enc = "A128CBC-HS256"
	A192CBCHS384 Enc = "A192CBC-HS384"
)

// Allowed are the algorithms that are read; nothing outside of it is.
type Allowed struct {
	Algs []KeyAlg
	Encs []Enc
}

// ServerAllowed is what the server reads and writes.
func ServerAllowed() Allowed {
	return Allowed{Algs: []KeyAlg{ECDHES, ECDHESA256KW, RSAOAEP256, Dir}, Encs: []Enc{A128GCM, A256GCM, A256CBCHS512}}
}

// kty is the type of the keys that a is used with; "" for an unknown one.
func (a KeyAlg) kty() string {
	switch a {
	case ECDHES, ECDHESA128KW, ECDHESA192KW, ECDHESA256KW:
		return KtyEC
	case RSAOAEP, RSAOAEP256:
		return KtyRSA
	case Dir, A128KW, A192KW, A256KW, A128GCMKW, A192GCMKW, A256GCMKW:
		return KtyOct
	}
	return ""
}

func (a KeyAlg) gcmWrap() bool { return a == A128GCMKW || a == A192GCMKW || a == A256GCMKW }

// keyLen is the length of the encrypted key for a content key of cek bytes; -1
// where the modulus of the key decides.
func (a KeyAlg) keyLen(cek int) int {
	switch {
	case a == Dir || a == ECDHES:
		return 0 // no other than an empty one (RFC 7516, section 5.2, step 10)
	case a.gcmWrap():
		return cek
	case a == RSAOAEP || a == RSAOAEP256:
		return -1
	}
	return cek + 8 // RFC 3394, section 2.2.1
}

// Known says whether e is one of the constants.
func (e Enc) Known() bool { return e.KeySize() != 0 }

// KeySize is the length of the content key in bytes; 0 for an unknown e.
func (e Enc) KeySize() int {
	switch e {
	case A128GCM:
		return 16
	case A192GCM:
		return 24
	case A256GCM, A128CBCHS256:
		return 32
	case A192CBCHS384:
		return 48
	case A256CBCHS512:
		return 64
	}
	return 0
}

// GCM says whether e is AES-GCM.
func (e Enc) GCM() bool { return e == A128GCM || e == A192GCM || e == A256GCM }

// ivSize is 96 bits for GCM (RFC 7518, section 5.3) and a block for CBC.
func (e Enc) ivSize() int {
	if e.GCM() {
		return 12
	}
	return 16
}

// tagSize is 128 bits for GCM and half the key for CBC (section 5.2.2.1).
func (e Enc) tagSize() int {
	if e.GCM() {
		return 16
	}
	return e.KeySize() / 2
}
