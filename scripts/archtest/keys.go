package archtest

import (
	"go/token"
	"path"
	"slices"
	"strings"
)

// keyPackages hold the types and functions of private keys. What lies below one
// counts too.
func keyPackages() []string {
	return []string{
		"crypto/ecdsa", "crypto/rsa", "crypto/ed25519", "crypto/ecdh", "crypto/dsa", "crypto/mlkem", "crypto/mldsa", "crypto/elliptic", "crypto/hpke",
		"golang.org/x/crypto/ed25519", "golang.org/x/crypto/curve25519", "golang.org/x/crypto/nacl", "golang.org/x/crypto/ssh",
		"github.com/tink-crypto", "github.com/google/tink",
		"github.com/cloudflare/circl/sign", "github.com/cloudflare/circl/kem", "github.com/cloudflare/circl/dh",
	}
}

// keyFunctions read or write private keys without naming their type.
func keyFunctions() map[string][]string {
	return map[string][]string{
		"crypto/x509": {
			"ParsePKCS8PrivateKey", "MarshalPKCS8PrivateKey", "ParsePKCS1PrivateKey", "MarshalPKCS1PrivateKey",
			"ParseECPrivateKey", "MarshalECPrivateKey", "DecryptPEMBlock", "EncryptPEMBlock",
		},
		"crypto/tls": {"LoadX509KeyPair", "X509KeyPair"},
	}
}

// secretWords mark the names, in a key package, that have to do with private
// keys. SignatureSize and SignerOpts have not.
func secretWords() []string {
	return []string{"Private", "Generate", "Sign", "Decrypt", "Seed", "Decapsulation", "NewKey", "Insecure"}
}

func below(importPath string, roots []string) bool {
	return slices.ContainsFunc(roots, func(r string) bool { return importPath == r || strings.HasPrefix(importPath, r+"/") })
}

// forbiddenImports checks the imports that one room alone may have, tests
// included, and those that no file may have.
func (c *checker) forbiddenImports(pkg *pkg, f *file) {
	for _, i := range f.imports {
		at := c.tree.at(i.pos)
		if strings.HasPrefix(i.path, "github.com/hashicorp/raft") && pkg.path != c.plan.Raft && !c.excepted(RuleRaft, f) {
			c.add(RuleRaft, at, "%s is for %s alone", i.path, c.plan.Raft)
		}
		if i.path == "C" {
			c.add(RuleCgo, at, "the module builds without cgo")
		}
		if i.name == "." {
			c.add(RuleDot, at, "import %s under a name: without one its functions hide from this test", i.path)
		}
		if below(i.path, []string{"math/rand"}) && !f.test && !c.excepted(RuleRand, f) {
			c.add(RuleRand, at, "%s can be guessed: use crypto/rand", i.path)
		}
	}
}

// keyCrypto checks the files that touch private keys, or the packages they come
// from. Tests may: they check signatures with independent code.
func (c *checker) keyCrypto(f *file) {
	if f.test {
		return
	}
	if slices.ContainsFunc(f.imports, func(i imported) bool { return below(i.path, keyPackages()) }) {
		switch {
		case c.excepted(RulePrivateKey, f):
		case c.excepted(RulePublicKey, f):
			c.publicOnly(f)
		default:
			for _, i := range f.imports {
				if below(i.path, keyPackages()) {
					c.add(RulePrivateKey, c.tree.at(i.pos), "%s has private keys: only the files listed in the plan may import it", i.path)
				}
			}
		}
	}
	functions := keyFunctions()
	f.selectors(func(importPath, name string, pos token.Pos) {
		if !slices.Contains(functions[importPath], name) || c.excepted(RuleKeyFile, f) || c.excepted(RulePrivateKey, f) {
			return
		}
		c.add(RuleKeyFile, c.tree.at(pos), "%s.%s handles a private key: only the files listed in the plan may use it", path.Base(importPath), name)
	})
}

// publicOnly checks a file that may use key packages for public keys alone.
func (c *checker) publicOnly(f *file) {
	f.selectors(func(importPath, name string, pos token.Pos) {
		if !below(importPath, keyPackages()) || name == "SignatureSize" {
			return
		}
		if slices.ContainsFunc(secretWords(), func(w string) bool { return strings.Contains(name, w) }) {
			c.add(RulePublicKey, c.tree.at(pos), "%s.%s is about private keys, and the plan lets this file use public keys only", path.Base(importPath), name)
		}
	})
}

// mint checks that a Pass is made in one room alone. Naming the function counts,
// so that it cannot be handed on.
func (c *checker) mint(pkg *pkg, f *file) {
	if pkg.path == c.plan.MintIn || pkg.path == c.plan.MintOf {
		return
	}
	f.selectors(func(importPath, name string, pos token.Pos) {
		if importPath == c.plan.Module+"/"+c.plan.MintOf && name == "Mint" {
			c.add(RuleMint, c.tree.at(pos), "only %s may mint a Pass, since it alone asks policy first", c.plan.MintIn)
		}
	})
}
