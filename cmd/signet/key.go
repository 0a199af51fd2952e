package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

func newKeyCommand(c *cli) *cobra.Command {
	return group("key", "create, import, list, read, rotate, configure, trim and delete keys",
		newKeyCreateCommand(c), newKeyImportCommand(c), newKeyImportVersionCommand(c), newKeyListCommand(c), newKeyReadCommand(c),
		newKeyRotateCommand(c), newKeyConfigCommand(c),
		newKeyTrimCommand(c), newKeyDeleteCommand(c), newKeyUndeleteCommand(c), newKeyStateCommand(c))
}

// keyTypes returns the types that the server makes.
func keyTypes() []string {
	return []string{
		wire.KeyECDSAP256, wire.KeyECDSAP384, wire.KeyECDSAP521, wire.KeyEd25519,
		wire.KeyRSA2048, wire.KeyRSA3072, wire.KeyRSA4096, wire.KeyAES256GCM,
		wire.KeyAES128GCM, wire.KeyChaCha20, wire.KeyXChaCha20, wire.KeyHMAC,
	}
}

// onKey makes the command of a call that returns a key.
func (c *cli) onKey(cmd *cobra.Command, do func(ctx context.Context, t client.Transit, name string) (wire.KeyData, error)) *cobra.Command {
	cmd.Args = exactly("NAME")
	return c.onTransit(cmd, func(ctx context.Context, t client.Transit, args []string) error {
		key, err := do(ctx, t, args[0])
		if err != nil {
			return err
		}
		return c.emit(key, keyTable(key))
	})
}

func newKeyCreateCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "create NAME --type TYPE", Short: "create a key",
		Long:    "Creates a key. The types are:\n  " + strings.Join(keyTypes(), ", "),
		Example: "  signet key create web --type ecdsa-p256",
	}
	var req wire.KeyCreateRequest
	cmd.Flags().Var(choiceFlag{&req.Type, keyTypes()}, "type", "type of the key (required)")
	cmd.Flags().Var(durationFlag{&req.AutoRotatePeriod}, "auto-rotate-period", "make a new version this often, such as 30d")
	size := cmd.Flags().Int("key-size", 0, "with --type hmac: `bytes` of the key, 32 (default) to 512")
	return c.onKey(cmd, func(ctx context.Context, t client.Transit, name string) (wire.KeyData, error) {
		if req.Type == "" {
			return wire.KeyData{}, usage(cmd, "--type is missing: "+strings.Join(keyTypes(), ", "))
		}
		if cmd.Flags().Changed("key-size") {
			if req.Type != wire.KeyHMAC {
				return wire.KeyData{}, usage(cmd, "--key-size goes with --type hmac alone")
			}
			req.KeySize = wire.IntOf(*size)
		}
		key, err := t.CreateKey(ctx, name, req)
		if err == nil && key.Type != req.Type {
			// The server leaves an existing key alone and only warns. Whoever asked
			// for another type must not go on as if it had it.
			err = fmt.Errorf("the key %s exists already and is of type %s", name, key.Type)
		}
		if err == nil && req.KeySize.Set && int64(key.KeySize) != req.KeySize.Value {
			err = fmt.Errorf("the key %s exists already and has %d bytes", name, key.KeySize)
		}
		return key, err
	})
}

func newKeyListCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "list the keys", Args: exactly()}
	deleted := cmd.Flags().Bool("deleted", false, "list those that are deleted and can be undeleted")
	return c.onTransit(cmd, func(ctx context.Context, t client.Transit, _ []string) error {
		if *deleted {
			return c.emitDeleted(ctx, t)
		}
		names, err := t.ListKeys(ctx)
		if err != nil {
			return err
		}
		return c.emit(wire.Keys{Keys: names}, lines(names))
	})
}

func newKeyReadCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "read NAME", Short: "show a key and its versions", Args: exactly("NAME"),
		Long: "Shows a key and its newest 100 versions. With --public it prints nothing but a public key, as PEM.",
	}
	public := cmd.Flags().Bool("public", false, "print the public key only")
	version := cmd.Flags().Int("key-version", 0, "show version `N` alone (0, with --public: the latest)")
	all := cmd.Flags().Bool("all-versions", false, "show all versions, however many there are")
	return c.onTransit(cmd, func(ctx context.Context, t client.Transit, args []string) error {
		var key wire.KeyData
		var err error
		switch {
		case *version < 0:
			return usage(cmd, "--key-version is not negative")
		case *all && (*public || *version != 0):
			return usage(cmd, "--all-versions goes with neither --public nor --key-version")
		case *public:
			return c.emitPublic(ctx, t, args[0], *version)
		case *version != 0:
			key, err = t.ReadKeyVersion(ctx, args[0], *version)
		case *all:
			key, err = readAll(ctx, t, args[0])
		default:
			key, err = c.readNewest(ctx, t, args[0])
		}
		if err != nil {
			return err
		}
		return c.emit(key, keyTable(key))
	})
}

func newKeyRotateCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "rotate NAME", Short: "make a new version of a key",
		Long: "Makes a new version of a key, which signs and encrypts from now on. Old versions go on verifying and decrypting."}
	return c.onKey(cmd, func(ctx context.Context, t client.Transit, name string) (wire.KeyData, error) {
		return t.RotateKey(ctx, name)
	})
}

func newKeyConfigCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "config NAME", Short: "change the settings of a key",
		Example: "  signet key config web --min-decryption-version 2\n  signet key config web --deletion-allowed",
	}
	f := cmd.Flags()
	var req wire.KeyConfigRequest
	decryption := f.Int("min-decryption-version", 0, "versions below `N` neither decrypt nor verify")
	encryption := f.Int("min-encryption-version", 0, "versions below `N` neither encrypt nor sign (0: the latest alone)")
	deletion := f.Bool("deletion-allowed", false, "the key may be deleted")
	f.Var(durationFlag{&req.AutoRotatePeriod}, "auto-rotate-period", "make a new version this often, such as 30d (0: never)")
	f.Var(durationFlag{&req.RotationLeadTime}, "rotation-lead-time", "a new version waits so long before it signs, such as 10m (0: it signs at once)")
	return c.onKey(cmd, func(ctx context.Context, t client.Transit, name string) (wire.KeyData, error) {
		setIfChanged(f.Changed("min-decryption-version"), &req.MinDecryptionVersion, wire.IntOf(*decryption))
		setIfChanged(f.Changed("min-encryption-version"), &req.MinEncryptionVersion, wire.IntOf(*encryption))
		setIfChanged(f.Changed("deletion-allowed"), &req.DeletionAllowed, wire.BoolOf(*deletion))
		if req.MinDecryptionVersion.IsZero() && req.MinEncryptionVersion.IsZero() && req.DeletionAllowed.IsZero() && req.AutoRotatePeriod.IsZero() && req.RotationLeadTime.IsZero() {
			return wire.KeyData{}, usage(cmd, "say what to change")
		}
		return t.ConfigureKey(ctx, name, req)
	})
}
