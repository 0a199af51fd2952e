package main

import (
	"strings"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// missingText says what is not there, where the server said no more than that
// something is not: what it is, the path tells. "" for all other answers.
func missingText(err *client.Error, said string) string {
	switch err.Code {
	case wire.NotFound, wire.KeyNotFound, wire.IssuerNotFound, wire.ProfileNotFound:
	default:
		return ""
	}
	if said != "" && said != strings.ReplaceAll(string(err.Code), "_", " ") && !strings.HasSuffix(said, "key not found") {
		return "" // it names it; Vault's words for keys do not
	}
	if k := keyOf(err.Path); k.name != "" {
		if k.flag() != "" {
			return "no key named " + k.name + " in the mount " + k.mount
		}
		return "no key named " + k.name
	}
	if issuer, profile := issuerOf(err.Path); profile != "" {
		return "no profile named " + profile + " of an issuer named " + issuer
	} else if issuer != "" {
		return "no issuer named " + issuer
	}
	for _, thing := range []struct{ below, what string }{
		{"identity/applications/", "application"}, {"auth/approle/role/", "role"}, {"auth/token/roles/", "token role"},
		{"sys/policies/acl/", "policy"}, {"sys/quotas/rate-limit/", "rate limit"},
	} {
		if name, ok := strings.CutPrefix(err.Path, thing.below); ok {
			name, _, _ = strings.Cut(name, "/")
			return "no " + thing.what + " named " + name
		}
	}
	return ""
}
