package state

// mergeIssuers merges the issuers that both have; one that is missing came back with
// its key, or did not. One that is deleted stays as it is.
func (m *merging) mergeIssuers() {
	m.b.Issuers(func(o *Issuer) {
		own, there := m.issuers.Get([]byte(o.Name))
		switch {
		case !there || own.UUID != o.UUID:
			m.of(OfIssuers).Withheld.add(o.Name)
		case own.Deleted == 0:
			m.sharedIssuer(own, o)
		case o.Deleted == 0:
			m.of(OfIssuers).Withheld.add(o.Name)
		}
	})
	// What is left changed in the versions of its key alone.
	for name := range m.touched {
		if own, there := m.issuers.Get([]byte(name)); there {
			i := *own
			m.putIssuer(&i)
		}
	}
}

// missingIssuer brings back the issuer of a key that the cluster lost, with its
// profiles, and says whether it did.
func (m *merging) missingIssuer(k *Key) bool {
	o := m.b.Issuer(k.Issuer)
	if o == nil || urlTaken(m.issuers.Root(), o.URL) {
		return false
	}
	if _, there := m.issuers.Get([]byte(o.Name)); there {
		return false
	}
	i := *o
	m.putIssuer(&i)
	m.b.Profiles(o.Name, func(p *Profile) {
		m.profiles.Insert(profilePath(p.Issuer, p.Name), p)
		m.of(OfProfiles).Restored.add(p.Issuer + "/" + p.Name)
	})
	m.of(OfIssuers).Restored.add(o.Name)
	return true
}

// sharedIssuer puts the settings and profiles of an issuer back. Its versions were
// merged with its key. What ends later because of it does so as when an operator had
// set it: see ConfigIssuer and PutProfile.
func (m *merging) sharedIssuer(own, o *Issuer) {
	i := *own
	if o.MaxAge < i.MaxAge {
		i.lowerMaxAge(m.next.Time)
	}
	i.MaxAge, i.Leeway, i.Lead, i.Period, i.JWKSURI = o.MaxAge, o.Leeway, o.Lead, o.Period, o.JWKSURI
	i.DeletionAllowed = own.DeletionAllowed && o.DeletionAllowed
	if more := i.Leeway - i.Marks.Leeway; more > 0 {
		m.keepLonger(&i, nanos(more))
	}
	i.Marks = i.Marks.raised(i.marks())
	if m.ahead[i.Name] {
		i.Marks = i.Marks.raised(o.Marks)
	}
	changed := !same(&i, own)
	if changed {
		m.of(OfIssuers).Changed.add(i.Name)
	}
	m.b.Profiles(o.Name, func(p *Profile) { changed = m.mergeProfile(&i, p) || changed })
	if changed || m.touched[i.Name] {
		m.putIssuer(&i)
		delete(m.touched, i.Name)
	}
}

// mergeProfile puts a profile of the backup back, and says whether it was another.
func (m *merging) mergeProfile(i *Issuer, o *Profile) bool {
	p := *o
	path := profilePath(p.Issuer, p.Name)
	own, there := m.profiles.Get(path)
	if there {
		p.Created, p.Updated = own.Created, own.Updated
		if same(&p, own) {
			return false
		}
		m.of(OfProfiles).Changed.add(p.Issuer + "/" + p.Name)
	} else {
		m.of(OfProfiles).Restored.add(p.Issuer + "/" + p.Name)
	}
	p.Updated = m.next.Time
	i.Marks = i.Marks.raised(Marks{TTL: p.MaxTTL, NotBefore: p.MaxNBF})
	m.profiles.Insert(path, &p)
	return true
}
