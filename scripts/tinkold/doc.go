// Command tinkold is the old library github.com/google/tink/go, in a module of its
// own: it shows that keysets of before Tink for Go moved open in Signet, and that
// the old library takes what Signet makes.
//
//	tinkold make    # print fresh keysets, each with a sample made by the old library, as JSON
//	tinkold check   # read the same form from stdin: does the old library accept each sample
//
// It is a nested module because one program cannot link both libraries: each
// registers the same protobuf files when it starts, and the second one panics. So
// nothing here imports Signet, and what goes between them is JSON.
//
// It prints keys in clear, which nothing else in this repository does: they are made
// for the test that asks, and thrown away with it. Never give it a key that
// protects something.
//
// What a sample is: for keys that sign a signature of input, for ciphers a
// ciphertext of input with associated_data, for hmac a MAC of input.
//
//	type                made  checked
//	ecdsa-p256          yes   yes      SHA-256, DER
//	ecdsa-p384          yes   yes      SHA-384, DER
//	ecdsa-p521          yes   yes      SHA-512, DER
//	ed25519             yes   yes
//	rsa-2048/3072/4096  no    no       it has PKCS #1 v1.5 alone; Signet keeps RSA keys as PSS keysets
//	aes128-gcm96        yes   yes
//	aes256-gcm96        yes   yes
//	chacha20-poly1305   yes   yes
//	xchacha20-poly1305  yes   yes
//	hmac                yes   yes      32 bytes, SHA-256, whole tag
//
// All are without output prefix (RAW), which is how Signet keeps keys.
//
// Start reading at types in types.go.
package main
