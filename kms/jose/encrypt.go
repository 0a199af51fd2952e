package jose

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Encrypt says how tokens of a profile are encrypted once they are signed
// (RFC 7519, section 11.2): to a recipient's public key, or with a transit key.
type Encrypt struct {
	Recipient  jsontext.Value `json:"recipient,omitzero"` // a public JWK, read by ParseJWK
	TransitKey string         `json:"transit_key,omitempty"`
	Alg        string         `json:"alg"`
	Enc        string         `json:"enc"`
}

// EncryptionAlgs and EncryptionEncs are what a profile may ask for.
func EncryptionAlgs() []string { return []string{"ECDH-ES", "ECDH-ES+A256KW", "RSA-OAEP-256", "dir"} }

// EncryptionEncs returns the content encryptions, see EncryptionAlgs.
func EncryptionEncs() []string { return []string{"A128GCM", "A256GCM", "A256CBC-HS512"} }

// check checks the shape. Whether the recipient's key is sound and fits alg is
// asked of ParseJWK, and whether the transit key is there, of the state.
func (e *Encrypt) check() error {
	if e == nil {
		return nil
	}
	if !slices.Contains(EncryptionAlgs(), e.Alg) {
		return fault("encrypt.alg", "must be one of %s", strings.Join(EncryptionAlgs(), ", "))
	}
	if !slices.Contains(EncryptionEncs(), e.Enc) {
		return fault("encrypt.enc", "must be one of %s", strings.Join(EncryptionEncs(), ", "))
	}
	recipient := len(e.Recipient) > 0 && e.Recipient.Kind() != 'n'
	switch {
	case recipient == (e.TransitKey != ""):
		return fault("encrypt", "must name either recipient, a public JWK, or transit_key")
	case recipient && checkObject(e.Recipient) != nil:
		return fault("encrypt.recipient", "must be a JWK: one JSON object in UTF-8, without names that stand twice")
	case recipient && e.Alg == "dir":
		return fault("encrypt.alg", "dir is a key both sides share: it goes with transit_key, not with a recipient's public key")
	case !recipient && !keyName(e.TransitKey):
		return fault("encrypt.transit_key", "must be the name of a key: 1 to 128 of a-z, A-Z, 0-9, '.', '_' and '-', beginning with a letter or a digit")
	}
	return nil
}

func keyName(name string) bool {
	if name == "" || len(name) > 128 {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("._-", rune(c))) {
			return false
		}
	}
	return true
}
