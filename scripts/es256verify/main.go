// Command es256verify verifies an ES256 signature (ECDSA on P-256 with SHA-256,
// FIPS 186-5) with the Go standard library alone.
//
//	es256verify PUBLIC.pem SIGNATURE.der FILE
//
// It owns the verdict where scripts/quickstart finds no openssl. It never imports
// anything of this module, so that Signet does not judge its own signatures.
//
// The invariant: "Verified OK" and exit code 0 only for a signature in ASN.1 DER
// of the whole file by that key; 1 for any other signature, 2 for a file that
// cannot be read or a key that is not on P-256.
//
// Start reading at verify.
package main

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: es256verify PUBLIC.pem SIGNATURE.der FILE")
		os.Exit(2)
	}
	var content [3][]byte
	for i, name := range os.Args[1:] {
		var err error
		if content[i], err = os.ReadFile(name); err != nil {
			fmt.Fprintln(os.Stderr, "es256verify:", err)
			os.Exit(2)
		}
	}
	switch err := verify(content[0], content[1], content[2]); {
	case err == nil:
		fmt.Println("Verified OK")
	case errors.Is(err, errKey):
		fmt.Fprintln(os.Stderr, "es256verify:", err)
		os.Exit(2)
	default:
		fmt.Println("Verification failure")
		os.Exit(1)
	}
}

var (
	errKey       = errors.New("the public key is not a P-256 key in PEM")
	errSignature = errors.New("the signature is not one of this key over this input")
)

// verify checks a DER signature of message by the key in public, an SPKI in PEM.
func verify(public, signature, message []byte) error {
	block, _ := pem.Decode(public)
	if block == nil || block.Type != "PUBLIC KEY" || !isP256(block.Bytes) {
		return errKey
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("%w: %w", errKey, err)
	}
	// Checking what a certificate's key has signed is how the standard library
	// verifies without naming a package that has private keys.
	signer := &x509.Certificate{PublicKey: key}
	if signer.CheckSignature(x509.ECDSAWithSHA256, message, signature) != nil {
		return errSignature
	}
	return nil
}

// isP256 reads the algorithm of an SPKI: id-ecPublicKey with the curve
// secp256r1 (RFC 5480, section 2.1.1).
func isP256(der []byte) bool {
	var spki struct {
		Algorithm struct{ Name, Curve asn1.ObjectIdentifier }
		Key       asn1.BitString
	}
	rest, err := asn1.Unmarshal(der, &spki)
	return err == nil && len(rest) == 0 &&
		spki.Algorithm.Name.Equal(asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}) &&
		spki.Algorithm.Curve.Equal(asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7})
}
