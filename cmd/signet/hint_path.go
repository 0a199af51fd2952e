package main

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/signet-kms/signet/client"
)

// keyPath is what the path of a transit call is about.
type keyPath struct {
	mount string // "transit", "team/eu"
	verb  string // "keys", "sign"; "" if the path is none of a transit engine
	name  string // of the key; "" if the path has none
	rest  string // after the name: "", "config"
}

// keyOf takes a path such as transit/keys/web/config apart. A mount may be named
// like a verb; the first segment is always one of the mount.
func keyOf(path string) keyPath {
	parts := strings.Split(path, "/")
	if parts[0] == "sys" || parts[0] == "auth" || parts[0] == "identity" || parts[0] == "jwt" {
		return keyPath{}
	}
	verbs := []string{"keys", "sign", "verify", "encrypt", "decrypt", "rewrap", "hmac", "datakey"}
	for i, part := range parts {
		if i == 0 || !slices.Contains(verbs, part) {
			continue
		}
		k := keyPath{mount: strings.Join(parts[:i], "/"), verb: part}
		if len(parts) > i+1 {
			k.name, k.rest = parts[i+1], strings.Join(parts[i+2:], "/")
		}
		return k
	}
	return keyPath{}
}

// args returns the key, then flags, then the --mount that a suggested command
// needs.
func (k keyPath) args(flags ...string) string {
	return strings.Join(append([]string{cmp.Or(k.name, "NAME")}, flags...), " ") + k.flag()
}

func (k keyPath) flag() string {
	if k.mount == "" || k.mount == "transit" {
		return ""
	}
	return " --mount " + k.mount
}

// capability returns what the policy must grant, as Vault's policies name it.
func capability(err *client.Error) string {
	if strings.HasPrefix(err.Path, "sys/quotas/") {
		return quotaCapability(err) + " and sudo"
	}
	switch err.Path {
	case "sys/seal", "sys/rotate", "sys/rotate/config", "sys/migrate-seal":
		if err.Method != http.MethodGet {
			return "update and sudo"
		}
	case "auth/token/accessors":
		return "list and sudo"
	}
	if need := raftCapability(err); need != "" {
		return need
	}
	if need := loginCapability(err); need != "" {
		return need
	}
	if strings.HasPrefix(err.Path, "jwt/compromise/") {
		return "update and sudo"
	}
	if needs := issuerCapability(err); needs != "" {
		return needs
	}
	k := keyOf(err.Path)
	switch err.Method {
	case http.MethodGet:
		if (k.verb == "keys" && k.name == "") || err.Path == "sys/policies/acl" {
			return "list"
		}
		return "read"
	case http.MethodDelete:
		return "delete"
	}
	if (k.verb == "keys" && k.rest == "") || strings.HasPrefix(err.Path, "sys/policies/acl/") {
		return "create or update"
	}
	return "update"
}

// listOf returns how to see what there is instead of what was not found.
func listOf(path string) string {
	if k := keyOf(path); k.verb != "" {
		return "see the keys with: signet key list" + k.flag()
	}
	if strings.HasPrefix(path, "sys/policies/") {
		return "see the policies with: signet policy list"
	}
	if strings.HasPrefix(path, "sys/quotas/") {
		return "see the rate limits with: signet quota list"
	}
	switch parts := strings.Split(path, "/"); {
	case strings.HasPrefix(path, "identity/applications"):
		return "see the applications with: signet application list"
	case len(parts) > 4 && strings.HasPrefix(path, "auth/approle/role/"):
		return "see the roles with: signet approle list, and the accessors of one with: signet approle secret-id list ROLE"
	case strings.HasPrefix(path, "auth/approle/role"):
		return "see the roles with: signet approle list"
	case strings.HasPrefix(path, "auth/token/roles"):
		return "see the token roles with: signet token role list"
	}
	return ""
}

// loginCapability is capability on the paths of applications and roles; "" if err
// is about another one.
func loginCapability(err *client.Error) string {
	for _, prefix := range []string{"identity/applications", "auth/approle/role"} {
		rest, ok := strings.CutPrefix(err.Path, prefix)
		switch {
		case !ok:
			continue
		case err.Method == http.MethodGet && (rest == "" || strings.HasSuffix(rest, "/secret-id")):
			return "list"
		case err.Method == http.MethodPost && strings.Count(rest, "/") == 1:
			return "create or update"
		}
	}
	return ""
}
