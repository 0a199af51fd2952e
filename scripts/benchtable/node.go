package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// node is a configured signet node of one voter, unsealed by one share.
type node struct {
	*process
	binary string
	dir    string
	share  string
	root   *api
	token  string // with the policy "bench"
}

const nodeConfig = `node_id  = "bench"
data_dir = "data"
listener "tcp" {
  address     = "127.0.0.1:0"
  tls_disable = true
}
seal "shamir" {}
audit {
  path       = "audit"
  durability = %q
}
`

// startNode makes a new cluster in dir and a token that may do what policy says.
func startNode(ctx context.Context, binary, dir, durability, policy string) (*node, error) {
	n := &node{binary: binary, dir: dir}
	if err := n.configure(fmt.Sprintf(nodeConfig, durability)); err != nil {
		return nil, err
	}
	if err := n.start(ctx); err != nil {
		return nil, err
	}
	if err := n.setUp(ctx, policy); err != nil {
		_ = n.kill()
		return nil, fmt.Errorf("setting up a node: %w", err)
	}
	return n, nil
}

// configure makes the node's directory and writes its configuration.
func (n *node) configure(hcl string) error {
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(n.dir, "signet.hcl"), []byte(hcl), 0o600)
}

func (n *node) setUp(ctx context.Context, policy string) error {
	var made struct {
		Keys []string `json:"keys"`
		Root string   `json:"root_token"`
	}
	a := newAPI(n.addr, "", 1)
	if err := a.call(ctx, http.MethodPut, "sys/init", map[string]int{"secret_shares": 1, "secret_threshold": 1}, &made); err != nil {
		return err
	}
	if len(made.Keys) != 1 || made.Root == "" {
		return errors.New("init gave no share, or no token")
	}
	n.share = made.Keys[0]
	n.root = newAPI(n.addr, made.Root, 64)
	if err := n.unseal(ctx); err != nil {
		return err
	}
	if err := n.root.call(ctx, http.MethodPut, "sys/policies/acl/bench", map[string]string{"policy": policy}, nil); err != nil {
		return err
	}
	var err error
	n.token, err = n.root.createToken(ctx, "bench")
	return err
}

// start starts the process, of a new node or of one that was stopped.
func (n *node) start(ctx context.Context) error {
	p, err := start(ctx, n.dir, n.binary, "server", "--config", "signet.hcl")
	if err != nil {
		return err
	}
	n.process = p
	if n.root != nil {
		n.root = newAPI(n.addr, n.root.token, 64)
	}
	return nil
}

// unseal returns when the node says that it is unsealed.
func (n *node) unseal(ctx context.Context) error {
	var status struct {
		Sealed bool `json:"sealed"`
	}
	err := newAPI(n.addr, "", 1).call(ctx, http.MethodPut, "sys/unseal", map[string]string{"key": n.share}, &status)
	if err == nil && status.Sealed {
		err = errors.New("the node is sealed still")
	}
	return err
}

func (n *node) target() target { return target{addr: n.addr, pid: n.pid(), token: n.token} }

// makeKey makes a key that is called as its type; no error if it exists.
func (n *node) makeKey(ctx context.Context, name, keyType string) error {
	return n.root.call(ctx, http.MethodPost, "transit/keys/"+name, map[string]string{"type": keyType}, nil)
}

// firstSignature unseals the node and signs, and returns how long both took
// together. A node that is not yet ready to sign is asked again.
func (n *node) firstSignature(ctx context.Context, key string) (time.Duration, error) {
	begin := time.Now()
	if err := n.unseal(ctx); err != nil {
		return 0, err
	}
	a := newAPI(n.addr, n.token, 1)
	for {
		err := a.call(ctx, http.MethodPost, "transit/sign/"+key, map[string]string{"input": "aGVsbG8="}, nil)
		var s *statusError
		if err == nil || !errors.As(err, &s) || s.status != http.StatusServiceUnavailable {
			return time.Since(begin), err
		}
		if err := sleep(ctx, time.Millisecond); err != nil {
			return 0, err
		}
	}
}
