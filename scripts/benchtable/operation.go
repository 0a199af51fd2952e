package main

import (
	"fmt"
	"strings"
)

// operation is one line of the first table.
type operation struct {
	name    string // as -op has it
	verb    string
	key     string // its name, which is its type in the first table
	keyType string
	padding string // of RSA
	version int    // of the key that signs; 0: the latest
	batch   int    // items of one request; 0: no batch
	audit   []string
	aims    []aim // one for each of audit, or one for all
}

const batchSize = 100

// operations is what can be measured, in the order of the table.
func operations() []operation {
	os, both := []string{"os"}, []string{"os", "sync"}
	return []operation{
		one("es256-sign", "sign", "ecdsa-p256", both, aim{ratioAim, 1.5}, aim{ratioAim, 1.7}),
		one("ed25519-sign", "sign", "ed25519", os),
		padded("rsa2048-pss-sign", "pss"),
		padded("rsa2048-pkcs1-sign", "pkcs1v15"),
		one("es256-verify", "verify", "ecdsa-p256", os),
		one("aes256-encrypt", "encrypt", "aes256-gcm96", os, aim{overAim, 45}),
		one("aes256-decrypt", "decrypt", "aes256-gcm96", os, aim{overAim, 45}),
		one("hmac", "hmac", "aes256-gcm96", os, aim{overAim, 45}),
		batch("es256-sign-batch", "sign", "ecdsa-p256", aim{rawAim, 12}),
		batch("aes256-encrypt-batch", "encrypt", "aes256-gcm96", aim{batchAim, 4}),
		batch("aes256-decrypt-batch", "decrypt", "aes256-gcm96", aim{batchAim, 4}),
		batch("hmac-batch", "hmac", "aes256-gcm96"),
		one("jwt-es256-sign", jwtSign, issuerName, os, aim{ratioAim, 1.7}),
		one("jwt-es256-verify", jwtVerify, issuerName, os, aim{ratioAim, 1.6}),
		one("jwt-introspect", jwtIntrospect, issuerName, os, aim{overAim, 60}),
		one("jwks", jwks, issuerName, os, aim{overAim, 40}),
	}
}

func one(name, verb, key string, audit []string, aims ...aim) operation {
	return operation{name: name, verb: verb, key: key, keyType: key, audit: audit, aims: aims}
}

func padded(name, padding string) operation {
	o := one(name, "sign", "rsa-2048", []string{"os"})
	o.padding = padding
	return o
}

func batch(name, verb, key string, aims ...aim) operation {
	o := one(name, verb, key, []string{"os"}, aims...)
	o.batch = batchSize
	return o
}

// aimWith returns what is wanted with one durability.
func (o *operation) aimWith(durability string) aim {
	for i, d := range o.audit {
		if d == durability && i < len(o.aims) {
			return o.aims[i]
		}
	}
	return aim{}
}

// perItem is how many items one request has.
func (o *operation) perItem() int { return max(1, o.batch) }

// params are the members of a request that hold for all of its items.
func (o *operation) params(verb string) string {
	var b strings.Builder
	if verb == "sign" && o.version != 0 {
		fmt.Fprintf(&b, `"key_version":%d,`, o.version)
	}
	if verb == "sign" || verb == "verify" {
		switch o.keyType {
		case "ecdsa-p256":
			b.WriteString(`"marshaling_algorithm":"jws",`)
		case "rsa-2048":
			b.WriteString(`"signature_algorithm":"` + o.padding + `","salt_length":"hash",`)
		}
	}
	return b.String()
}

// benchPolicy allows what the operations do, and nothing else. With ratio it
// allows what that program does, too.
func benchPolicy(ops []operation, ratio bool) string {
	var b strings.Builder
	seen := map[string]bool{}
	allow := func(path, capabilities string) {
		if !seen[path] {
			seen[path] = true
			b.WriteString(`path "transit/` + path + `" { capabilities = [` + capabilities + "] }\n")
		}
	}
	for _, o := range ops {
		if o.jwt() {
			b.WriteString(o.jwtPolicy())
			continue
		}
		allow(o.verb+"/"+o.key, `"update"`)
		allow("keys/"+o.key, `"read"`)
	}
	if ratio {
		allow("sign/load-ecdsa-p256", `"update"`)
		allow("keys/load-ecdsa-p256", `"create", "update", "read"`)
	}
	return b.String()
}
