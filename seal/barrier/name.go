package barrier

import "encoding/binary"

// Name says what a ciphertext is. It is bound to the ciphertext as associated
// data together with the cluster id and the term, and is not stored in it: who
// opens must know what he expects.
type Name struct {
	Kind    string // what sort of thing, such as "command" or "key-version"; never empty
	Name    string // which one of that sort; may be empty where there is only one
	Version uint64 // which version of that one; 0 where there are no versions
}

// Domains keep every use of a term key apart from every other.
const (
	domainSealing = "signet barrier sealing key v1"
	domainValue   = "signet barrier value v1"
	domainStream  = "signet barrier stream v1"
	domainMAC     = "signet barrier mac v1"
	domainDerive  = "signet barrier derive v1"
	domainTerms   = "signet barrier term store v1"
)

// binding is an injective encoding: strings carry their length, numbers have a
// fixed width, and each domain has one fixed sequence of fields. Joining with a
// separator instead would let ("a/b", "c") pass for ("a", "b/c").
type binding []byte

func bind(domain string) binding { return make(binding, 0, bindingRoom).text(domain) }

// bindingRoom is more than most bindings take, so that they grow once: a domain, the
// cluster's id, a kind, the name of a key version, and their lengths. In bytes.
const bindingRoom = 192

func (b binding) text(s string) binding {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(s))), s...)
}

func (b binding) number(n uint64) binding { return binary.BigEndian.AppendUint64(b, n) }

func (b binding) name(n Name) binding {
	return b.text(n.Kind).text(n.Name).number(n.Version)
}
