package client

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"

	"github.com/tink-crypto/tink-go/v2/kwp/subtle"

	"github.com/signet-kms/signet/client/wire"
)

// ErrWrappingKey is returned by [WrapKey] for a wrapping key that is none.
var ErrWrappingKey = errors.New("the wrapping key is no RSA public key of 4096 bits in PEM")

// WrapKey wraps a private key for the public key of a server, which
// [Transit.WrappingKey] returns, so that it can be imported: PKCS #8 in DER, or for
// symmetric types the bytes of the key. key is not changed; erase it, and what it came
// from. Who holds the result and may import has the use of the key: keep neither
// longer than the import takes.
func WrapKey(wrappingKey string, key []byte) (wire.KeyImport, error) {
	block, rest := pem.Decode([]byte(wrappingKey))
	if block == nil || block.Type != "PUBLIC KEY" || len(rest) != 0 {
		return wire.KeyImport{}, ErrWrappingKey
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return wire.KeyImport{}, ErrWrappingKey
	}
	public, ok := parsed.(*rsa.PublicKey)
	if !ok || public.N.BitLen() != 4096 {
		return wire.KeyImport{}, ErrWrappingKey
	}
	kek := make([]byte, 32)
	defer clear(kek)
	_, _ = rand.Read(kek) // does not fail: crypto/rand ends the process instead
	out, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, kek, nil)
	if err != nil {
		return wire.KeyImport{}, fmt.Errorf("wrap the key: %w", err)
	}
	cipher, err := subtle.NewKWP(kek)
	if err != nil {
		return wire.KeyImport{}, fmt.Errorf("wrap the key: %w", err)
	}
	wrapped, err := cipher.Wrap(key)
	if err != nil {
		return wire.KeyImport{}, fmt.Errorf("wrap the key: it has %d bytes, and 16 to 8192 can be wrapped", len(key))
	}
	return wire.KeyImport{Ciphertext: wire.BytesOf(append(out, wrapped...)), HashFunction: wire.StringOf("SHA256")}, nil
}

// WrappingKey returns the public key that keys are wrapped for to be imported, in
// PEM. It is one for the life of the cluster; the first call takes seconds.
func (t Transit) WrappingKey(ctx context.Context) (string, error) {
	path, err := t.path("wrapping_key")
	if err != nil {
		return "", err
	}
	cl := call{method: http.MethodGet, path: path}
	out, err := fetch[wire.WrappingKey](ctx, t.c, cl)
	if err == nil && out.PublicKey == "" {
		err = cl.badAnswer("no key in it")
	}
	return out.PublicKey, err
}

// Wrap wraps a key for the server, as [WrapKey] does: the key in clear stays here.
func (t Transit) Wrap(ctx context.Context, key []byte) (wire.KeyImport, error) {
	public, err := t.WrappingKey(ctx)
	if err != nil {
		return wire.KeyImport{}, err
	}
	return WrapKey(public, key)
}

// Wrap is [Transit.Wrap] for the key of an issuer.
func (j JWT) Wrap(ctx context.Context, key []byte) (wire.KeyImport, error) {
	return j.c.Transit("").Wrap(ctx, key)
}

// ImportKey makes a key of one that was made elsewhere and that [Transit.Wrap]
// wrapped. A name that is in use is an error.
func (t Transit) ImportKey(ctx context.Context, name string, req wire.KeyImportRequest) (wire.KeyData, error) {
	return t.writeKey(ctx, req, name, "import")
}

// ImportKeyVersion adds a version that was made elsewhere to an imported key. It signs
// and encrypts from now on.
func (t Transit) ImportKeyVersion(ctx context.Context, name string, key wire.KeyImport) (wire.KeyData, error) {
	return t.writeKey(ctx, wire.KeyImportVersionRequest{KeyImport: key}, name, "import_version")
}

// RotateTo is [JWT.Rotate] to a key that was made elsewhere, wrapped by
// [JWT.Wrap]. An issuer begins with one by Import of
// [wire.IssuerRequest].
func (j JWT) RotateTo(ctx context.Context, issuer string, key wire.IssuerImport) (wire.RotationData, error) {
	return j.rotate(ctx, wire.RotateIssuerRequest{Import: &key}, "jwt/rotate", issuer)
}
