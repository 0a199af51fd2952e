package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/signet-kms/signet/kms"
)

// A development node's data directory holds its one share in clear and a marker,
// for which a configured node refuses the directory.
const (
	devShareFile  = "dev-share"
	devMarkerFile = "DEV"
)

// devConfig is the configuration of a development node.
func devConfig(f serverFlags) (*serverConfig, error) {
	c := &serverConfig{dev: true, rootToken: f.rootToken, DataDir: f.dataDir, LogLevel: "warn", ClusterName: "signet-dev"}
	address := f.listen
	def(&address, defaultListen)
	if !loopback(address) {
		return nil, usageError(fmt.Sprintf("--listen %s is not a loopback address", address), "a development node is plaintext and unsealed: use 127.0.0.1 or [::1]")
	}
	c.Listeners = []listenerConfig{{Kind: "tcp", Address: address, TLSDisable: true}}
	if c.DataDir == "" {
		dir, err := os.MkdirTemp("", "signet-dev-")
		if err != nil {
			return nil, fmt.Errorf("could not make a temporary data directory: %w", err)
		}
		c.DataDir, c.temporary = dir, true
		return c, c.complete()
	}
	if err := c.complete(); err != nil {
		return nil, err
	}
	return c, c.markDev()
}

// markDev makes the data directory a development node's, unless it is a real
// node's already.
func (c *serverConfig) markDev() error {
	marker := filepath.Join(c.DataDir, devMarkerFile)
	_, markerErr := os.Stat(marker)
	if _, err := os.Stat(filepath.Join(c.DataDir, "raft")); err == nil && errors.Is(markerErr, os.ErrNotExist) {
		return fmt.Errorf("--data-dir %s holds the data of a configured node; a development node does not open it", c.DataDir)
	}
	if err := c.ownDataDir(); err != nil {
		return err
	}
	return os.WriteFile(marker, []byte("This directory belongs to 'signet server --dev'. Its share lies beside this file.\n"), 0o600)
}

// refuseDevData keeps a configured node from a directory whose share lies in it.
func (c *serverConfig) refuseDevData() error {
	if _, err := os.Stat(filepath.Join(c.DataDir, devMarkerFile)); err == nil {
		return fmt.Errorf("data_dir %s belongs to a development node, whose share lies in it; use another directory", c.DataDir)
	}
	return nil
}

// openDev initializes and unseals a development node, and returns its root token
// if it is new. It does nothing on a configured node.
func (c *serverConfig) openDev(ctx context.Context, service *kms.Service) (kms.Token, error) {
	if !c.dev {
		return kms.Token{}, nil
	}
	o := kms.Origin{Method: "DEV", Path: "sys/init", Remote: "local"}
	file := filepath.Join(c.DataDir, devShareFile)
	if service.Initialized() {
		share, err := os.ReadFile(file)
		if err != nil {
			return kms.Token{}, fmt.Errorf("the share of this development node is gone, and its data with it: %w", err)
		}
		_, err = service.Unseal(ctx, o, strings.TrimSpace(string(share)))
		return kms.Token{}, err
	}
	made, err := service.Init(ctx, o, kms.InitRequest{Shares: 1, Threshold: 1, RootToken: c.rootToken})
	if err != nil {
		return kms.Token{}, err
	}
	share := made.Shares[0].Hex()
	if !c.temporary {
		if err := os.WriteFile(file, []byte(share+"\n"), 0o600); err != nil {
			return kms.Token{}, err
		}
	}
	if _, err := service.Unseal(ctx, o, share); err != nil {
		return kms.Token{}, err
	}
	return made.RootToken, nil
}

// printDev tells whoever tries things out how to go on.
func (c *serverConfig) printDev(w io.Writer, addr net.Addr, root kms.Token) {
	if !c.dev {
		return
	}
	fmt.Fprintf(w, "\nThis is a development node: plaintext, unsealed, not for real keys.\n\n  export SIGNET_ADDR=http://%s\n", addr)
	if c.rootToken == "" && root.Reveal() != "" {
		// The one token that is ever printed by a server: it is how the user
		// of a development node gets it.
		fmt.Fprintf(w, "  export SIGNET_TOKEN=%s\n", root.Reveal())
	}
	fmt.Fprintf(w, "  signet status\n\naudit log: %s\n\n", filepath.Join(c.Audit.Path, "audit.log"))
}
