package state

// Step is something that time brings about in the life of a key's versions. A
// node does it with a command of its own.
type Step string

// The steps.
const (
	StepRotate    Step = "rotate"    // an issuer's period is over: publish the next version
	StepActivate  Step = "activate"  // a pending version's lead time is over
	StepUnpublish Step = "unpublish" // no token under a retired or compromised version is alive
)

// Due is a step and when it comes.
type Due struct {
	Step   Step
	At     int64 // unix nanoseconds; not before
	Key    *Key
	Issuer *Issuer // nil of a transit key
	Number uint32  // the version; of StepRotate the one that signs

	// What a node did that had not heard of the command that announced the step lasts
	// for Lasts more, in nanoseconds: a JWKS that it gave out, a token that it signed.
	// The step comes no earlier than that after the last node heard. Since is the time
	// of that command; 0 where nobody elsewhere relies on anything.
	Since, Lasts int64
}

// Dues calls fn for the steps that are ahead of keys in use, key by key.
func (s *State) Dues(fn func(Due)) {
	s.Keys(func(k *Key) {
		switch {
		case k.Deleted != 0:
		case k.Issuer != "":
			if i := s.Issuer(k.Issuer); i != nil && i.Deleted == 0 {
				s.issuerDues(i, k, fn)
			}
		case k.Signer != 0: // another one than the latest: that one may be pending
			if v := s.Version(k.Mount, k.Name, k.Latest); v != nil && v.State == Pending {
				fn(Due{Step: StepActivate, At: v.ActiveAt, Key: k, Number: v.Number})
			}
		}
	})
}

func (s *State) issuerDues(i *Issuer, k *Key, fn func(Due)) {
	s.EachVersion(k, func(v *KeyVersion) {
		switch {
		case v.State == Pending:
			fn(Due{StepActivate, v.ActiveAt, k, i, v.Number, v.Created, i.cachedSince(v.Created)})
		case v.RemoveAt != 0 && (v.State == Retired || v.State == Compromised): // a suspended one waits for somebody
			d := Due{Step: StepUnpublish, At: v.RemoveAt, Key: k, Issuer: i, Number: v.Number}
			if v.State == Retired {
				d.Since, d.Lasts = v.Retired, max(0, v.RemoveAt-v.Retired-nanos(retirementReturn))
			}
			fn(d)
		}
	})
	if at, _ := s.NextRotation(i); at != 0 {
		fn(Due{Step: StepRotate, At: at, Key: k, Issuer: i, Number: k.SignerNumber()})
	}
}

// RotationDue says whether the period of a transit key that rotates by itself is over at
// now, unix nanoseconds. A pending version, or a signer that waits to be enabled, comes
// first.
func (s *State) RotationDue(k *Key, now int64) bool {
	if k.AutoRotate == 0 || k.Deleted != 0 || k.Issuer != "" {
		return false
	}
	if signer := s.Version(k.Mount, k.Name, k.SignerNumber()); signer != nil && s.Waits(signer) {
		return false
	}
	latest := s.Version(k.Mount, k.Name, k.Latest)
	return latest != nil && latest.State != Pending && now >= latest.Created+k.AutoRotate*1e9
}

// EachVersion calls fn for every version of k that is on record, in order.
func (s *State) EachVersion(k *Key, fn func(*KeyVersion)) {
	s.versions.Root().WalkPrefix(append(appendKeyPath(nil, k.Mount, k.Name), 0), func(_ []byte, v *KeyVersion) bool {
		fn(v)
		return false
	})
}

// NextRotation is when the next version of an issuer's key is published by itself
// and when it becomes active, unix nanoseconds: with its activation the period of
// the one before is over. 0 when that is never, when a version is pending, or when the
// signer waits to be enabled. A rotation that was taken back begins the period anew.
func (s *State) NextRotation(i *Issuer) (publish, activate int64) {
	k := s.Key(i.Mount, i.Name)
	if i.Period == 0 || k == nil || s.PendingVersion(i) != nil {
		return 0, 0
	}
	signer := s.Version(k.Mount, k.Name, k.SignerNumber())
	if signer == nil || s.Waits(signer) {
		return 0, 0
	}
	since := max(signer.Activated, signer.Created)
	if latest := s.Version(k.Mount, k.Name, k.Latest); latest != nil && latest.Number > signer.Number {
		since = max(since, latest.Destroyed, latest.Compromised)
	}
	lead := nanos(max(i.Lead, 2*i.MaxAge))
	publish = since + max(0, nanos(i.Period)-lead)
	return publish, publish + lead
}

// ServedMaxAge is for how many seconds a JWKS that is answered at now may be kept;
// pending is the issuer's pending version, or nil. As its activation nears it is
// not longer than the time left, and 0 in the last second. When the time has come
// it is as before, however late the activation is: whoever asked has both keys.
func (i *Issuer) ServedMaxAge(pending *KeyVersion, now int64) int64 {
	if pending == nil || now >= pending.ActiveAt {
		return i.MaxAge
	}
	return min(i.MaxAge, (pending.ActiveAt-now)/1e9)
}
