package keyring

import (
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-kms/signet/kms/state"
)

// OpenSSL has no Ed25519ph before 3.2; TestEd25519phAgreesWithTwoImplementations
// covers it.
func TestEveryCombinationVerifiesInOpenSSL(t *testing.T) {
	tool, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	w := shared(t)
	message := []byte("what is signed")
	for _, typ := range signing() {
		v, dir := w.version(typ), t.TempDir()
		file := func(name string, b []byte) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
		public := file("public.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: v.Public}))
		for _, o := range combinations(typ) {
			if typ == state.Ed25519 && o.Prehashed {
				continue
			}
			t.Run(fmt.Sprintf("%s/%+v", typ, o), func(t *testing.T) {
				input, _ := inputFor(typ, o, message)
				sig := signed(t, w.Keyring, v, o, input)
				if typ.ECDSA() {
					sig = derOf(t, o, sig)
				}
				for i, input := range [][]byte{input, flipped(input, 3)} {
					args := opensslVerify(typ, o, w.public(t, typ), public, file("sig", sig), file("input", input))
					out, err := exec.Command(tool, args...).CombinedOutput()
					if (err == nil) != (i == 0) {
						t.Errorf("openssl %s (tampered: %v): %v: %s", strings.Join(args, " "), i == 1, err, out)
					}
				}
			})
		}
	}
}

// opensslVerify are the arguments that verify one signature: dgst hashes the
// input itself, pkeyutl takes a digest or, for ed25519, the message.
func opensslVerify(typ state.KeyType, o Options, k any, public, sig, input string) []string {
	digest := strings.Replace(string(o.Hash), "sha2-", "sha", 1)
	opt, args := "-sigopt", []string{"dgst", "-" + digest, "-verify", public, "-signature", sig}
	if o.Prehashed || typ == state.Ed25519 {
		opt, args = "-pkeyopt", []string{"pkeyutl", "-verify", "-pubin", "-inkey", public, "-sigfile", sig, "-in"}
		args = append(args, input)
		if typ == state.Ed25519 {
			return append(args, "-rawin")
		}
		if o.Hash != HashNone {
			args = append(args, opt, "digest:"+digest)
		}
	}
	if k, ok := k.(*rsa.PublicKey); ok {
		if o.PKCS1v15 {
			args = append(args, opt, "rsa_padding_mode:pkcs1")
		} else {
			args = append(args, opt, "rsa_padding_mode:pss", opt, fmt.Sprint("rsa_pss_saltlen:", saltOf(o, k)))
		}
	}
	if args[0] == "dgst" {
		args = append(args, input)
	}
	return args
}
