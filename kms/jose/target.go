package jose

import (
	"slices"
	"strings"
)

// maxAudience bounds the audiences of one token.
const maxAudience = 64

// targets writes sub, aud and scope, each from the member of the request that is
// made for it.
func (r *Rules) targets(w *payload, q *Request) error {
	if err := r.subjectOf(q); err != nil {
		return err
	}
	if q.HasSubject || q.Subject != "" {
		w.text("sub", q.Subject)
	}
	list, err := r.audienceOf(q)
	if err != nil {
		return err
	}
	switch len(list) {
	case 0:
	case 1: // RFC 7519, section 4.1.3: one audience may be a string alone
		w.text("aud", list[0])
	default:
		w.texts("aud", list)
	}
	if q.Scope == "" {
		return nil
	}
	if err := r.mayGrant(q.Scope); err != nil {
		return err
	}
	w.text("scope", q.Scope)
	return nil
}

func (r *Rules) subjectOf(q *Request) error {
	if !q.HasSubject && q.Subject == "" {
		switch {
		case r.access:
			return refuse("sub", "is required in an access token (RFC 9068, section 2.2): a machine that asks for itself names itself")
		case r.subject != nil:
			return refuse("sub", "is required, since the profile has a pattern for it")
		}
		return nil
	}
	if !tokenText(q.Subject) {
		return refuse("sub", "must be 1 to 1024 characters in UTF-8 that are no control characters")
	}
	if r.subject != nil && !r.subject.MatchString(q.Subject) {
		return refuse("sub", "does not match the profile's pattern")
	}
	return nil
}

// audienceOf returns the audiences of the token. A request that names none gets
// the profile's only one.
func (r *Rules) audienceOf(q *Request) ([]string, error) {
	switch {
	case q.Audience == nil && len(r.audience) == 1:
		return r.audience, nil
	case q.Audience == nil && len(r.audience) > 1:
		return nil, refuse("aud", "is required, since the profile has several audiences")
	case q.Audience == nil && r.access:
		return nil, refuse("aud", "is required in an access token (RFC 9068, section 2.2)")
	case q.Audience == nil:
		return nil, nil
	case len(q.Audience) == 0 || len(q.Audience) > maxAudience:
		return nil, refuse("aud", "must be 1 to 64 audiences")
	}
	for i, a := range q.Audience {
		switch {
		case !tokenText(a):
			return nil, refuse("aud", "must be 1 to 1024 characters in UTF-8 that are no control characters")
		case len(r.audience) > 0 && !slices.Contains(r.audience, a):
			return nil, refuseValue("aud", "is not among the audiences that the profile allows", a)
		case slices.Contains(q.Audience[:i], a):
			return nil, refuseValue("aud", "stands twice", a)
		}
	}
	return q.Audience, nil
}

// mayGrant checks that every scope of a list is one of the profile's, and stands
// once.
func (r *Rules) mayGrant(list string) error {
	if err := checkScopes(list); err != nil {
		return refuse("scope", err.Error())
	}
	for n, rest := 0, list; rest != ""; n++ {
		before := list[:len(list)-len(rest)]
		var one string
		one, rest = cutScope(rest)
		switch {
		case n >= maxScopes:
			return refuse("scope", "must not be more than 256 scopes")
		case !slices.Contains(r.scopes, one):
			return refuseValue("scope", "is not among the scopes that the profile grants", one)
		case scopeIn(strings.TrimSuffix(before, " "), one):
			return refuseValue("scope", "has a scope twice", one)
		}
	}
	return nil
}
