//go:build signet_testhook

package keyring

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/aead/chacha20poly1305"
	"github.com/tink-crypto/tink-go/v2/aead/xchacha20poly1305"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

// recordFile names the file that record appends to; unset or empty is none.
const recordFile = "SIGNET_TEST_KEYRING_RECORD"

// record appends every form of a new private key that a leak could have, for a
// test that then searches the whole daemon for them. It exists only in binaries
// built with the tag signet_testhook. A line is
//
//	<mount>/<name>/<number> <what> <hex>
//
// where what is keyset (Tink's, serialized), pkcs8, sec1, ecdsa-d, ed25519-seed,
// pkcs1, rsa-d, rsa-p, rsa-q, aes, chacha20 or hmac.
func record(b *barrier.Barrier, v *state.KeyVersion, h *keyset.Handle) error {
	path := os.Getenv(recordFile)
	if path == "" {
		return nil
	}
	x, err := openSecret(b, v)
	if err != nil {
		return err
	}
	forms, err := clearForms(h, x)
	if err != nil {
		return err
	}
	var lines bytes.Buffer
	for _, f := range forms {
		fmt.Fprintf(&lines, "%s/%d %s %s\n", v.ID(), v.Number, f.what, hex.EncodeToString(f.bytes))
	}
	// One write with O_APPEND, so that keys made at the same time do not mix.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := file.Write(lines.Bytes()); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}

type clearForm struct {
	what  string
	bytes []byte
}

func clearForms(h *keyset.Handle, x *secret) ([]clearForm, error) {
	var serialized bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewBinaryWriter(&serialized)); err != nil {
		return nil, err
	}
	forms := []clearForm{{"keyset", serialized.Bytes()}, {"hmac", bytes.Clone(x.mac.bytes)}}
	var private any
	switch {
	case x.aead == nil && x.ec == nil && x.ed == nil && x.rsa == nil: // an hmac key
		return forms, nil
	case x.ec != nil:
		private = x.ec
		sec1, err := x509.MarshalECPrivateKey(x.ec)
		if err != nil {
			return nil, err
		}
		d, err := x.ec.Bytes()
		if err != nil {
			return nil, err
		}
		forms = append(forms, clearForm{"sec1", sec1}, clearForm{"ecdsa-d", d})
	case x.ed != nil:
		private = ed25519.PrivateKey(x.ed[:])
		forms = append(forms, clearForm{"ed25519-seed", ed25519.PrivateKey(x.ed[:]).Seed()})
	case x.rsa != nil:
		private = x.rsa
		forms = append(forms, clearForm{"pkcs1", x509.MarshalPKCS1PrivateKey(x.rsa)}, clearForm{"rsa-d", x.rsa.D.Bytes()},
			clearForm{"rsa-p", x.rsa.Primes[0].Bytes()}, clearForm{"rsa-q", x.rsa.Primes[1].Bytes()})
	default:
		primary, err := h.Primary()
		if err != nil {
			return nil, err
		}
		switch k := primary.Key().(type) {
		case *aesgcm.Key:
			forms = append(forms, clearForm{"aes", clearBytes(k.KeyBytes())})
		case *chacha20poly1305.Key:
			forms = append(forms, clearForm{"chacha20", clearBytes(k.KeyBytes())})
		case *xchacha20poly1305.Key:
			forms = append(forms, clearForm{"chacha20", clearBytes(k.KeyBytes())})
		default:
			return nil, fmt.Errorf("no form of a %T is recorded", k)
		}
		return forms, nil
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	return append(forms, clearForm{"pkcs8", pkcs8}), nil
}
