package state

// Issuer returns an issuer, or nil. It may be deleted.
func (s *State) Issuer(name string) *Issuer {
	i, _ := s.issuers.Get([]byte(name))
	return i
}

// Issuers calls fn for each issuer, deleted ones too, in the order of their names.
func (s *State) Issuers(fn func(*Issuer)) {
	s.issuers.Root().Walk(func(_ []byte, i *Issuer) bool { fn(i); return false })
}

// IssuerCount is how many issuers there are, deleted ones included.
func (s *State) IssuerCount() int { return s.issuers.Len() }

// IssuerURLTaken says whether a new issuer cannot have this URL.
func (s *State) IssuerURLTaken(url string) bool { return urlTaken(s.issuers.Root(), url) }

// SameIssuers says whether both states hold the same issuers, profiles and
// versions of issuers' keys.
func (s *State) SameIssuers(o *State) bool { return s.issuers.Root() == o.issuers.Root() }

// Profile returns a profile of an issuer, or nil.
func (s *State) Profile(issuer, name string) *Profile {
	p, _ := s.profiles.Get(profilePath(issuer, name))
	return p
}

// Profiles calls fn for each profile of an issuer, in the order of their names.
func (s *State) Profiles(issuer string, fn func(*Profile)) {
	s.profiles.Root().WalkPrefix(profilePath(issuer, ""), func(_ []byte, p *Profile) bool { fn(p); return false })
}

// profilePath is the radix key of a profile; no name holds a slash.
func profilePath(issuer, name string) []byte { return []byte(issuer + "/" + name) }

// PendingVersion returns the version of an issuer's key that is published and not
// active yet, or nil.
func (s *State) PendingVersion(i *Issuer) *KeyVersion {
	k := s.Key(i.Mount, i.Name)
	if k == nil {
		return nil
	}
	if v := s.Version(k.Mount, k.Name, k.Latest); v != nil && v.State == Pending {
		return v
	}
	return nil
}
