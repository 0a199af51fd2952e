package jose

import "github.com/go-json-experiment/json/jsontext"

// Protected is a protected header, encoded once for a key version and a typ.
// The zero value is no header.
type Protected struct {
	encoded []byte // base64url and the dot behind it; never written to
	header  *Header
}

// NewProtected encodes a header with its members in the order of their names;
// kid, typ and cty are left out where they are empty. The strings are valid
// UTF-8.
func NewProtected(alg Alg, kid, typ, cty string) Protected {
	header := appendMember([]byte{'{'}, "alg", string(alg))
	header = appendMember(header, "cty", cty)
	header = appendMember(header, "kid", kid)
	header = append(appendMember(header, "typ", typ), '}')
	return Protected{append(b64.AppendEncode(nil, header), '.'), &Header{Alg: alg, KID: kid, Typ: typ, Cty: cty, Raw: header}}
}

// Header is what Parse reads in it. It is for reading.
func (p Protected) Header() *Header { return p.header }

// Segment is the first segment of the tokens it makes, for ParseKnown.
func (p Protected) Segment() string { return string(p.encoded[:max(0, len(p.encoded)-1)]) }

// Len is the length of the encoded header with the dot behind it.
func (p Protected) Len() int { return len(p.encoded) }

// AppendSigningInput appends header and payload as they are signed (RFC 7515,
// section 5.1, step 8).
func (p Protected) AppendSigningInput(dst, payload []byte) []byte {
	return b64.AppendEncode(append(dst, p.encoded...), payload)
}

// AppendSignature completes a token whose signing input is dst.
func AppendSignature(dst, sig []byte) []byte {
	return b64.AppendEncode(append(dst, '.'), sig)
}

// CompactLen is the length of a token with a payload and a signature of so many
// bytes.
func (p Protected) CompactLen(payload, sig int) int {
	return len(p.encoded) + b64.EncodedLen(payload) + 1 + b64.EncodedLen(sig)
}

// appendMember appends one member with a string that is not empty to an object.
func appendMember(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = append(append(dst, name...), '"', ':')
	dst, _ = jsontext.AppendQuote(dst, value) // an error means invalid UTF-8, which it replaces
	return dst
}

// NewEncProtected is the encoded protected header of a JWE, which is its
// associated data (RFC 7516, section 5.1, step 14); kid and cty are left out where
// they are empty.
func NewEncProtected(alg KeyAlg, enc Enc, kid, cty string) []byte {
	header := appendMember([]byte{'{'}, "alg", string(alg))
	header = appendMember(header, "cty", cty)
	header = appendMember(header, "enc", string(enc))
	header = append(appendMember(header, "kid", kid), '}')
	return b64.AppendEncode(nil, header)
}

// CompactJWE puts the parts of a JWE together (RFC 7516, section 7.1); protected
// is encoded already.
func CompactJWE(protected, key, iv, ciphertext, tag []byte) string {
	out := append([]byte(nil), protected...)
	for _, part := range [...][]byte{key, iv, ciphertext, tag} {
		out = b64.AppendEncode(append(out, '.'), part)
	}
	return string(out)
}
