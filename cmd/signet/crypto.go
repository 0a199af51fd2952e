package main

import (
	"context"
	"encoding/base64"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// maxCiphertext is the longest request; the server says if it is still too long.
const maxCiphertext = 32 << 20

// signFlags are common to sign and verify.
func signFlags(cmd *cobra.Command, o *wire.SignOptions) {
	hashFlags(cmd, o)
	addBoolFlag(cmd, &o.Prehashed, "prehashed", "the input is the hash already, as bytes")
	cmd.Flags().Var(saltFlag{&o.SaltLength}, "salt", "RSA PSS: length in bytes, hash, or auto (default)")
}

func hashFlags(cmd *cobra.Command, o *wire.SignOptions) {
	cmd.Flags().Var(choiceFlag{&o.HashAlgorithm, []string{
		wire.HashSHA2_224, wire.HashSHA2_256, wire.HashSHA2_384, wire.HashSHA2_512,
		wire.HashSHA3_224, wire.HashSHA3_256, wire.HashSHA3_384, wire.HashSHA3_512, wire.HashSHA1, wire.HashNone,
	}}, "hash", "hash of the input: sha2-256 (default), sha2-384, sha2-512, sha3-256, …")
	cmd.Flags().Var(choiceFlag{&o.SignatureAlgorithm, []string{wire.PaddingPSS, wire.PaddingPKCS1v15}}, "padding", "RSA: pss (default) or pkcs1v15")
	cmd.Flags().Var(choiceFlag{&o.MarshalingAlgorithm, []string{wire.MarshalingASN1, wire.MarshalingJWS}}, "marshaling", "asn1 (default) or jws")
}

func keyVersionFlag(cmd *cobra.Command, to *wire.Int) {
	cmd.Flags().Var(versionFlag{to}, "key-version", "use version `N` of the key (0: the latest)")
}

func aadFlag(cmd *cobra.Command, to *wire.Bytes) {
	cmd.Flags().Var(bytesFlag{to}, "aad", "associated data: this `text` is not encrypted, but needed again to decrypt")
}

func newSignCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "sign KEY FILE|-", Short: "sign a file or stdin",
		Long:    "Signs a file, or stdin with -, and prints the signature.",
		Example: "  signet sign web release.tar\n  openssl dgst -sha256 -binary big.iso | signet sign web --prehashed -",
	}
	var req wire.SignRequest
	signFlags(cmd, &req.SignOptions)
	keyVersionFlag(cmd, &req.KeyVersion)
	return c.onInput(cmd, maxInput, func(ctx context.Context, t client.Transit, key string, input []byte) (result, error) {
		req.Input = wire.BytesOf(input)
		out, err := t.Sign(ctx, key, req)
		return result{value: out, table: line(printable(out.Signature))}, err
	})
}

func newVerifyCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify KEY {--signature S|--hmac H} FILE|-", Short: "verify the signature or hmac of a file or stdin",
		Long:    "Verifies a signature or an hmac and prints valid or invalid. Exits with 4 if it is\ninvalid. An hmac needs the --hash that it was made with, and nothing else.",
		Example: "  signet verify web --signature vault:v1:MEUC… release.tar",
	}
	var req wire.VerifyRequest
	signFlags(cmd, &req.SignOptions)
	cmd.Flags().StringVar(&req.Signature, "signature", "", "the `signature` as signet sign printed it")
	cmd.Flags().StringVar(&req.HMAC, "hmac", "", "the `hmac` as signet hmac printed it")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		req.Signature, req.HMAC = strings.TrimSpace(req.Signature), strings.TrimSpace(req.HMAC)
		switch {
		case req.Signature == "" && req.HMAC == "":
			return usage(cmd, "--signature or --hmac is missing")
		case req.Signature != "" && req.HMAC != "":
			return usage(cmd, "--signature and --hmac do not go together")
		}
		return nil
	}
	return c.onInput(cmd, maxInput, func(ctx context.Context, t client.Transit, key string, input []byte) (result, error) {
		req.Input = wire.BytesOf(input)
		valid, err := t.Verify(ctx, key, req)
		if codeOf(err) == wire.BadSignatureFormat && req.MarshalingAlgorithm != wire.MarshalingJWS && looksJWS(req.Signature) {
			err = &advice{err, []string{"a signature that was made with --marshaling jws is verified with it too"}}
		}
		if !valid {
			return result{wire.VerifyData{}, line("invalid"), errVerdict}, err
		}
		return result{value: wire.VerifyData{Valid: true}, table: line("valid")}, err
	})
}

// looksJWS says whether a signature reads as base64url without padding, and not as
// base64.
func looksJWS(signature string) bool {
	body := signature[strings.LastIndexByte(signature, ':')+1:]
	_, url := base64.RawURLEncoding.DecodeString(body)
	_, std := base64.StdEncoding.DecodeString(body)
	return url == nil && std != nil
}

func newEncryptCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "encrypt KEY FILE|-", Short: "encrypt a file or stdin",
		Long: "Encrypts a file, or stdin with -, and prints the ciphertext.",
	}
	var req wire.EncryptRequest
	aadFlag(cmd, &req.AssociatedData)
	keyVersionFlag(cmd, &req.KeyVersion)
	return c.onInput(cmd, maxInput, func(ctx context.Context, t client.Transit, key string, input []byte) (result, error) {
		req.Plaintext = wire.BytesOf(input)
		out, err := t.Encrypt(ctx, key, req)
		return result{value: out, table: line(printable(out.Ciphertext))}, err
	})
}

func newDecryptCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "decrypt KEY FILE|-", Short: "decrypt what encrypt printed",
		Long: "Decrypts what encrypt printed, from a file or from stdin with -, and writes the\nplaintext as it was, byte for byte; with -o json as base64.",
	}
	var req wire.DecryptRequest
	aadFlag(cmd, &req.AssociatedData)
	return c.onInput(cmd, maxCiphertext, func(ctx context.Context, t client.Transit, key string, input []byte) (result, error) {
		if req.Ciphertext = strings.TrimSpace(string(input)); req.Ciphertext == "" {
			return result{}, usage(cmd, "there is no ciphertext in the input")
		}
		plaintext, err := t.Decrypt(ctx, key, req)
		return result{value: wire.DecryptData{Plaintext: wire.BytesOf(plaintext)}, table: func(w io.Writer) error {
			_, err := w.Write(plaintext)
			return err
		}}, err
	})
}
