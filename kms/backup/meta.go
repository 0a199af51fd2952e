package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Format names the format, and Version is raised when a build writes what older
// ones cannot read.
const (
	Format  = "signet-backup"
	Version = 1
)

// Meta says in clear what a backup is of. Nothing in it is secret. It is covered by
// the sealed checksums, like every other file.
type Meta struct {
	Format        string    `json:"format"`
	Version       int       `json:"format_version"`
	ClusterID     string    `json:"cluster_id"`
	ClusterEpoch  uint64    `json:"cluster_epoch"` // of the roster
	RosterVersion uint64    `json:"roster_version"`
	Generation    uint64    `json:"generation"`    // how many restores the cluster had been through
	Index         uint64    `json:"index"`         // of the last log entry in the state
	CommandEpoch  uint64    `json:"command_epoch"` // number of the last command in the state
	CommandSeq    uint64    `json:"command_seq"`
	Term          uint64    `json:"term"`          // of the barrier, under which the state is sealed
	Time          time.Time `json:"time"`          // replicated time of the state, UTC
	StateSize     int64     `json:"state_size"`    // bytes, sealed
	Made          time.Time `json:"made,omitzero"` // when it was begun, by that node's clock, UTC, whole seconds; zero in the first ones
	Node          string    `json:"node"`          // that wrote it
	Software      string    `json:"software"`      // version of the build that wrote it
}

// ErrFormat is wrapped by every error about what a file is; the text says what is
// wrong with it.
var ErrFormat = errors.New("not a sound backup")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

func (m *Meta) marshal() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	return append(b, '\n'), err
}

// parseMeta takes exactly what marshal gives: a second spelling would be a second
// file with the same meaning.
func parseMeta(b []byte) (*Meta, error) {
	var kind struct {
		Format  string `json:"format"`
		Version int    `json:"format_version"`
	}
	if err := json.Unmarshal(b, &kind); err != nil || kind.Format != Format {
		return nil, broken("%s does not say that it is one", fileMeta)
	}
	if kind.Version != Version {
		return nil, broken("its format is version %d, and this build reads version %d", kind.Version, Version)
	}
	m := new(Meta)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, broken("%s is damaged", fileMeta)
	}
	again, err := m.marshal()
	if err != nil || !bytes.Equal(again, b) {
		return nil, broken("%s is not in its one form", fileMeta)
	}
	if m.ClusterID == "" || m.StateSize <= 0 || m.Index == 0 || m.Term == 0 {
		return nil, broken("%s is incomplete", fileMeta)
	}
	return m, nil
}
