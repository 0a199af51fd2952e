package main

import (
	"net/http"
	"strings"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// issuerOf is the issuer and the profile that a path below jwt/ names; "" where it
// names none.
func issuerOf(path string) (issuer, profile string) {
	parts := strings.Split(path, "/")
	if parts[0] != "jwt" || len(parts) < 3 {
		return "", ""
	}
	if parts[1] == "sign" && len(parts) > 3 {
		return parts[2], parts[3]
	}
	if len(parts) > 4 && parts[3] == "profiles" {
		return parts[2], parts[4]
	}
	return parts[2], ""
}

// issuerHints returns what to do about an error of a path below jwt/, nil where it
// is like others.
func issuerHints(err *client.Error) []string {
	if err.Code == wire.KeyBound {
		return []string{"what its issuer is: signet issuer list", "for anything else, make a key of its own: signet key create"}
	}
	if !strings.HasPrefix(err.Path, "jwt/") {
		return nil
	}
	issuer, _ := issuerOf(err.Path)
	issuer = printable(issuer)
	switch err.Code {
	case wire.ProfileNotFound:
		return []string{"see the profiles with: signet profile list " + issuer}
	case wire.IssuerNotFound, wire.NotFound:
		if strings.Contains(err.Path, "/profiles") {
			return []string{"see the profiles with: signet profile list " + issuer, "see the issuers with: signet issuer list"}
		}
		return []string{"see the issuers with: signet issuer list"}
	case wire.BadTransition, wire.NoSigningKey:
		return []string{"see which keys it has and what happens when with: signet issuer rotation " + issuer}
	case wire.KeyDeleted:
		return []string{"put it back to use with: signet issuer undelete " + issuer, "see until when that is possible with: signet issuer list --deleted"}
	case wire.DeletionNotAllowed:
		return []string{"allow it first with: signet issuer config " + issuer + " --deletion-allowed"}
	}
	return nil
}

// issuerCapability returns what the policy must grant on a path below jwt/; "" where
// it is what other paths need.
func issuerCapability(err *client.Error) string {
	if !strings.HasPrefix(err.Path, "jwt/issuers") {
		return ""
	}
	issuer, profile := issuerOf(err.Path)
	list := issuer == "" || strings.HasSuffix(err.Path, "/profiles")
	write := profile != "" || strings.Count(err.Path, "/") == 2
	switch {
	case err.Method == http.MethodGet && list:
		return "list"
	case err.Method != http.MethodGet && err.Method != http.MethodDelete && write:
		return "create or update"
	}
	return ""
}
