package main

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/signet-kms/signet/client/wire"
)

// signFlags are common to sign and verify.
func signFlags(f *pflag.FlagSet, o *wire.SignOptions) (prehashed *bool, salt *string) {
	f.Var(choiceFlag{&o.HashAlgorithm, []string{
		wire.HashSHA2_224, wire.HashSHA2_256, wire.HashSHA2_384, wire.HashSHA2_512,
		wire.HashSHA3_224, wire.HashSHA3_256, wire.HashSHA3_384, wire.HashSHA3_512, wire.HashSHA1, wire.HashNone,
	}}, "hash", "hash of the input: sha2-256 (default), sha2-384, sha2-512, sha3-256, …")
	prehashed = f.Bool("prehashed", false, "the input is the hash already, as bytes")
	f.Var(choiceFlag{&o.SignatureAlgorithm, []string{wire.PaddingPSS, wire.PaddingPKCS1v15}}, "padding", "RSA: pss (default) or pkcs1v15")
	salt = f.String("salt", "", "RSA PSS: `length` in bytes, hash, or auto (default)")
	f.Var(choiceFlag{&o.MarshalingAlgorithm, []string{wire.MarshalingASN1, wire.MarshalingJWS}}, "marshaling", "asn1 (default) or jws")
	return prehashed, salt
}

// setSignFlags completes o with what signFlags returned.
func setSignFlags(cmd *cobra.Command, o *wire.SignOptions, prehashed bool, salt string) error {
	setIfChanged(prehashed, &o.Prehashed, wire.BoolOf(true))
	if salt == "" {
		return nil
	}
	if n, err := strconv.Atoi(salt); salt != wire.SaltAuto && salt != wire.SaltHash && (err != nil || n < 0) {
		return usage(cmd, "--salt is auto, hash or a length in bytes, not "+strconv.Quote(salt))
	}
	o.SaltLength = wire.StringOf(salt)
	return nil
}

// keyVersionFlag returns the version to use, 0 for the latest.
func keyVersionFlag(f *pflag.FlagSet) *uint16 {
	return f.Uint16("key-version", 0, "use version `N` of the key (0: the latest)")
}

func newSignCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "sign KEY FILE|-", Short: "sign a file or stdin", Args: exactly("KEY", "FILE or - (stdin)"),
		Long:    "Signs a file, or stdin with -, and prints the signature.",
		Example: "  signet sign web release.tar\n  openssl dgst -sha256 -binary big.iso | signet sign web --prehashed -",
	}
	var req wire.SignRequest
	prehashed, salt := signFlags(cmd.Flags(), &req.SignOptions)
	version := keyVersionFlag(cmd.Flags())
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		if err := setSignFlags(cmd, &req.SignOptions, *prehashed, *salt); err != nil {
			return err
		}
		setIfChanged(*version != 0, &req.KeyVersion, wire.IntOf(int(*version)))
		input, err := c.readInput(args[1], maxInput)
		if err != nil {
			return err
		}
		req.Input = wire.BytesOf(input)
		cl, err := c.connect()
		if err != nil {
			return err
		}
		out, err := cl.Transit("").Sign(ctx, args[0], req)
		if err != nil {
			return err
		}
		return c.emit(out, line(printable(out.Signature)))
	})
}

func newVerifyCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify KEY --signature S FILE|-", Short: "verify the signature of a file or stdin", Args: exactly("KEY", "FILE or - (stdin)"),
		Long:    "Verifies a signature and prints valid or invalid. Exits with 4 if it is invalid.",
		Example: "  signet verify web --signature vault:v1:MEUC… release.tar",
	}
	var req wire.VerifyRequest
	prehashed, salt := signFlags(cmd.Flags(), &req.SignOptions)
	cmd.Flags().StringVar(&req.Signature, "signature", "", "the `signature` as signet sign printed it (required)")
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		if req.Signature = strings.TrimSpace(req.Signature); req.Signature == "" {
			return usage(cmd, "--signature is missing")
		}
		if err := setSignFlags(cmd, &req.SignOptions, *prehashed, *salt); err != nil {
			return err
		}
		input, err := c.readInput(args[1], maxInput)
		if err != nil {
			return err
		}
		req.Input = wire.BytesOf(input)
		cl, err := c.connect()
		if err != nil {
			return err
		}
		valid, err := cl.Transit("").Verify(ctx, args[0], req)
		if err != nil {
			return err
		}
		word := "invalid"
		if valid {
			word = "valid"
		}
		if err := c.emit(wire.VerifyData{Valid: valid}, line(word)); err != nil || valid {
			return err
		}
		return errVerdict
	})
}

func newEncryptCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "encrypt KEY FILE|-", Short: "encrypt a file or stdin", Args: exactly("KEY", "FILE or - (stdin)"),
		Long: "Encrypts a file, or stdin with -, and prints the ciphertext.",
	}
	var req wire.EncryptRequest
	aad := aadFlag(cmd.Flags())
	version := keyVersionFlag(cmd.Flags())
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		setIfChanged(*version != 0, &req.KeyVersion, wire.IntOf(int(*version)))
		setIfChanged(*aad != "", &req.AssociatedData, wire.BytesOf([]byte(*aad)))
		input, err := c.readInput(args[1], maxInput)
		if err != nil {
			return err
		}
		req.Plaintext = wire.BytesOf(input)
		cl, err := c.connect()
		if err != nil {
			return err
		}
		out, err := cl.Transit("").Encrypt(ctx, args[0], req)
		if err != nil {
			return err
		}
		return c.emit(out, line(printable(out.Ciphertext)))
	})
}

func newDecryptCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "decrypt KEY FILE|-", Short: "decrypt what encrypt printed", Args: exactly("KEY", "FILE or - (stdin)"),
		Long: "Decrypts what encrypt printed, from a file or from stdin with -, and writes the\nplaintext as it was, byte for byte; with -o json as base64.",
	}
	var req wire.DecryptRequest
	aad := aadFlag(cmd.Flags())
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		setIfChanged(*aad != "", &req.AssociatedData, wire.BytesOf([]byte(*aad)))
		input, err := c.readInput(args[1], 32<<20)
		if err != nil {
			return err
		}
		if req.Ciphertext = strings.TrimSpace(string(input)); req.Ciphertext == "" {
			return usage(cmd, "there is no ciphertext in "+printable(args[1]))
		}
		cl, err := c.connect()
		if err != nil {
			return err
		}
		plaintext, err := cl.Transit("").Decrypt(ctx, args[0], req)
		if err != nil {
			return err
		}
		return c.emit(wire.DecryptData{Plaintext: wire.BytesOf(plaintext)}, func(w io.Writer) error {
			_, err := w.Write(plaintext)
			return err
		})
	})
}

func aadFlag(f *pflag.FlagSet) *string {
	return f.String("aad", "", "associated data: this `text` is not encrypted, but needed again to decrypt")
}
