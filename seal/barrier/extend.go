package barrier

// Extend adds the terms that ts has and b has not, and makes the newest the
// active one. Whoever holds b goes on with it: bytes of older terms open as
// before, and what is sealed from now on is sealed under the new term. A store
// without new terms changes nothing. The caller may wipe ts afterwards.
//
// A number keeps its key for ever, so ts must hold every term of b with the same
// key, and continue its numbers without a gap. If it does not, b stays as it was.
// Errors: ErrExtension, ErrWiped.
func (b *Barrier) Extend(ts *TermStore) error {
	from := ts.terms()
	if from == nil {
		return ErrWiped
	}
	s := b.state()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.terms == nil {
		return ErrWiped
	}
	known := 0
	next := s.active
	var added []*termKeys // of the terms after s.active, in order
	drop := func(err error) error {
		for _, k := range added {
			*k = termKeys{}
		}
		return err
	}
	for i := range from.list {
		t := &from.list[i]
		if have, ok := s.terms[t.number]; ok {
			if !sameKey(&have.base, &t.key) {
				return drop(ErrExtension)
			}
			known++
			continue
		}
		if t.number != next+1 {
			return drop(ErrExtension)
		}
		k, err := s.keysOf(t)
		if err != nil {
			return drop(err)
		}
		next, added = t.number, append(added, k)
	}
	if known != len(s.terms) {
		return drop(ErrExtension)
	}
	for i, k := range added {
		s.terms[s.active+uint64(i)+1] = k
	}
	s.active = next
	return nil
}
