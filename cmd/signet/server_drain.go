package main

import (
	"context"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/signet-kms/signet/api"
	"github.com/signet-kms/signet/kms"
)

const (
	// drainTime is how long requests under way may take to finish at a stop.
	drainTime = 15 * time.Second
	// parting is how long a node of a cluster still takes requests, while it tells
	// each client with the answer to go elsewhere: a connection that is closed
	// without a word loses the request that is on its way to it.
	parting = time.Second
)

// drain stops a node in the order in which no client notices: it says that it goes,
// hands the lead over so that others write, serves on while clients leave, and then
// takes nothing new and finishes what is under way. Until then it holds its lease and
// passes writes on. It returns an error after which no answer may leave.
func drain(logger hclog.Logger, service *kms.Service, server *api.Server, web *http.Server, fatal <-chan error) error {
	server.Drain()
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if service.HasPeers() {
		left := time.NewTimer(parting)
		defer left.Stop()
		service.StepDown(ctx)
		select {
		case <-left.C:
		case err := <-fatal:
			_ = web.Close()
			return err
		}
	}
	service.Hurry()
	if err := web.Shutdown(ctx); err != nil {
		logger.Warn("some requests did not finish in time and are cut off", "error", err)
		_ = web.Close()
	}
	return nil
}
