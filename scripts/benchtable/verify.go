package main

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

var errKey = errors.New("the public key is none that is known here")

// publicKeys reads the public keys of a key, by version: what a server shows of
// itself, which of a long key is its newest versions, or the version asked for.
func publicKeys(ctx context.Context, a *api, key string, version int) (map[string]string, error) {
	var k struct {
		Data struct {
			Keys map[string]struct {
				PublicKey string `json:"public_key"`
			} `json:"keys"`
		} `json:"data"`
	}
	path := "transit/keys/" + key
	if version != 0 {
		path += fmt.Sprintf("?version=%d", version)
	}
	if err := a.call(ctx, "GET", path, nil, &k); err != nil {
		return nil, err
	}
	out := map[string]string{} // version → PEM or base64
	for v, p := range k.Data.Keys {
		out[v] = p.PublicKey
	}
	return out, nil
}

// split takes vault:v<version>:<data> apart.
func split(text string) (version, data string, err error) {
	rest, ok := strings.CutPrefix(text, "vault:v")
	version, data, found := strings.Cut(rest, ":")
	if !ok || !found || version == "" || data == "" {
		return "", "", fmt.Errorf("%.40q is not of the form vault:v<version>:<data>", text)
	}
	return version, data, nil
}

// checkSignature verifies what a key of the given type signed: ecdsa-p256 in jws
// form, ed25519, or rsa-2048 with the padding that is named.
func checkSignature(keyType, padding, public string, message []byte, data string) error {
	encoding, algorithm := base64.StdEncoding, x509.UnknownSignatureAlgorithm
	switch {
	case keyType == "ecdsa-p256":
		encoding, algorithm = base64.RawURLEncoding, x509.ECDSAWithSHA256
	case keyType == "ed25519":
		algorithm = x509.PureEd25519
	case keyType == "rsa-2048" && padding == "pss":
		algorithm = x509.SHA256WithRSAPSS // a salt as long as the hash
	case keyType == "rsa-2048":
		algorithm = x509.SHA256WithRSA
	}
	sig, err := encoding.DecodeString(data)
	if err != nil {
		return fmt.Errorf("the signature: %w", err)
	}
	if keyType == "ecdsa-p256" {
		if sig, err = derOf(sig); err != nil {
			return err
		}
	}
	key, err := parsePublic(public)
	if err != nil {
		return err
	}
	// Checking what a certificate's key has signed is how the standard library
	// verifies without naming a package that has private keys.
	signer := &x509.Certificate{PublicKey: key}
	if err := signer.CheckSignature(algorithm, message, sig); err != nil {
		return fmt.Errorf("%w: a signature does not verify: %w", errWrong, err)
	}
	return nil
}

// derOf turns r and s, 32 bytes each (RFC 7518, section 3.4), into DER.
func derOf(sig []byte) ([]byte, error) {
	if len(sig) != 64 {
		return nil, fmt.Errorf("%w: a signature of %d bytes, want 64", errWrong, len(sig))
	}
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])})
}

// parsePublic reads PEM, or the bare 32 bytes of Ed25519 in base64.
func parsePublic(text string) (any, error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return x509.ParsePKIXPublicKey(block.Bytes)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != 32 {
		return nil, errKey
	}
	// The SPKI of Ed25519 is 12 fixed bytes and the key (RFC 8410, section 4).
	return x509.ParsePKIXPublicKey(append([]byte{0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0}, raw...))
}
