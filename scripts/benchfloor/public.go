package main

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
)

// public returns what a node shows of each key, by type: PEM, the bare 32 bytes
// in base64 for Ed25519, nothing for a symmetric key.
func (k *keys) public() (map[string]string, error) {
	out := map[string]string{"aes256-gcm96": ""}
	for name, key := range map[string]crypto.PublicKey{"ecdsa-p256": k.ecdsa.Public(), "rsa-2048": k.rsa.Public()} {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return nil, err
		}
		out[name] = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	}
	out["ed25519"] = base64.StdEncoding.EncodeToString(k.ed25519[len(k.ed25519)/2:])
	return out, nil
}
