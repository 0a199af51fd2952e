package main

import (
	"context"
	"errors"
	"sync"

	"github.com/signet-kms/signet/client"
)

// nodeStatus is what one of several nodes says, or why it does not.
type nodeStatus struct {
	Address string  `json:"address"`
	Status  *status `json:"status,omitzero"`
	Error   string  `json:"error,omitzero"`

	err error
}

// showStatuses asks every node of cfg by itself. Errors: that of the first one, if none
// answers; errSealedShown if one is sealed.
func (c *cli) showStatuses(ctx context.Context, cfg client.Config) error {
	nodes := make([]nodeStatus, len(cfg.Addresses))
	var wg sync.WaitGroup
	for i, address := range cfg.Addresses {
		wg.Go(func() { nodes[i] = c.statusOf(ctx, cfg, address) })
	}
	wg.Wait()
	answered, sealed := 0, false
	rows := []row{{"ADDRESS", "ROLE", "SEALED", "HEALTH", "LEADER", "VERSION"}}
	for _, n := range nodes {
		if n.err != nil {
			rows = append(rows, row{n.Address, "-", "-", "no answer: " + n.Error, "-", "-"})
			continue
		}
		s := n.Status
		answered, sealed = answered+1, sealed || s.Seal.Sealed
		rows = append(rows, row{n.Address, s.role(), s.Seal.Sealed, s.health(), s.leader(), s.Seal.Version})
	}
	if answered == 0 {
		return nodes[0].err
	}
	if err := c.emit(map[string]any{"nodes": nodes}, columns(rows...)); err != nil {
		return err
	}
	if sealed {
		return errSealedShown
	}
	return nil
}

func (c *cli) statusOf(ctx context.Context, cfg client.Config, address string) nodeStatus {
	cfg.Addresses = []string{address}
	n := nodeStatus{Address: address}
	cl, err := c.connectWith(cfg)
	if err == nil {
		defer cl.Close()
		var s status
		if s, err = readStatus(ctx, cl); err == nil {
			n.Status = &s
			return n
		}
	}
	n.err, n.Error = err, err.Error()
	if answered := (*client.Error)(nil); errors.As(err, &answered) {
		n.Error = describeAnswer(answered)
	}
	return n
}
