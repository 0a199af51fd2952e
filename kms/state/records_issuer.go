package state

// Issuer is one iss: a name, an algorithm and the key that serves it alone, which
// is the Key of the same name on Mount. Its profiles say what it may mint.
type Issuer struct {
	Name    string `codec:"n"`
	UUID    string `codec:"u"` // of this issuer: a later one of the same name has another
	Mount   string `codec:"m"` // the UUID of the mount that its key is on
	URL     string `codec:"i"` // iss, byte for byte
	Alg     string `codec:"a"` // of JOSE; one
	JWKSURI string `codec:"j,omitempty"`

	MaxAge int64 `codec:"x"`           // seconds that a verifier may keep the JWKS
	Leeway int64 `codec:"l,omitempty"` // seconds that verify forgives, at most 60
	Lead   int64 `codec:"d"`           // seconds a version is published before it signs, at least twice MaxAge
	Period int64 `codec:"p,omitempty"` // seconds between automatic rotations; 0 never

	DeletionAllowed bool  `codec:"b,omitempty"`
	Created         int64 `codec:"c"`           // unix nanoseconds
	Deleted         int64 `codec:"y,omitempty"` // unix nanoseconds since when its key is deleted; 0 in use

	// Revision grows with every change of the issuer, its profiles or its key's
	// versions: what was derived under one revision holds for all of it.
	Revision uint64 `codec:"r"`

	// Marks are the highest values in force since the active version became so:
	// they say for how long tokens under it may live.
	Marks Marks `codec:"h"`
	// A verifier may still hold a JWKS that it was allowed to keep for up to
	// MaxAgeBefore seconds, until MaxAgeUntil, unix nanoseconds.
	MaxAgeBefore int64 `codec:"e,omitempty"`
	MaxAgeUntil  int64 `codec:"f,omitempty"`
}

// Marks are high-water marks, in seconds.
type Marks struct {
	TTL       int64 `codec:"t,omitempty"` // of any profile
	NotBefore int64 `codec:"n,omitempty"` // how far any profile allowed nbf to lie ahead
	Leeway    int64 `codec:"l,omitempty"`
	MaxAge    int64 `codec:"a,omitempty"`
}

func (m Marks) raised(o Marks) Marks {
	return Marks{max(m.TTL, o.TTL), max(m.NotBefore, o.NotBefore), max(m.Leeway, o.Leeway), max(m.MaxAge, o.MaxAge)}
}

// retirementReturn is how long after the retirement of a version some node may
// still sign with it, in seconds: the longest that a lease is booked for, and a
// second of rounding.
const retirementReturn = 4

// maxSeconds bounds each part of a schedule, so that no sum of them wraps around:
// 34 years.
const maxSeconds = 1 << 30

func nanos(seconds ...int64) (sum int64) {
	for _, s := range seconds {
		sum += max(0, min(s, maxSeconds)) * 1e9
	}
	return sum
}

// Lifetime is for how long after now a token signed until now can be accepted
// somewhere, in nanoseconds. exp is at most a TTL after nbf.
func (i *Issuer) Lifetime() int64 {
	return nanos(retirementReturn, i.Marks.TTL, i.Marks.NotBefore, i.Marks.Leeway, i.Marks.MaxAge)
}

// lead is how long a version that is published at now is pending, in nanoseconds:
// twice as long as a verifier may keep a JWKS without it, of which one half is for
// answers under way. Caches of before a lowered MaxAge count.
func (i *Issuer) lead(now int64) int64 {
	lead := max(i.Lead, 2*i.MaxAge)
	if now < i.MaxAgeUntil {
		lead = max(lead, 2*i.MaxAgeBefore)
	}
	return nanos(lead)
}

// cachedSince is for how long a JWKS may be kept that somebody got at t or later, in
// nanoseconds, from a node that knows of no pending version.
func (i *Issuer) cachedSince(t int64) int64 {
	if t < i.MaxAgeUntil {
		return nanos(max(i.MaxAge, i.MaxAgeBefore))
	}
	return nanos(i.MaxAge)
}

// lowerMaxAge notes that caches of before may outlive what is allowed from now on.
func (i *Issuer) lowerMaxAge(now int64) {
	before := i.MaxAge
	if now < i.MaxAgeUntil {
		before = max(before, i.MaxAgeBefore)
	}
	i.MaxAgeBefore, i.MaxAgeUntil = before, max(i.MaxAgeUntil, now+nanos(i.MaxAge))
}

// Profile is what one sort of an issuer's tokens may say.
type Profile struct {
	Issuer     string `codec:"i"`
	Name       string `codec:"n"`
	Definition []byte `codec:"d"` // JSON, as kms/jose writes a Profile
	MaxTTL     int64  `codec:"t"` // seconds, as in Definition
	MaxNBF     int64  `codec:"f"` // seconds, as in Definition
	Created    int64  `codec:"c"` // unix nanoseconds
	Updated    int64  `codec:"u"` // unix nanoseconds
}
