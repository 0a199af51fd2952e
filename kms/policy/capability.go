package policy

import (
	"fmt"
	"strings"
)

// Capability is a set of things that may be done at a path. The zero value is
// nothing at all.
type Capability uint16

// The capabilities, by Vault's names. Patch is accepted in policies for their
// portability; no path needs it. Sudo is needed, beside the verb, on the paths
// that protect the node itself. Deny cancels every other bit it stands with.
// Root is never written in a policy: it marks what only a root caller has.
const (
	Create Capability = 1 << iota
	Read
	Update
	Patch
	Delete
	List
	Sudo
	Deny
	Root
)

const (
	grantable = Create | Read | Update | Patch | Delete | List | Sudo
	rootAll   = grantable | Root
)

// words holds the writable capabilities in alphabetical order, the order in
// which Vault's capabilities endpoints list them.
var words = [...]struct {
	bit  Capability
	word string
}{
	{Create, "create"}, {Delete, "delete"}, {Deny, "deny"}, {List, "list"},
	{Patch, "patch"}, {Read, "read"}, {Sudo, "sudo"}, {Update, "update"},
}

// Has says whether c allows all of need. An empty need is a bug in the caller
// and is refused, and so is one that asks for Deny; a c with Deny allows nothing.
func (c Capability) Has(need Capability) bool {
	return need != 0 && c&Deny == 0 && c&need == need
}

// Strings lists c in Vault's words, sorted. Root alone gives "root"; no
// capability, or Deny with whatever else, gives "deny".
func (c Capability) Strings() []string {
	switch {
	case c&Deny != 0:
		return []string{"deny"}
	case c&Root != 0:
		return []string{"root"}
	case c&grantable == 0:
		return []string{"deny"}
	}
	return c.list()
}

// String gives the words of Strings, separated by commas.
func (c Capability) String() string { return strings.Join(c.Strings(), ",") }

// list gives the words of c without the rules of Strings, so that a rule that
// grants nothing prints as an empty list.
func (c Capability) list() []string {
	var out []string
	for _, w := range words {
		if c&w.bit != 0 {
			out = append(out, w.word)
		}
	}
	return out
}

// capabilityOf finds the bit of one word. Words are exact: no case folding, no
// trimming.
func capabilityOf(word string) (Capability, bool) {
	for _, w := range words {
		if w.word == word {
			return w.bit, true
		}
	}
	return 0, false
}

// Needed gives the set of what a request needs, in Vault's words. No word is the
// empty set. It refuses "deny", which nothing needs, and unknown words.
func Needed(words []string) (Capability, error) {
	var need Capability
	for _, word := range words {
		c, ok := capabilityOf(word)
		if !ok || c == Deny {
			return 0, fmt.Errorf("no request needs the capability %s; one is of: %s", quote(word), neededWords)
		}
		need |= c
	}
	return need, nil
}

// shorthandOf finds the capabilities of Vault's old `policy = "…"` words.
func shorthandOf(word string) (Capability, bool) {
	const write = Create | Read | Update | Delete | List
	switch word {
	case "deny":
		return Deny, true
	case "read":
		return Read | List, true
	case "write":
		return write, true
	case "sudo":
		return write | Sudo, true
	}
	return 0, false
}

const (
	capabilityWords = "create, delete, deny, list, patch, read, sudo, update"
	neededWords     = "create, delete, list, patch, read, sudo, update"
	shorthandWords  = "deny, read, sudo, write"
)

// merge joins two sets for one pattern: their union, or Deny alone if either
// denies.
func (c Capability) merge(o Capability) Capability {
	if (c|o)&Deny != 0 {
		return Deny
	}
	return c | o
}
