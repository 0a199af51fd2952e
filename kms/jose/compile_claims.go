package jose

import (
	"maps"
	"slices"
)

const (
	whyReserved  = "is reserved: the server sets it"
	whyForced    = "is set by the profile"
	whyForbidden = "is forbidden by the profile"
)

// compileClaims makes the table of closed names and the forced values. Every two
// rules for one name, in any case, contradict each other and are refused.
func (r *Rules) compileClaims(p *Profile) error {
	c := &p.Claims
	r.closed = map[string]string{}
	for _, name := range ReservedClaims() {
		r.closed[name] = whyReserved
	}
	if len(c.Forced) > MaxOwnClaims {
		return fault("claims.forced", "must not have more than %d members", MaxOwnClaims)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Forced)) {
		field := "claims.forced"
		if err := r.closeName(field, name, whyForced); err != nil {
			return err
		}
		value, err := checkValue(c.Forced[name])
		if err != nil {
			return fault(field, "%s %v", showName(name), err)
		}
		pieces, err := compileTemplate(value)
		if err != nil {
			return fault(field, "%s %v", showName(name), err)
		}
		r.forced = append(r.forced, forced{name, pieces})
	}
	if len(c.Forbidden) > maxProfileList {
		return fault("claims.forbidden", "must not have more than %d members", maxProfileList)
	}
	for _, name := range c.Forbidden {
		if err := r.closeName("claims.forbidden", name, whyForbidden); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rules) closeName(field, name, why string) error {
	if err := checkProfileName(name); err != nil {
		return fault(field, "%s %v", showName(name), err)
	}
	key := foldName(name)
	if before, taken := r.closed[key]; taken {
		return fault(field, "%s, in this or another case, %s", showName(name), before)
	}
	r.closed[key] = why
	return nil
}

// compileLists compiles what refers to the claims: allowed, required, audited ones
// and the schema.
func (r *Rules) compileLists(p *Profile) error {
	c := &p.Claims
	folded := map[string]bool{}
	if err := checkList("claims.allowed", c.Allowed, func(name string) string {
		if err := checkProfileName(name); err != nil {
			return err.Error()
		}
		key := foldName(name)
		if why, closed := r.closed[key]; closed {
			return "in this or another case " + why
		}
		if folded[key] {
			return "stands twice, in another case"
		}
		folded[key] = true
		return ""
	}); err != nil {
		return err
	}
	r.allowed, r.anyClaim = slices.Clone(c.Allowed), c.Allowed == nil
	if err := checkList("claims.required", c.Required, r.cannotBeMet); err != nil {
		return err
	}
	if err := checkList("audit_claims", p.AuditClaims, func(name string) string {
		if err := checkProfileName(name); err != nil {
			return err.Error()
		}
		return ""
	}); err != nil {
		return err
	}
	r.required, r.audited = slices.Clone(c.Required), slices.Clone(p.AuditClaims)
	if len(c.Schema) == 0 || c.Schema.Kind() == 'n' {
		return nil
	}
	var err error
	if r.schema, err = compileSchema(c.Schema); err != nil {
		return fault("claims.schema", "%v", err)
	}
	return nil
}

// cannotBeMet says why no token can have a required claim.
func (r *Rules) cannotBeMet(name string) string {
	if err := checkProfileName(name); err != nil {
		return err.Error()
	}
	switch r.closed[foldName(name)] {
	case whyForbidden:
		return "is forbidden as well"
	case whyForced, whyReserved:
		if slices.ContainsFunc(r.forced, func(f forced) bool { return f.name == name }) || slices.Contains(ReservedClaims(), name) {
			return ""
		}
		return "is a name in another case than the one the server sets"
	}
	if slices.Contains(r.allowed, name) || r.anyClaim && plainName(name) {
		return ""
	}
	return "is not allowed, so no token could have it"
}
