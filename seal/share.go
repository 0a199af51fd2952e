package seal

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/signet-kms/signet/seal/shamir"
)

// Layout of a share. 48 bytes are 96 characters of hex, or 64 of base64 without
// padding or spare bits, so every character counts and no two texts are equal.
//
//	byte  0       version: 1
//	bytes 1..6    cluster tag
//	bytes 7..10   generation, big endian
//	byte  11      index, from 1
//	bytes 12..43  value
//	bytes 44..47  checksum of all before
const (
	shareVersion   = 1
	offTag         = 1
	offGeneration  = 7
	offIndex       = 11
	offValue       = 12
	offSum         = offValue + shamir.Size
	shareSize      = 48
	hexLength      = 2 * shareSize
	base64Length   = shareSize / 3 * 4
	tagSize        = offGeneration - offTag
	commitmentSize = sha256.Size
	maxText        = 4096 // bytes; beyond it nobody asks which character is wrong
)

const (
	domainTag        = "signet share cluster tag v1\x00"
	domainChecksum   = "signet share checksum v1\x00"
	domainCommitment = "signet share commitment v1\x00"
)

type shareBytes = [shareSize]byte

// Share is one share of the root secret. It redacts itself everywhere; Hex and
// Base64 are the explicit ways out, for the one moment at which it is issued.
type Share struct {
	_ [0]func()
	redacted
	hidden func() *shareBytes // nil: the zero Share
}

func makeShare(clusterID string, generation uint32, index int, value []byte) Share {
	raw := new(shareBytes)
	raw[0] = shareVersion
	copy(raw[offTag:], clusterTag(clusterID))
	binary.BigEndian.PutUint32(raw[offGeneration:], generation)
	raw[offIndex] = byte(index)
	copy(raw[offValue:offSum], value)
	copy(raw[offSum:], checksum(raw))
	return Share{hidden: hide(raw)}
}

func (s Share) raw() *shareBytes {
	if s.hidden == nil {
		return new(shareBytes)
	}
	return s.hidden()
}

// Index returns the number of the share, from 1; 0 after Wipe.
func (s Share) Index() int { return int(s.raw()[offIndex]) }

// Hex gives the share to its holder: 96 lower-case characters.
func (s Share) Hex() string { return hex.EncodeToString(s.raw()[:]) }

// Base64 gives the share to its holder: 64 characters of standard base64.
func (s Share) Base64() string { return base64.StdEncoding.EncodeToString(s.raw()[:]) }

// Wipe overwrites the share. The texts that were taken from it stay.
func (s Share) Wipe() { clear(s.raw()[:]) }

// decodeShare reads either text form; it judges characters and length alone.
// Errors: ErrShareEncoding, ErrShareLength.
func decodeShare(text string) (*shareBytes, error) {
	if text = strings.TrimSpace(text); len(text) > maxText {
		return nil, fmt.Errorf("%w (it has %d bytes; a share has %d characters in hex, %d in base64)", ErrShareLength, len(text), hexLength, base64Length)
	}
	strayHex, strayBase64 := firstStray(text, isHex), firstStray(text, isBase64)
	asHex := len(text) == hexLength || strayHex == 0 || len(text) != base64Length && mostlyHex(text)
	stray := strayBase64
	if asHex {
		stray = strayHex
	}
	length := len([]rune(text))
	switch {
	case stray != 0:
		return nil, fmt.Errorf("%w (character %d of %d)", ErrShareEncoding, stray, length)
	case asHex && length != hexLength, !asHex && length != base64Length:
		return nil, fmt.Errorf("%w (it has %d characters; a share has %d in hex, %d in base64)", ErrShareLength, length, hexLength, base64Length)
	}
	raw := new(shareBytes)
	var err error
	if asHex {
		_, err = hex.Decode(raw[:], []byte(text))
	} else {
		_, err = base64.StdEncoding.Strict().Decode(raw[:], []byte(text))
	}
	if err != nil {
		return nil, ErrShareEncoding // without err, which quotes the text
	}
	return raw, nil
}

// firstStray returns the position, from 1, of the first character outside the
// alphabet, 0 if there is none.
func firstStray(text string, in func(rune) bool) int {
	for i, r := range []rune(text) {
		if !in(r) {
			return i + 1
		}
	}
	return 0
}

// mostlyHex guesses what a text of the wrong length was meant to be. In base64
// about a third of the characters are hex digits.
func mostlyHex(text string) bool {
	digits := 0
	for _, r := range text {
		if isHex(r) {
			digits++
		}
	}
	return 4*digits >= 3*len(text)
}

func isHex(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'f' || 'A' <= r && r <= 'F'
}

func isBase64(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '+' || r == '/'
}

// clusterTag lets a share of another cluster be told from a damaged one.
func clusterTag(clusterID string) []byte {
	sum := sha256.Sum256([]byte(domainTag + clusterID))
	return sum[:tagSize]
}

// checksum finds mistakes, not forgeries: it has no key.
func checksum(raw *shareBytes) []byte {
	h := sha256.New()
	h.Write([]byte(domainChecksum))
	h.Write(raw[:offSum])
	return h.Sum(nil)[:shareSize-offSum]
}

// commitment pins a share without giving it away: the value has more than 250
// bits of entropy, so nobody finds it by hashing guesses. The cluster id comes
// with its length; the other fields have a fixed width.
func commitment(clusterID string, generation uint32, index int, value []byte) []byte {
	b := make([]byte, 0, len(domainCommitment)+8+len(clusterID)+4+1+len(value))
	b = append(b, domainCommitment...)
	b = binary.BigEndian.AppendUint64(b, uint64(len(clusterID)))
	b = append(b, clusterID...)
	b = binary.BigEndian.AppendUint32(b, generation)
	b = append(b, byte(index))
	b = append(b, value...)
	defer clear(b)
	sum := sha256.Sum256(b)
	return sum[:]
}
