package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"
)

// clusterSize is how many nodes a cluster has; all of them vote.
const clusterSize = 3

// cluster is configured nodes that are one cluster, each unsealed by one share.
type cluster struct {
	nodes []*node
}

const clusterConfig = `node_id      = %q
data_dir     = "data"
api_addr     = "http://%s"
cluster_addr = "https://%s"
listener "tcp" {
  address     = %q
  tls_disable = true
}
seal "shamir" {}
audit {
  path       = "audit"
  durability = %q
}
`

// clusterPatience is how long a cluster may take for what it does by itself.
const clusterPatience = 60 * time.Second

// startCluster makes a cluster in dir and a token that may do what policy says, on
// every node.
func startCluster(ctx context.Context, binary, dir, durability, policy string) (*cluster, error) {
	c := &cluster{}
	if err := c.make(ctx, binary, dir, durability, policy); err != nil {
		c.kill()
		return nil, fmt.Errorf("setting up a cluster: %w", err)
	}
	return c, nil
}

func (c *cluster) make(ctx context.Context, binary, dir, durability, policy string) error {
	for i := range clusterSize {
		ports, err := freeAddresses(2)
		if err != nil {
			return err
		}
		id := fmt.Sprintf("n%d", i+1)
		n := &node{binary: binary, dir: filepath.Join(dir, id)}
		if err := n.configure(fmt.Sprintf(clusterConfig, id, ports[0], ports[1], ports[0], durability)); err != nil {
			return err
		}
		if err := n.start(ctx); err != nil {
			return err
		}
		c.nodes = append(c.nodes, n)
		if i == 0 {
			err = n.setUp(ctx, policy)
		} else {
			err = c.join(ctx, id, n)
		}
		if err != nil {
			return err
		}
	}
	return c.settle(ctx)
}

// join makes a node that runs a member.
func (c *cluster) join(ctx context.Context, id string, n *node) error {
	first := c.nodes[0]
	var made struct {
		Data struct {
			Token string `json:"join_token"`
		} `json:"data"`
	}
	if err := first.root.call(ctx, http.MethodPost, "sys/storage/raft/join-token", map[string]any{"node_id": id}, &made); err != nil {
		return err
	}
	err := newAPI(n.addr, "", 1).call(ctx, http.MethodPost, "sys/storage/raft/join",
		map[string]string{"leader_api_addr": "http://" + first.addr, "join_token": made.Data.Token}, nil)
	if err != nil {
		return err
	}
	n.share, n.token, n.root = first.share, first.token, newAPI(n.addr, first.root.token, 64)
	return until(ctx, "unsealing a node that joined", func() error { return n.unseal(ctx) })
}

// until tries every 10 ms until there is no error.
func until(ctx context.Context, what string, try func() error) error {
	for end := time.Now().Add(clusterPatience); ; {
		err := try()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s: %w", what, err)
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// settle waits until every node serves, and has its vote.
func (c *cluster) settle(ctx context.Context) error {
	return until(ctx, "waiting for the cluster", func() error {
		for _, n := range c.nodes {
			if err := newAPI(n.addr, "", 1).call(ctx, http.MethodGet, "sys/health?standbyok=true", nil, nil); err != nil {
				return err
			}
		}
		var conf struct {
			Data struct {
				Config struct {
					Servers []struct {
						Voter bool `json:"voter"`
					} `json:"servers"`
				} `json:"config"`
			} `json:"data"`
		}
		if err := c.nodes[0].root.call(ctx, http.MethodGet, "sys/storage/raft/configuration", nil, &conf); err != nil {
			return err
		}
		votes := 0
		for _, s := range conf.Data.Config.Servers {
			if s.Voter {
				votes++
			}
		}
		if votes != len(c.nodes) {
			return errors.New("not every node votes")
		}
		return nil
	})
}

// leader returns the node that leads, and the others.
func (c *cluster) leader(ctx context.Context) (leader *node, others []*node, err error) {
	err = until(ctx, "looking for the leader", func() error {
		leader, others = nil, nil
		for _, n := range c.nodes {
			if leads(ctx, n.addr) {
				leader = n
			} else {
				others = append(others, n)
			}
		}
		if leader == nil || len(others) != len(c.nodes)-1 {
			return errors.New("there is not one leader")
		}
		return nil
	})
	return leader, others, err
}

// leads asks a server whether it leads.
func leads(ctx context.Context, addr string) bool {
	var is struct {
		Self bool `json:"is_self"`
	}
	return newAPI(addr, "", 1).call(ctx, http.MethodGet, "sys/leader", nil, &is) == nil && is.Self
}

// kill ends all nodes as a crash would.
func (c *cluster) kill() {
	for _, n := range c.nodes {
		if n.process != nil {
			_ = n.kill()
		}
	}
}

// stop asks all nodes to end, the leader last.
func (c *cluster) stop(ctx context.Context) error {
	leader, others, err := c.leader(ctx)
	if err != nil {
		c.kill()
		return err
	}
	for _, n := range append(others, leader) {
		err = errors.Join(err, n.stop())
	}
	return err
}

// freeAddresses are addresses of loopback that nobody listens on now. They lie
// below the ports that kernels give to outgoing connections, of which a node that
// is down for a moment would lose its own to.
func freeAddresses(n int) ([]string, error) {
	var out []string
	for tries := 0; len(out) < n; tries++ {
		var b [2]byte
		_, _ = rand.Read(b[:]) // never fails
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10000+binary.BigEndian.Uint16(b[:])%20000))
		if err != nil {
			if tries > 1000 {
				return nil, err
			}
			continue
		}
		defer func() { _ = l.Close() }() // held until all are found, so that no two are alike
		out = append(out, l.Addr().String())
	}
	return out, nil
}
