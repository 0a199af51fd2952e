package jose

import (
	"bytes"
	"slices"
)

// Fits says whether a token may be one of the profile's, by what it says: its
// audiences and scopes are among the profile's, its subject matches, the forced
// claims are there, and those without templates have the profile's values. Two
// profiles that say the same cannot be told apart. A profile that was narrowed no
// longer fits the tokens of before.
func (r *Rules) Fits(c *Claims) bool {
	for _, a := range c.Audience {
		if len(r.audience) > 0 && !slices.Contains(r.audience, a) {
			return false
		}
	}
	switch {
	case len(c.Audience) == 0 && (len(r.audience) > 0 || r.access):
		return false
	case r.subject != nil && !r.subject.MatchString(c.Subject):
		return false
	case c.Scope != "" && r.mayGrant(c.Scope) != nil:
		return false
	}
	for i := range r.forced {
		if !r.forced[i].fits(c.Raw) {
			return false
		}
	}
	return true
}

func (f *forced) fits(payload []byte) bool {
	for m := membersOf(payload); ; {
		quoted, value, ok := m.next()
		if !ok {
			return false
		}
		if name, ok := textOf(quoted); !ok || name != f.name {
			continue
		}
		if slices.ContainsFunc(f.pieces, func(p piece) bool { return p.source != sourceNone }) {
			return true // the value is of whoever asked
		}
		want, _ := appendForced(nil, f.name, f.pieces, nil)
		return bytes.Equal(value, want)
	}
}
