package state

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Tombstones as text: one JSON object a line, each with one member that says what it
// is. What stands first comes first, and within a sort the order is that of the
// state: so one set of tombstones has one text.

// MaxTombstoneLine bounds a line, its end left out, in bytes.
const MaxTombstoneLine = 64 << 10

// issuedALine is how many entries about tokens a line holds at most.
const issuedALine = 1024

type tombstoneLine struct {
	Destroyed *destroyedKey       `json:"destroyed,omitempty"`
	Key       *LivingKey          `json:"key,omitempty"`
	Version   *EndedVersion       `json:"version,omitempty"`
	Blocked   *BlockedApplication `json:"blocked,omitempty"`
	Allowed   string              `json:"application,omitempty"` // that is there and not blocked
	Issued    string              `json:"issued,omitempty"`      // base64 of whole entries, each above the one before
}

// destroyedKey is a Tombstone as text.
type destroyedKey struct {
	Mount string   `json:"mount"`
	Name  string   `json:"name"`
	Last  uint32   `json:"last"`
	At    int64    `json:"at"`
	KIDs  []string `json:"kids,omitempty"`
}

// place is where a line stands among others.
type place struct {
	sort int
	path string
}

var errTombstone = errors.New("a line of the tombstones is none")

func badLine(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errTombstone, fmt.Sprintf(format, args...))
}

// Each calls fn for every line, without its end. The slice is valid during the call.
// Errors are those of fn, and a record that does not fit into a line.
func (t *Tombstones) Each(fn func(line []byte) error) error {
	write := func(l *tombstoneLine) error {
		b, err := json.Marshal(l)
		if err != nil {
			return err
		}
		if len(b) > MaxTombstoneLine {
			return badLine("a record is %d bytes long", len(b))
		}
		return fn(b)
	}
	for _, d := range t.destroyed {
		if err := write(&tombstoneLine{Destroyed: &destroyedKey{d.Mount, d.Name, d.Last, d.Destroyed, d.KIDs}}); err != nil {
			return err
		}
	}
	for _, k := range t.keys {
		if err := write(&tombstoneLine{Key: k}); err != nil {
			return err
		}
	}
	for _, v := range t.versions {
		if err := write(&tombstoneLine{Version: v}); err != nil {
			return err
		}
	}
	for _, a := range t.blocked {
		if err := write(&tombstoneLine{Blocked: a}); err != nil {
			return err
		}
	}
	for _, name := range t.allowed {
		if err := write(&tombstoneLine{Allowed: name}); err != nil {
			return err
		}
	}
	var err error
	rows := make([]byte, 0, issuedALine*issuedSize)
	flush := func() {
		if len(rows) > 0 && err == nil {
			err = write(&tombstoneLine{Issued: base64.StdEncoding.EncodeToString(rows)})
		}
		rows = rows[:0]
	}
	t.issued.each(func(entry []byte) {
		if rows = append(rows, entry...); len(rows) == cap(rows) {
			flush()
		}
	})
	flush()
	return err
}

// NewTombstones is empty; Add fills it, and Done ends that.
func NewTombstones() *Tombstones {
	return &Tombstones{issued: newIssuedTable(), adding: newIssuedTxn(newIssuedTable())}
}

// Add reads the next line of what Each wrote. It takes nothing else: no other
// spelling, no other order. Error: what is wrong with the line.
func (t *Tombstones) Add(line []byte) error {
	if len(line) > MaxTombstoneLine {
		return badLine("it is longer than %d bytes", MaxTombstoneLine)
	}
	l := new(tombstoneLine)
	if err := json.Unmarshal(line, l); err != nil {
		return badLine("it does not parse")
	}
	if again, err := json.Marshal(l); err != nil || !bytes.Equal(again, line) {
		return badLine("it is not in its one form")
	}
	if !l.single() {
		return badLine("it is not about one thing")
	}
	at, err := t.take(l)
	if err != nil {
		return err
	}
	if at.sort < t.last.sort || at.sort == t.last.sort && at.path <= t.last.path {
		return badLine("it is out of order, or there twice")
	}
	t.last = at
	return nil
}

func (l *tombstoneLine) single() bool {
	n := 0
	for _, there := range []bool{l.Destroyed != nil, l.Key != nil, l.Version != nil, l.Blocked != nil, l.Allowed != "", l.Issued != ""} {
		if there {
			n++
		}
	}
	return n == 1
}

// take keeps what a line says, and returns where it stands.
func (t *Tombstones) take(l *tombstoneLine) (place, error) {
	switch {
	case l.Destroyed != nil:
		d := l.Destroyed
		if !named(d.Mount, d.Name) || d.Last == 0 || len(d.KIDs) > keepKIDs {
			return place{}, badLine("a destroyed key without a name or versions")
		}
		t.destroyed = append(t.destroyed, &Tombstone{Mount: d.Mount, Name: d.Name, Last: d.Last, Destroyed: d.At, KIDs: d.KIDs})
		return place{1, string(appendKeyPath(nil, d.Mount, d.Name))}, nil
	case l.Key != nil:
		k := l.Key
		if !named(k.Mount, k.Name) || k.Latest == 0 || k.MinAvailable > k.Latest || k.Issuer != "" && k.Issuer != k.Name {
			return place{}, badLine("a key without a name or versions")
		}
		t.keys = append(t.keys, k)
		return place{2, string(appendKeyPath(nil, k.Mount, k.Name))}, nil
	case l.Version != nil:
		v := l.Version
		if !named(v.Mount, v.Name) || v.Number == 0 || !v.State.Known() || !ended(v.State) {
			return place{}, badLine("a version that is none, or not ended")
		}
		t.versions = append(t.versions, v)
		return place{3, string(appendVersionPath(nil, v.Mount, v.Name, v.Number))}, nil
	case l.Blocked != nil:
		if l.Blocked.Name == "" || l.Blocked.Since <= 0 {
			return place{}, badLine("an application without a name, or that is not blocked")
		}
		t.blocked = append(t.blocked, l.Blocked)
		return place{4, l.Blocked.Name}, nil
	case l.Allowed != "":
		t.allowed = append(t.allowed, l.Allowed)
		return place{5, l.Allowed}, nil
	}
	return t.takeIssued(l.Issued)
}

// named says whether both names can be those of a key: neither holds what keeps
// paths apart.
func named(mount, name string) bool {
	return mount != "" && name != "" && len(mount)+len(name) < 1024 && !strings.ContainsAny(mount+name, "/\x00")
}

func (t *Tombstones) takeIssued(text string) (place, error) {
	rows, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(rows) == 0 || len(rows)%issuedSize != 0 || len(rows) > issuedALine*issuedSize {
		return place{}, badLine("entries about tokens are cut short")
	}
	before := ""
	if t.last.sort == 6 {
		if len(t.last.path) != issuedALine*issuedSize {
			return place{}, badLine("entries about tokens follow a line that was not full")
		}
		before = t.last.path[(issuedALine-1)*issuedSize:][:16]
	}
	all := issuedPage{rows: rows}
	for i := range len(rows) / issuedSize {
		e := all.entry(i)
		id := IssuedID(e[:16])
		if string(id[:]) <= before || !markOf(e).valid(kindOf(e[0])) || untilOf(e) == never {
			return place{}, badLine("entries about tokens are out of order, or none can be so")
		}
		before = string(id[:])
		t.adding.put(&id, untilOf(e), markOf(e))
	}
	return place{6, string(rows)}, nil
}

// Done ends the reading of lines. Error: a version of a key that is not there, or
// that it cannot have.
func (t *Tombstones) Done() error {
	if t.adding != nil {
		t.issued, t.adding = t.adding.commit(), nil
	}
	latest := make(map[string]uint32, len(t.keys))
	for _, k := range t.keys {
		latest[string(appendKeyPath(nil, k.Mount, k.Name))] = k.Latest
	}
	for _, v := range t.versions {
		if v.Number > latest[string(appendKeyPath(nil, v.Mount, v.Name))] {
			return badLine("a version of a key that is not there")
		}
	}
	return nil
}
