package raftstore

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// The two parts that a member can have in the cluster.
const (
	Voter   = "voter"   // elects, is elected, and counts for every majority
	Replica = "replica" // has everything and serves, and votes for nothing
)

// MaxMembers bounds a roster: voters and replicas, the removed ones included.
const MaxMembers = 256

// Member is one node in the roster. Nothing in it is secret.
type Member struct {
	NodeID      string `json:"node_id"`
	Incarnation string `json:"incarnation"` // see Identity
	TLSKey      []byte `json:"tls_key"`     // DER of the SubjectPublicKeyInfo (RFC 5280, section 4.1)
	Address     string `json:"address"`     // host:port of the cluster port; "" for a node without one
	APIAddress  string `json:"api_address,omitempty"`
	Suffrage    string `json:"suffrage"` // Voter or Replica, as it was last asked for
	Removed     bool   `json:"removed"`  // is spoken with no more; its id may come back with another incarnation
}

// Roster says who belongs to the cluster. It is committed in the log, and kept in
// a file besides: a node that starts must know its peers before it can read what
// they have. Its owner authenticates it; this package only obeys it.
type Roster struct {
	ClusterID string   `json:"cluster_id"`
	Epoch     uint64   `json:"epoch"`   // of the cluster: raised when a majority was given up, see Recover
	Version   uint64   `json:"version"` // grows with every change
	CA        []byte   `json:"ca"`      // DER of the certificate that signs those of the members; none: no peers yet
	Members   []Member `json:"members"`

	Level uint64 `json:"level,omitempty"` // the feature level of the cluster: who knows less takes no part
}

// ParseRoster reads what Marshal wrote, and the list of members that clusters
// before 0.4.0 have, which is version 0. Error: what is wrong with it.
func ParseRoster(b []byte) (*Roster, error) {
	r := &Roster{}
	var err error
	if bytes.HasPrefix(b, []byte("[")) {
		err = strictJSON(b, &r.Members)
	} else {
		err = strictJSON(b, r)
	}
	if err != nil {
		return nil, fmt.Errorf("roster: %w", err)
	}
	return r, r.check()
}

func strictJSON(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return errors.New("data after the end")
	}
	return nil
}

// Marshal encodes r. Equal rosters have equal bytes.
func (r *Roster) Marshal() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	return json.Marshal(r)
}

func (r *Roster) check() error {
	if len(r.Members) > MaxMembers {
		return fmt.Errorf("roster: %d members of at most %d", len(r.Members), MaxMembers)
	}
	seen := map[string]bool{}
	for _, m := range r.Members {
		switch {
		case !nodeIDPattern.MatchString(m.NodeID):
			return fmt.Errorf("roster: %q is no node id", m.NodeID)
		case seen[m.NodeID]:
			return fmt.Errorf("roster: node %s stands in it twice", m.NodeID)
		case m.Suffrage != Voter && m.Suffrage != Replica:
			return fmt.Errorf("roster: node %s is %q, neither voter nor replica", m.NodeID, m.Suffrage)
		case len(m.TLSKey) == 0:
			return fmt.Errorf("roster: node %s has no key", m.NodeID)
		}
		seen[m.NodeID] = true
	}
	if len(r.CA) != 0 {
		if _, err := x509.ParseCertificate(r.CA); err != nil {
			return fmt.Errorf("roster: the CA: %w", err)
		}
	}
	return nil
}

// CheckLevel refuses the roster of a cluster at a feature level above the highest that
// a build knows, whatever else stands in it: a later build may write members that
// ParseRoster refuses. Error: ErrLevel.
func CheckLevel(roster []byte, known uint64) error {
	var r struct {
		Level uint64 `json:"level"`
	}
	_ = json.Unmarshal(roster, &r) // what is no roster ParseRoster says
	return checkLevel(r.Level, known)
}

func checkLevel(level, known uint64) error {
	if level <= known {
		return nil
	}
	return fmt.Errorf("%w (the cluster is at feature level %d, this build knows levels up to %d)", ErrLevel, level, known)
}

// Member returns the member with an id, or nil; removed ones are found too.
func (r *Roster) Member(id string) *Member {
	if r == nil {
		return nil
	}
	if i := slices.IndexFunc(r.Members, func(m Member) bool { return m.NodeID == id }); i >= 0 {
		return &r.Members[i]
	}
	return nil
}

// With is the next version of r: m is in it, in place of an earlier member of its
// id.
func (r *Roster) With(m Member) *Roster {
	next := *r
	next.Version++
	next.Members = slices.Clone(r.Members)
	if i := slices.IndexFunc(next.Members, func(o Member) bool { return o.NodeID == m.NodeID }); i >= 0 {
		next.Members[i] = m
	} else {
		next.Members = append(next.Members, m)
	}
	return &next
}

// CheckAddress refuses what is no host:port under which a node can be reached.
func CheckAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil || host == "" || port == "" || port == "0" || strings.ContainsAny(address, "/ @"):
		return fmt.Errorf("%q is no address of a cluster port: use host:port", address)
	case net.ParseIP(host) != nil && net.ParseIP(host).IsUnspecified():
		return fmt.Errorf("%q is every address of a machine: use the one under which the others reach this node", address)
	}
	return nil
}
