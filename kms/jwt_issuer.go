package kms

import (
	"sync"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

// issuerView is one revision of an issuer with all that requests look up in it,
// found once. It is immutable but for what it makes when it is first asked.
type issuerView struct {
	*state.Issuer
	key      *state.Key
	signer   *state.KeyVersion            // the version that signs; nil while none is active
	versions []*state.KeyVersion          // those on record, in order
	byKID    map[string]*state.KeyVersion // kid → version, those that are given up too
	pending  *state.KeyVersion            // the version that is published and waits; nil: none
	profiles map[string]*profileView      // name → profile
	issued   state.IssuedKey              // of what is remembered about its tokens

	documents  func() *documents            // made at the first call
	decrypting func() ([]decrypting, error) // made at the first call
	kids       *sync.Map                    // name of a transit key → *kidIndex
}

// profileView is a profile as its issuer's revision has it.
type profileView struct {
	*state.Profile
	rules func() (*jose.Rules, error) // compiled at the first call
	ready func() (*minting, error)    // made at the first call
}

// issuerCache holds the views of issuers that were asked for. A view belongs to
// one record of its issuer, which is replaced with each revision: what is found
// under another record is not used. So views of states may share a cache, and
// nothing in it has to be invalidated.
type issuerCache struct {
	byName sync.Map // name → *issuerView
}

// carried is the cache for the state that follows one with other issuers. What
// did not change is kept, and what is gone is forgotten.
func (c *issuerCache) carried(st *state.State) *issuerCache {
	next := &issuerCache{}
	if c == nil {
		return next
	}
	c.byName.Range(func(name, found any) bool {
		if found.(*issuerView).Issuer == st.Issuer(name.(string)) {
			next.byName.Store(name, found)
		}
		return true
	})
	return next
}

// issuer finds an issuer that is in use. Errors: ErrIssuerNotFound, ErrKeyDeleted.
func (v *view) issuer(name string) (*issuerView, error) {
	i := v.Issuer(name)
	switch {
	case i == nil:
		return nil, saying(ErrIssuerNotFound, "there is no issuer %s", gate.Scrub(name))
	case i.Deleted != 0:
		return nil, deletedIssuer(v, i)
	}
	return v.viewOf(i), nil
}

// viewOf is the view of i, which is a record of v and may be deleted.
func (v *view) viewOf(i *state.Issuer) *issuerView {
	if v.issuers == nil {
		return newIssuerView(v.State, i)
	}
	if found, ok := v.issuers.byName.Load(i.Name); ok && found.(*issuerView).Issuer == i {
		return found.(*issuerView)
	}
	made := newIssuerView(v.State, i)
	v.issuers.byName.Store(i.Name, made)
	return made
}

func newIssuerView(st *state.State, i *state.Issuer) *issuerView {
	out := &issuerView{Issuer: i, byKID: map[string]*state.KeyVersion{}, profiles: map[string]*profileView{}, issued: st.IssuedKey(i.UUID), kids: &sync.Map{}}
	if out.key = st.Key(i.Mount, i.Name); out.key != nil {
		st.EachVersion(out.key, func(v *state.KeyVersion) {
			out.versions, out.byKID[v.KID] = append(out.versions, v), v
			if v.State == state.Pending {
				out.pending = v
			}
		})
		if v := st.Version(i.Mount, i.Name, out.key.SignerNumber()); v != nil && v.State.Produces() {
			out.signer = v
		}
	}
	st.Profiles(i.Name, func(p *state.Profile) {
		view := &profileView{Profile: p, rules: sync.OnceValues(func() (*jose.Rules, error) { return compileProfile(p.Definition) })}
		view.ready = sync.OnceValues(func() (*minting, error) { return newMinting(out, view) })
		out.profiles[p.Name] = view
	})
	out.decrypting = sync.OnceValues(func() ([]decrypting, error) { return newDecrypting(out) })
	out.documents = sync.OnceValue(func() *documents { return newDocuments(out) })
	return out
}

// profile finds a profile of the issuer. Error: ErrProfileNotFound.
func (i *issuerView) profile(name string) (*profileView, error) {
	if p := i.profiles[name]; p != nil {
		return p, nil
	}
	return nil, saying(ErrProfileNotFound, "the issuer %s has no profile %s", i.Name, gate.Scrub(name))
}
