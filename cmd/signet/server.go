package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/api"
	"github.com/signet-kms/signet/kms"
	"github.com/signet-kms/signet/raftstore"
)

// serverFlags are the flags of signet server.
type serverFlags struct {
	config    string
	dev       bool
	rootToken string
	listen    string
	dataDir   string
}

func newServerCommand() *cobra.Command {
	var f serverFlags
	cmd := &cobra.Command{
		Use:   "server",
		Short: "run a node",
		Long: `Run a node until SIGTERM or SIGINT.

With --config FILE it is a node for real work: it starts sealed, and is made with
'signet operator init' and opened with 'signet operator unseal', or by itself when
the file has a seal "transit" or "exec".

With --dev it is one node for trying things out: plaintext on loopback,
initialized and unsealed at once. Without --data-dir nothing of it stays.

When it answers it prints one line on stdout: signet ready addr=… sealed=…`,
		Example: "  signet server --config /etc/signet/signet.hcl\n  signet server --dev --dev-root-token root",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runServer(cmd.Context(), f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&f.config, "config", "", "configuration file (HCL)")
	cmd.Flags().BoolVar(&f.dev, "dev", false, "development node: loopback, plaintext, unsealed at once")
	cmd.Flags().StringVar(&f.rootToken, "dev-root-token", "", "root token of a development node (default: a random one, printed)")
	cmd.Flags().StringVar(&f.listen, "listen", "", "address of a development node (default 127.0.0.1:8200)")
	cmd.Flags().StringVar(&f.dataDir, "data-dir", "", "data directory of a development node (default: a temporary one)")
	return cmd
}

// runServer is a node's life in order: read the configuration and the certificate,
// harden the process, open the domain, listen, serve, and stop cleanly.
func runServer(ctx context.Context, f serverFlags, stdout, stderr io.Writer) error {
	cfg, err := loadServerConfig(f)
	if err != nil {
		return err
	}
	defer cfg.cleanup()
	if err := cfg.readyTLS(); err != nil {
		return err
	}
	if err := cfg.ownDataDir(); err != nil {
		return cfg.place(err)
	}
	logger := hclog.New(&hclog.LoggerOptions{Name: "signet", Level: hclog.LevelFromString(cfg.LogLevel), Output: stderr, JSONFormat: cfg.LogFormat == "json"})
	defer tuneGC()()
	for _, warning := range harden() {
		logger.Warn("the process could not be hardened fully", "what", warning)
	}

	service, err := kms.Open(cfg.serviceConfig(logger))
	if errors.Is(err, raftstore.ErrNodeID) {
		return cfg.place(wrong("node_id", "%w", err))
	}
	if errors.Is(err, raftstore.ErrPortMissing) {
		return cfg.place(wrong("cluster_addr", "%w", err))
	}
	if err != nil {
		return err
	}
	defer func() {
		if err := service.Close(); err != nil {
			logger.Error("could not close cleanly; what was acknowledged is on disk", "error", err)
		}
	}()
	root, err := cfg.openDev(ctx, service)
	if err != nil {
		return err
	}

	server := api.New(api.Config{
		Service: service, Logger: logger, LoopbackOnly: cfg.dev, PublicMetrics: cfg.PublicMetrics, BuildDate: buildDate(),
		RefusedConnections: cfg.refused.Load, Admit: cfg.admitter(),
	})
	listener, err := cfg.listen()
	if err != nil {
		return err
	}
	web := server.HTTPServer()
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()

	if _, err := fmt.Fprintf(stdout, "signet ready addr=%s sealed=%t\n", cfg.url(listener.Addr()), service.SealStatus().Sealed); err != nil {
		return fmt.Errorf("could not print that the node is ready: %w", err)
	}
	cfg.printDev(stderr, listener.Addr(), root)
	joining, stopJoining := context.WithCancel(ctx)
	defer stopJoining()
	go cfg.keepJoining(joining, service, logger)
	defer cfg.unsealUnattended(ctx, logger, service)()
	stopReload := cfg.reloadOnHangup(logger)
	defer stopReload()
	return waitAndStop(ctx, logger, service, server, web, served)
}

// waitAndStop serves until a signal, a failed listener, or an error after which
// the node's state is not to be trusted.
func waitAndStop(ctx context.Context, logger hclog.Logger, service *kms.Service, server *api.Server, web *http.Server, served <-chan error) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	fatal := service.Fatal()
	select {
	case <-ctx.Done():
		logger.Info("stopping: requests under way are finished first")
		if err := drain(logger, service, server, web, fatal); err != nil {
			return fmt.Errorf("the node stopped itself: %w", err)
		}
		return nil
	case err := <-served:
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return fmt.Errorf("the listener failed: %w", err)
	case err := <-fatal:
		// No answer may leave any more: what is in memory is not to be trusted.
		// Starting again recovers from what is on disk.
		logger.Error("this node must stop; start it again to recover", "error", err)
		_ = web.Close()
		return fmt.Errorf("the node stopped itself: %w", err)
	}
}

// reloadOnHangup reads the certificate and the log level again at each SIGHUP. A
// mistake in either leaves what is in use as it is, and says so.
func (c *serverConfig) reloadOnHangup(logger hclog.Logger) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-hangups:
			case <-done:
				return
			}
			if err := c.reload(logger); err != nil {
				logger.Error("could not reload; what was in use stays", "error", err)
			} else {
				logger.Info("reloaded the certificate and the log level")
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(done)
	}
}

func (c *serverConfig) reload(logger hclog.Logger) error {
	if c.file == "" {
		return errors.New("a development node has no configuration file")
	}
	fresh, err := loadServerConfig(serverFlags{config: c.file})
	if err != nil {
		return err
	}
	if !c.listener.TLSDisable {
		if err := c.loadCertificate(); err != nil {
			return err
		}
	}
	logger.SetLevel(hclog.LevelFromString(fresh.LogLevel))
	return nil
}

// url is how clients reach a listener.
func (c *serverConfig) url(addr net.Addr) string {
	scheme := "https"
	if c.listener.TLSDisable {
		scheme = "http"
	}
	return scheme + "://" + addr.String()
}
