package main

import (
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client/wire"
)

// maxRecipient is above what the server takes, so that its words are heard.
const maxRecipient = 64 << 10

// encryptFlags say to whom tokens are encrypted once they are signed.
type encryptFlags struct{ to, key, alg, enc string }

func addEncryptFlags(cmd *cobra.Command) *encryptFlags {
	var e encryptFlags
	f := cmd.Flags()
	f.StringVar(&e.to, "encrypt-to", "", "encrypt tokens to the public JWK in a `file`; - is stdin")
	f.StringVar(&e.key, "encrypt-key", "", "encrypt tokens with the transit `key` of this name; signet jwt decrypt reads them")
	f.StringVar(&e.alg, "encrypt-alg", "", "`alg` of JWE: ECDH-ES, ECDH-ES+A256KW or RSA-OAEP-256; of an AES key, dir")
	f.StringVar(&e.enc, "encrypt-enc", "A256GCM", "`enc` of JWE: A128GCM, A256GCM or A256CBC-HS512")
	return &e
}

// encryption puts what the flags say into p.
func (c *cli) encryption(cmd *cobra.Command, e *encryptFlags, p *wire.Profile) error {
	switch {
	case e.to == "" && e.key == "":
		if e.alg != "" || cmd.Flags().Changed("encrypt-enc") {
			return usage(cmd, "--encrypt-alg and --encrypt-enc go with --encrypt-to or --encrypt-key")
		}
		return nil
	case e.to != "" && e.key != "":
		return usage(cmd, "either --encrypt-to or --encrypt-key")
	case e.alg == "":
		return usage(cmd, "--encrypt-alg is missing")
	}
	p.Encrypt = &wire.ProfileEncrypt{TransitKey: wire.StringOf(e.key), Alg: wire.StringOf(e.alg), Enc: wire.StringOf(e.enc)}
	if e.key != "" {
		return nil
	}
	p.Encrypt.TransitKey = wire.String{}
	content, err := c.readInput(e.to, maxRecipient)
	if err != nil {
		return err
	}
	if p.Encrypt.Recipient = jsontext.Value(content); !p.Encrypt.Recipient.IsValid() || p.Encrypt.Recipient.Kind() != '{' {
		return usageError("--encrypt-to names no JWK: one JSON object with a public key", "")
	}
	return nil
}
