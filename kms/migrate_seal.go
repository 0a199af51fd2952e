package kms

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal"
)

// SealMigration is what holds the root key beside the shares now.
type SealMigration struct {
	Type     string // seal.TypeShamir, or of the first of Wrapped
	Revision uint64 // grows by one with each change
	Wrapped  []WrappedBy
}

// WrappedBy names one wrapping of the root key.
type WrappedBy struct {
	Type    string
	Name    string
	Version uint32 // of the other side's key; 0 where it did not say
}

func wrappedBy(r *seal.Record) []WrappedBy {
	out := make([]WrappedBy, 0, len(r.Wrappings))
	for _, w := range r.Wrappings {
		out = append(out, WrappedBy{w.Type, w.Name, w.Version})
	}
	return out
}

// wrapPatience is how long the other sides may take together to wrap the root key
// and to unwrap it again, while somebody waits for init or a migration.
const wrapPatience = 20 * time.Second

// located is a wrapper that knows which cluster of Signet or Vault it asks.
type located interface {
	// Cluster returns the other side's cluster id, "" if it has none.
	Cluster(ctx context.Context) (string, error)
}

// wrap has wrappers wrap the root key of what is open. Nothing leaves before rec,
// which says so, is durable. Errors: ErrAuditUnavailable, ErrSealUnavailable,
// ErrBadRequest when a wrapper leads back to this cluster.
func (s *Service) wrap(ctx context.Context, rec *audit.Record, opened *seal.Opened, wrappers []seal.Wrapper, clusterID string) ([]seal.Wrapping, error) {
	ctx, cancel := context.WithTimeout(ctx, wrapPatience)
	defer cancel()
	for _, w := range wrappers {
		l, ok := w.(located)
		if !ok {
			continue
		}
		id, err := l.Cluster(ctx)
		if err != nil {
			return nil, sealUnavailable(w, err)
		}
		if id == clusterID {
			return nil, saying(ErrBadRequest, "the %s seal %s leads back to this cluster, which could then never unseal by itself; choose another", w.Type(), w.Name())
		}
	}
	rec.Type, rec.Operation, rec.Outcome = audit.TypeNode, "seal/wrap", audit.OutcomeOK
	rec.Fields = map[string]string{"seals": sealNames(wrappers)}
	if err := s.audit.Append(rec); err != nil {
		return nil, translate(err)
	}
	out, err := opened.Wrap(ctx, wrappers)
	if err != nil {
		return nil, sealUnavailable(nil, err)
	}
	return out, nil
}

func sealNames(wrappers []seal.Wrapper) string {
	names := make([]string, 0, len(wrappers))
	for _, w := range wrappers {
		names = append(names, w.Type()+" "+w.Name())
	}
	return joined(names)
}

// sealUnavailable is what an operator reads when a seal does not do its part. w
// may be nil.
func sealUnavailable(w seal.Wrapper, err error) error {
	if Code(err) != "internal" {
		return err
	}
	text := strings.TrimPrefix(err.Error(), "seal: ")
	if w != nil {
		text = fmt.Sprintf("the %s seal %s: %s", w.Type(), w.Name(), text)
	}
	return &unavailable{rephrased{ErrSealUnavailable, text}, err}
}

// unavailable keeps what is behind it, for the log alone.
type unavailable struct {
	rephrased
	cause error
}

func (u *unavailable) Unwrap() []error { return []error{ErrSealUnavailable, u.cause} }

// MigrateSeal puts the root key under the seals of this node's configuration, and
// under no others; with the same ones as before it is wrapped anew. to narrows that
// to one type, "" does not; seal.TypeShamir takes all wrappings away. The shares
// stay what they are, and open the seal before, after and at each step between.
//
// It needs update and sudo on sys/migrate-seal. Errors: ErrBadRequest,
// ErrSealUnavailable when another side does not do its part; nothing was changed
// then. ErrBusy.
func (s *Service) MigrateSeal(ctx context.Context, c *Call, to string) (SealMigration, error) {
	release := func() {}
	defer func() { release() }()
	_, err := s.write(ctx, c, verb{operation: "sys/migrate-seal", need: policy.Update | policy.Sudo}, func(a *gate.Admission) (state.Command, error) {
		wrappers, err := s.sealsFor(to)
		if err != nil {
			return nil, err
		}
		note(a, "to", sealNames(wrappers))
		if len(wrappers) == 0 {
			note(a, "to", seal.TypeShamir)
		}
		if release, err = s.settleSeal(ctx); err != nil {
			return nil, err
		}
		s.refresh(c)
		record := s.machine.sealRecord()
		note(a, "from", record.Type)
		if len(wrappers) == 0 && !record.Unattended() {
			return nil, nil
		}
		opened, err := s.machine.inForce()
		if err != nil {
			return nil, err
		}
		var wrappings []seal.Wrapping
		if len(wrappers) > 0 {
			rec := a.Record
			if wrappings, err = s.wrap(ctx, &rec, opened, wrappers, record.ClusterID); err != nil {
				return nil, err
			}
		}
		return s.machine.nextSeal(wrappings)
	})
	if err != nil {
		return SealMigration{}, err
	}
	record := s.machine.sealRecord()
	return SealMigration{Type: record.Type, Revision: record.Revision, Wrapped: wrappedBy(record)}, nil
}

// sealsFor are the configured wrappers of a type, or all.
func (s *Service) sealsFor(to string) ([]seal.Wrapper, error) {
	var out []seal.Wrapper
	for _, w := range s.cfg.Seals {
		if to == "" || w.Type() == to {
			out = append(out, w)
		}
	}
	switch {
	case len(out) == 0 && to == "":
		return nil, saying(ErrBadRequest, "the configuration of this node has no seal, and nothing was changed: ask a node whose configuration has one, or say --to %s ('to' of the request), to have the shares alone unseal the server", seal.TypeShamir)
	case len(out) == 0 && to != seal.TypeShamir:
		return nil, saying(ErrBadRequest, "the configuration of this node has no seal of the type that was asked for; put it there and start the node again")
	}
	return out, nil
}

// inForce returns what is open. ErrSealed.
func (m *machine) inForce() (*seal.Opened, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.opened == nil {
		return nil, ErrSealed
	}
	return m.opened, nil
}

// nextSeal makes the successor of the seal record with other wrappings, and the
// command that goes with it. ErrSealed.
func (m *machine) nextSeal(wrappings []seal.Wrapping) (*withRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.opened == nil {
		return nil, ErrSealed
	}
	next, err := m.opened.NextSeal(wrappings)
	if err != nil {
		return nil, err
	}
	return m.beside(next, &state.MigrateSeal{Revision: next.Revision, Term: m.state.Term})
}
