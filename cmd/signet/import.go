package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

const importedText = `FILE is a private key in PEM: PKCS #8, or "EC PRIVATE KEY" or "RSA PRIVATE KEY". Of a
symmetric type it is the bytes of the key. - is stdin.

The key is wrapped here for the server's wrapping key, and never leaves this machine in
clear. Destroy the file when it is imported: as long as it is there, so is the key.`

// wrapFile reads a key from a file and wraps it for the server.
func (c *cli) wrapFile(ctx context.Context, to wrapper, name string, raw bool) (wire.KeyImport, error) {
	key, err := c.readKeyFile(name, raw)
	if err != nil {
		return wire.KeyImport{}, err
	}
	defer clear(key)
	return to.Wrap(ctx, key)
}

// wrapper wraps keys for the server: client.Transit for its mount, client.JWT for
// issuers.
type wrapper interface {
	Wrap(ctx context.Context, key []byte) (wire.KeyImport, error)
}

// imported tells what to do now that the server has the key.
func (c *cli) imported(name string) {
	if name == "-" {
		c.note("the key is imported; destroy now what it came from, and its copies and backups")
		return
	}
	c.note("the key is imported; destroy " + printable(name) + " now, and its copies and backups")
}

func newKeyImportCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "import NAME FILE --type TYPE [--allow-rotation]", Short: "create a key of one that was made elsewhere", Args: exactly("NAME", "FILE"),
		Long:    "Creates a key of one that was made elsewhere.\n\n" + importedText + "\n\nThe types are:\n  " + strings.Join(keyTypes(), ", "),
		Example: "  signet key import web web.pem --type ecdsa-p256\n  openssl pkcs8 -topk8 -nocrypt -in old.pem | signet key import web - --type rsa-2048",
	}
	var req wire.KeyImportRequest
	cmd.Flags().Var(choiceFlag{&req.Type, keyTypes()}, "type", "type of the key (required)")
	rotation := cmd.Flags().Bool("allow-rotation", false, "later versions may be made by the server; none are imported from then on")
	return c.onTransit(cmd, func(ctx context.Context, t client.Transit, args []string) error {
		if req.Type == "" {
			return usage(cmd, "--type is missing: "+strings.Join(keyTypes(), ", "))
		}
		var err error
		if req.KeyImport, err = c.wrapFile(ctx, t, args[1], symmetric(req.Type)); err != nil {
			return err
		}
		req.AllowRotation = wire.BoolOf(*rotation)
		key, err := t.ImportKey(ctx, args[0], req)
		if err != nil {
			return err
		}
		c.imported(args[1])
		return c.emit(key, keyTable(key))
	})
}

func newKeyImportVersionCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "import-version NAME FILE", Short: "add a version that was made elsewhere to an imported key", Args: exactly("NAME", "FILE"),
		Long:    "Adds a version that was made elsewhere to an imported key. It signs and encrypts from now on.\n\n" + importedText,
		Example: "  signet key import-version web next.pem",
	}
	return c.onTransit(cmd, func(ctx context.Context, t client.Transit, args []string) error {
		old, err := t.ReadKey(ctx, args[0])
		if err != nil {
			return err
		}
		wrapped, err := c.wrapFile(ctx, t, args[1], symmetric(old.Type))
		if err != nil {
			return err
		}
		key, err := t.ImportKeyVersion(ctx, args[0], wrapped)
		if err != nil {
			return err
		}
		c.imported(args[1])
		return c.emit(key, keyTable(key))
	})
}

// importFlags are those of a key that is brought in for an issuer.
type importFlags struct{ file, kid string }

func (f *importFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.file, "import", "", "`file` with a private key in PEM that was made elsewhere, or - for stdin; with an HS alg its bytes")
	cmd.Flags().StringVar(&f.kid, "kid", "", "with --import: the `kid` that tokens under it have (default: the RFC 7638 thumbprint)")
}

// wrapped is the key of the file for the server, nil without one. raw says that it is
// the bytes of an HMAC key. Each wrapping differs, so that the server could not tell a
// repetition from another request.
func (f *importFlags) wrapped(ctx context.Context, c *cli, cmd *cobra.Command, j client.JWT, raw func() (bool, error)) (*wire.IssuerImport, error) {
	switch {
	case f.file == "" && !cmd.Flags().Changed("import"):
		if f.kid != "" {
			return nil, usage(cmd, "--kid goes with --import")
		}
		return nil, nil
	case cmd.Flags().Changed(idempotencyFlag):
		return nil, usage(cmd, fmt.Sprintf("--%s does not go with --import: look whether it was done, and do it again if not", idempotencyFlag))
	}
	bytes, err := raw()
	if err != nil {
		return nil, err
	}
	key, err := c.wrapFile(ctx, j, f.file, bytes)
	if err != nil {
		return nil, err
	}
	out := &wire.IssuerImport{Ciphertext: key.Ciphertext, HashFunction: key.HashFunction}
	if f.kid != "" {
		out.KID = wire.StringOf(f.kid)
	}
	return out, nil
}
