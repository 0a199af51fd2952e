package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"unicode/utf8"

	"github.com/signet-kms/signet/client/wire"
)

// maxKeyFile is how long the file of a key may be, in bytes.
const maxKeyFile = 16 << 10

// symmetric says whether keys of a type are their bytes and nothing else.
func symmetric(typ string) bool {
	switch typ {
	case wire.KeyAES128GCM, wire.KeyAES256GCM, wire.KeyChaCha20, wire.KeyXChaCha20, wire.KeyHMAC:
		return true
	}
	return false
}

// readKeyFile reads the key that is to be imported: of a symmetric type the bytes of
// the file as they are, of another one a private key in PEM, which it returns as
// PKCS #8 in DER. The caller erases it. No error repeats any of the content.
func (c *cli) readKeyFile(name string, raw bool) ([]byte, error) {
	if info, err := os.Stat(name); name != "-" && err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		c.note("warning: others on this machine may read " + printable(name) + "; chmod 600 it, and ask whether the key is still a secret")
	}
	content, err := c.readInput(name, maxKeyFile)
	if err != nil {
		return nil, err
	}
	if raw {
		if bytes.Contains(content, []byte("-----BEGIN ")) {
			clear(content)
			return nil, usageError("a symmetric key is the bytes themselves, and this is PEM", "say the --type of the key in it")
		}
		if bytes.HasSuffix(content, []byte("\n")) && utf8.Valid(content) {
			// An editor's line break would make it another key than the one elsewhere,
			// which nobody notices before the first token is refused.
			c.note("warning: the key ends with a line break, which is taken as part of it; if it is not, remove it and import again under another name")
		}
		return content, nil
	}
	defer clear(content)
	return pkcs8Of(content)
}

// pkcs8Of finds the one private key of a PEM file, which may hold public parts beside
// it: the parameters that openssl writes before an EC key, certificates.
func pkcs8Of(content []byte) (key []byte, err error) {
	const what = "the file does not hold one private key in PEM (PRIVATE KEY, EC PRIVATE KEY or RSA PRIVATE KEY)"
	for rest := content; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		defer clear(block.Bytes)
		var found []byte
		switch block.Type {
		case "PRIVATE KEY":
			found = bytes.Clone(block.Bytes)
		case "EC PRIVATE KEY", "RSA PRIVATE KEY":
			if found, err = converted(block); err != nil {
				clear(key)
				return nil, err
			}
		case "ENCRYPTED PRIVATE KEY":
			clear(key)
			return nil, encryptedFile()
		default:
			continue
		}
		if key != nil {
			clear(key)
			clear(found)
			return nil, usageError(what, "")
		}
		key = found
	}
	if key == nil {
		return nil, usageError(what, "")
	}
	return key, nil
}

// converted is a key in the older forms, SEC 1 (RFC 5915) and PKCS #1, as PKCS #8.
func converted(block *pem.Block) ([]byte, error) {
	if block.Headers["DEK-Info"] != "" {
		return nil, encryptedFile()
	}
	var private any
	var err error
	if block.Type == "EC PRIVATE KEY" {
		private, err = x509.ParseECPrivateKey(block.Bytes)
	} else {
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, usageError("the "+block.Type+" of the file does not parse", "")
	}
	return x509.MarshalPKCS8PrivateKey(private)
}

func encryptedFile() error {
	return usageError("the key of the file is encrypted with a password", "decrypt it on the way: openssl pkcs8 -topk8 -nocrypt -in FILE | signet key import NAME - --type TYPE")
}
