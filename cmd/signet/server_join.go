package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/signet-kms/signet/api"
	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

// raftConfig is the raft block: whom to join at the start.
type raftConfig struct {
	RetryJoin []retryJoinConfig `hcl:"retry_join,block"`
}

// retryJoinConfig is one node of the cluster that is to be joined.
type retryJoinConfig struct {
	LeaderAPIAddr    string `hcl:"leader_api_addr"`
	LeaderCACertFile string `hcl:"leader_ca_cert_file,optional"`
	JoinTokenFile    string `hcl:"join_token_file"`
}

// admit asks a node of a cluster, over its API, to admit this one.
func admit(ctx context.Context, address, caCert string, req *kms.AdmitRequest) (*kms.AdmitResponse, error) {
	c, err := client.New(client.Config{Addresses: []string{address}, CACertPEM: []byte(caCert)})
	if err != nil {
		return nil, fmt.Errorf("%w: leader_api_addr: %w", kms.ErrBadRequest, err)
	}
	defer c.Close()
	out, err := c.Raft().Admit(ctx, wire.AdmitRequest{
		TokenID: req.TokenID, Proof: req.Proof, NodeID: req.NodeID, Incarnation: req.Incarnation, CSR: req.CSR, ClusterAddr: req.Address, APIAddr: req.APIAddress, FeatureLevel: req.Level,
	})
	var refused *client.Error
	switch {
	case err == nil:
		return &kms.AdmitResponse{Certificate: out.Certificate, Roster: out.Roster, Proof: out.Proof}, nil
	case errors.As(err, &refused) && refused.Code == wire.InvalidCredentials:
		return nil, kms.Rephrase(kms.ErrInvalidCredentials, strings.Join(refused.Errors, "; "))
	case errors.As(err, &refused) && refused.Code == wire.ClusterLevel:
		return nil, kms.Rephrase(kms.ErrClusterLevel, strings.Join(refused.Errors, "; "))
	case errors.As(err, &refused) && refused.Code == wire.BadRequest:
		return nil, kms.Rephrase(kms.ErrBadRequest, strings.Join(refused.Errors, "; "))
	case errors.As(err, &refused) && refused.Code == wire.NotInitialized:
		return nil, kms.Rephrase(kms.ErrNotAdmitted, address+" is in no cluster itself, or is this node: name a node that is in the cluster")
	case errors.As(err, &refused):
		return nil, kms.Rephrase(kms.ErrNotAdmitted, fmt.Sprintf("%s does not admit this node: %s", address, strings.Join(refused.Errors, "; ")))
	}
	return nil, kms.Rephrase(kms.ErrNotAdmitted, fmt.Sprintf("this node cannot ask %s to admit it: %v", address, err))
}

// admitter is how this node joins a cluster; a development node joins none.
func (c *serverConfig) admitter() api.Admitter {
	if c.dev {
		return nil
	}
	return admit
}

const joinAgain = 2 * time.Second

// keepJoining joins the configured cluster, for a node without data. It tries one
// address after the other until one admits it, the node has data by other means, or
// ctx ends.
func (c *serverConfig) keepJoining(ctx context.Context, service *kms.Service, logger hclog.Logger) {
	if c.Raft == nil || len(c.Raft.RetryJoin) == 0 || service.Initialized() {
		return
	}
	last := ""
	for ctx.Err() == nil && !service.Initialized() {
		for _, at := range c.Raft.RetryJoin {
			err := joinAt(ctx, service, at)
			if err == nil {
				logger.Info("joined the cluster", "through", at.LeaderAPIAddr)
				return
			}
			service.NotAdmitted(err)
			if text := err.Error(); text != last && ctx.Err() == nil {
				last = text
				logger.Warn("could not join the cluster, trying again", "through", at.LeaderAPIAddr, "error", err)
			}
		}
		select {
		case <-time.After(joinAgain):
		case <-ctx.Done():
		}
	}
}

func joinAt(ctx context.Context, service *kms.Service, at retryJoinConfig) error {
	token, err := readPrivate(at.JoinTokenFile)
	if err != nil {
		return fmt.Errorf("join_token_file: %w", err)
	}
	var caCert []byte
	if at.LeaderCACertFile != "" {
		if caCert, err = os.ReadFile(at.LeaderCACertFile); err != nil {
			return fmt.Errorf("leader_ca_cert_file: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return service.Join(ctx, kms.Origin{Method: "START", Path: "sys/storage/raft/join"}, token, func(ctx context.Context, req *kms.AdmitRequest) (*kms.AdmitResponse, error) {
		return admit(ctx, at.LeaderAPIAddr, string(caCert), req)
	})
}
