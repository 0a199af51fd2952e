package api

import (
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/signet-kms/signet/kms"
)

// authKind says who may use a route.
type authKind string

const (
	public authKind = "public" // nobody is asked who they are
	token  authKind = "token"  // a live token; what it may do is the verb's policy check
	always authKind = "always" // a live token, even while the audit log cannot be written
	client authKind = "client" // a live token, or the credentials of an application; errors as OAuth has them

	gateway authKind = "gateway" // a live token in X-Vault-Token alone: Authorization is somebody else's
)

// route is one method of one path.
type route struct {
	methods string // space separated; LIST also arrives as GET ?list=true
	pattern string // below /v1/
	body    int64  // bytes; 0 where no body is read
	timeout time.Duration
	auth    authKind
	own     bool // a path that Vault does not have: unknown members are refused
	action  string
	doc     string
	serve   func(rq *request) error

	observe func(d time.Duration, err error)
}

const (
	quick  = 10 * time.Second // answers from memory; waits for the audit log alone
	commit = 15 * time.Second // waits for the cluster
	making = 45 * time.Second // makes keys, or the cluster itself

	streaming = 2 * time.Hour // a body or an answer of any length; who stops taking or sending is cut off sooner
)

// The variables of patterns. What they may hold is checked by validName after
// the match: a regular expression that counts to 128 costs more than all else.
const (
	mountVar   = "{mount}"
	keyVar     = "{name}"
	hashVar    = "{hash}"
	roleVar    = "{role}"
	bytesVar   = "{bytes}"
	sourceVar  = "{source}"
	issuerVar  = "{issuer}"
	profileVar = "{profile}"
	policyVar  = "{policy}" // checked by its own rules, which say what is wrong
)

// validName says whether mounts and keys may be called s:
// ^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$.
func validName(s string) bool {
	if len(s) == 0 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '.' || c == '_' || c == '-'):
		default:
			return false
		}
	}
	return true
}

// routes is every endpoint. The order is the order of matching: the paths that a
// token issuer uses on every request come first.
func (s *Server) routes() []*route {
	return []*route{
		{"POST PUT", "jwt/sign/" + issuerVar + "/" + profileVar, callersBody, quick, token, true, "jwt/sign", "Issue a token, or a batch of them.", handle(signJWT), nil},
		{"POST PUT", "jwt/verify/" + issuerVar, callersBody, quick, token, true, "jwt/verify", "Check a token of an issuer, or a batch of them.", handle(verifyJWT), nil},
		{"POST PUT", "jwt/decrypt/" + issuerVar, callersBody, quick, token, true, "jwt/decrypt", "Decrypt a token that holds a signed one of an issuer, and check that.", handle(decryptJWT), nil},
		{"GET POST", "jwt/authorize/" + issuerVar, 0, quick, gateway, true, "jwt/authorize", "Whether a gateway lets the request of an end user pass; the status says it.", authorizeJWT, nil},
		{"POST", "jwt/introspect/" + issuerVar, formBody, quick, client, true, "jwt/introspect", "Whether a token is active, and what it says (RFC 7662).", introspectJWT, nil},
		{"POST", "jwt/revocation/" + issuerVar, formBody, commit, client, true, "jwt/revocation", "Revoke a token as its client (RFC 7009).", revocationJWT, nil},
		{"POST PUT", "jwt/revoke/" + issuerVar, callersBody, commit, token, true, "jwt/revoke", "Revoke tokens, or what was issued for a subject or to an application.", handle(revokeJWT), nil},

		{"POST PUT", mountVar + "/sign/" + keyVar, callersBody, quick, token, false, "transit/sign", "Sign input with a key.", handle(sign), nil},
		{"POST PUT", mountVar + "/verify/" + keyVar, callersBody, quick, token, false, "transit/verify", "Verify a signature.", handle(verify), nil},
		{"POST PUT", mountVar + "/encrypt/" + keyVar, callersBody, quick, token, false, "transit/encrypt", "Encrypt plaintext with a key.", handle(encrypt), nil},
		{"POST PUT", mountVar + "/decrypt/" + keyVar, callersBody, quick, token, false, "transit/decrypt", "Decrypt ciphertext.", handle(decrypt), nil},
		{"POST PUT", mountVar + "/sign/" + keyVar + "/" + hashVar, callersBody, quick, token, false, "transit/sign", "Sign input with a key and the hash named in the path.", handle(sign), nil},
		{"POST PUT", mountVar + "/verify/" + keyVar + "/" + hashVar, callersBody, quick, token, false, "transit/verify", "Verify a signature with the hash named in the path.", handle(verify), nil},
		{"POST PUT", mountVar + "/hmac/" + keyVar, callersBody, quick, token, false, "transit/hmac", "Make an HMAC with a key of any type.", handle(hmac), nil},
		{"POST PUT", mountVar + "/hmac/" + keyVar + "/" + hashVar, callersBody, quick, token, false, "transit/hmac", "Make an HMAC with the hash named in the path.", handle(hmac), nil},
		{"POST PUT", mountVar + "/rewrap/" + keyVar, callersBody, quick, token, false, "transit/rewrap", "Encrypt a ciphertext anew, without showing its plaintext.", handle(rewrap), nil},
		{"POST PUT", mountVar + "/datakey/plaintext/" + keyVar, controlBody, quick, token, false, "transit/datakey", "Make a data key, encrypted and in clear.", handle(dataKeyPlaintext), nil},
		{"POST PUT", mountVar + "/datakey/wrapped/" + keyVar, controlBody, quick, token, false, "transit/datakey", "Make a data key, encrypted only.", handle(dataKeyWrapped), nil},

		{"GET", "sys/health", 0, quick, public, false, "sys/health", "Whether this node serves; the status code says it too.", handle(health), nil},
		{"HEAD", "sys/health", 0, quick, public, false, "sys/health", "As GET, without a body.", handle(health), nil},
		{"GET", "sys/init", 0, quick, public, false, "sys/init-status", "Whether the cluster was made.", handle(initStatus), nil},
		{"POST PUT", "sys/init", strangersBody, making, public, false, "sys/init", "Make the cluster: shares and root token, shown once.", handle(initCluster), nil},
		{"GET", "sys/seal-status", 0, quick, public, false, "sys/seal-status", "Sealed or not, and the progress of an unseal.", handle(sealStatus), nil},
		{"POST PUT", "sys/unseal", strangersBody, making, public, false, "sys/unseal", "Give one share, or reset.", handle(unseal), nil},
		{"POST PUT", "sys/verify-share", strangersBody, quick, public, true, "sys/verify-share", "Check one share without using it.", handle(verifyShare), nil},
		{"POST PUT", "sys/seal", 0, commit, always, false, "sys/seal", "Drop every key. Needs sudo.", handle(sealNode), nil},
		{"GET", "sys/key-status", 0, quick, token, false, "sys/key-status", "The barrier's active term.", handle(keyStatus), nil},
		{"POST PUT", "sys/rotate", 0, commit, token, false, "sys/rotate", "Make a new term of the barrier. Needs sudo.", handle(rotateTerm), nil},
		{"GET", "sys/rotate/config", 0, quick, token, false, "sys/rotate/config", "When the barrier rotates by itself.", handle(readRotation), nil},
		{"POST PUT", "sys/rotate/config", controlBody, commit, token, false, "sys/rotate/config", "Change when the barrier rotates by itself. Needs sudo.", handle(configRotation), nil},
		{"POST PUT", "sys/migrate-seal", controlBody, making, token, true, "sys/migrate-seal", "Wrap the root key under the configured seals, or under none. Needs sudo.", handle(migrateSeal), nil},
		{"GET", "sys/leader", 0, quick, public, false, "sys/leader", "Who leads the cluster.", handle(leader), nil},
		{"GET", "sys/ha-status", 0, quick, token, false, "sys/ha-status", "The nodes of the cluster, in Vault's form.", handle(haStatus), nil},
		{"POST PUT", "sys/step-down", controlBody, commit, token, false, "sys/step-down", "Have the leader hand over. Needs sudo.", handle(stepDown), nil},
		{"GET", "sys/storage/raft/configuration", 0, quick, token, false, "sys/storage/raft/configuration", "The nodes of the cluster, and how they are.", handle(raftConfiguration), nil},
		{"POST PUT", "sys/storage/raft/join", strangersBody, making, public, false, "sys/storage/raft/join", "Make this node a member of a cluster.", handle(joinCluster), nil},
		{"POST PUT", "sys/storage/raft/admit", strangersBody, commit, public, true, "sys/storage/raft/admit", "Admit a node that has a join token.", admit, nil},
		{"POST PUT", "sys/storage/raft/join-token", controlBody, commit, token, true, "sys/storage/raft/join-token", "Make a token that lets one node join. Needs sudo.", handle(createJoinToken), nil},
		{"LIST", "sys/storage/raft/join-token", 0, quick, token, true, "sys/storage/raft/join-token/list", "The join tokens that have not expired, without their secrets. Needs sudo.", handle(listJoinTokens), nil},
		{"DELETE", "sys/storage/raft/join-token/" + keyVar, 0, commit, token, true, "sys/storage/raft/join-token/delete", "Make a join token worth nothing. Needs sudo.", handle(deleteJoinToken), nil},
		{"GET", "sys/storage/raft/autopilot/state", 0, quick, token, false, "sys/storage/raft/autopilot/state", "How the leader finds the nodes.", handle(autopilotState), nil},
		{"GET", "sys/storage/raft/autopilot/configuration", 0, quick, token, false, "sys/storage/raft/autopilot/configuration", "By what rules the leader tends the nodes.", handle(readAutopilot), nil},
		{"POST PUT", "sys/storage/raft/autopilot/configuration", controlBody, commit, token, false, "sys/storage/raft/autopilot/configuration", "Change by what rules the leader tends the nodes. Needs sudo.", handle(configAutopilot), nil},
		{"POST PUT", "sys/storage/raft/remove-peer", controlBody, commit, token, false, "sys/storage/raft/remove-peer", "Take a node out of the cluster. Needs sudo.", handle(changeMember((*kms.Service).RemoveMember)), nil},
		{"POST PUT", "sys/storage/raft/promote", controlBody, commit, token, false, "sys/storage/raft/promote", "Give a replica a vote. Needs sudo.", handle(changeMember((*kms.Service).PromoteMember)), nil},
		{"POST PUT", "sys/storage/raft/demote", controlBody, commit, token, false, "sys/storage/raft/demote", "Take a voter's vote. Needs sudo.", handle(changeMember((*kms.Service).DemoteMember)), nil},
		{"GET", "sys/storage/raft/snapshot", 0, streaming, token, false, "sys/storage/raft/snapshot", "A backup of everything, sealed. Needs sudo.", saveSnapshot, nil},
		{"GET", "sys/storage/raft/restored", 0, quick, token, true, "sys/storage/raft/restored", "The keys that wait to be enabled after a restore into an empty directory. Needs sudo.", handle(restoredKeys), nil},
		{"POST PUT", "sys/storage/raft/restored/enable", controlBody, commit, token, true, "sys/storage/raft/restored/enable", "Put the versions of a key that such a restore suspended to use again. Needs sudo.", handle(enableRestored), nil},
		{"GET", "sys/storage/raft/tombstones", 0, streaming, token, true, "sys/storage/raft/tombstones", "What a restore must not bring back. Needs sudo.", saveTombstones, nil},
		{"POST PUT", "sys/storage/raft/snapshot", 0, streaming, token, false, "sys/storage/raft/restore", "Restore a backup of this cluster, or say with ?dry_run=true what that would do. Needs sudo.", restoreSnapshot(false), nil},
		{"POST PUT", "sys/storage/raft/snapshot-force", 0, streaming, token, false, "sys/storage/raft/restore", "The same for a backup from before another restore. Needs sudo.", restoreSnapshot(true), nil},
		{"GET", "sys/storage/raft/snapshot-status", 0, quick, token, true, "sys/storage/raft/snapshot-status", "How many restores the cluster has been through, and how far one is.", handle(snapshotStatus), nil},
		{"POST PUT", "sys/storage/raft/snapshot-verify", 0, streaming, token, true, "sys/storage/raft/snapshot-verify", "Open a backup, check it, and say what is in it. Needs sudo.", verifySnapshot, nil},
		{"GET", "sys/mounts", 0, quick, token, false, "sys/mounts", "The mounted engines.", handle(mounts), nil},
		{"GET", "sys/metrics", 0, quick, public, false, "sys/metrics", "Metrics in Prometheus's text format. Asks for a token itself, unless configured not to.", serveMetrics, nil},
		{"LIST GET", "sys/policies/acl", 0, quick, token, false, "sys/policy/list", "The names of the policies.", handle(listPolicies), nil},
		{"GET", "sys/policies/acl/" + policyVar, 0, quick, token, false, "sys/policy/read", "A policy's text.", handle(readPolicy), nil},
		{"POST PUT", "sys/policies/acl/" + policyVar, controlBody, commit, token, false, "sys/policy/write", "Write a policy.", handle(writePolicy), nil},
		{"DELETE", "sys/policies/acl/" + policyVar, 0, commit, token, false, "sys/policy/delete", "Delete a policy.", handle(deletePolicy), nil},
		{"POST PUT", "sys/policies/check", controlBody, quick, token, true, "sys/policy/check", "Which rule decides a path, and why.", handle(checkPolicy), nil},
		{"LIST", "sys/quotas/rate-limit", 0, quick, token, false, "sys/quotas/list", "The names of the rate limits. Needs sudo.", handle(listQuotas), nil},
		{"GET", "sys/quotas/rate-limit/" + keyVar, 0, quick, token, false, "sys/quotas/read", "Describe a rate limit. Needs sudo.", handle(readQuota), nil},
		{"POST PUT", "sys/quotas/rate-limit/" + keyVar, controlBody, commit, token, false, "sys/quotas/write", "Write a rate limit. Needs sudo.", handle(writeQuota), nil},
		{"DELETE", "sys/quotas/rate-limit/" + keyVar, 0, commit, token, false, "sys/quotas/delete", "Delete a rate limit. Needs sudo.", handle(deleteQuota), nil},
		{"LIST", "jwt/issuers", 0, quick, token, true, "jwt/issuers/list", "The names of the issuers.", handle(listIssuers), nil},
		{"GET", "jwt/issuers/" + issuerVar, 0, quick, token, true, "jwt/issuers/read", "Describe an issuer and the versions of its key.", handle(readIssuer), nil},
		{"POST PUT", "jwt/issuers/" + issuerVar, controlBody, making, token, true, "jwt/issuers/write", "Make an issuer with its key, or change its settings.", handle(writeIssuer), nil},
		{"DELETE", "jwt/issuers/" + issuerVar, 0, commit, token, true, "jwt/issuers/delete", "Delete an issuer, if its settings allow it; it is destroyed with its key when its grace period is over.", handle(deleteIssuer), nil},
		{"POST PUT", "jwt/issuers/" + issuerVar + "/undelete", controlBody, commit, token, true, "jwt/issuers/undelete", "Put a deleted issuer back to use.", handle(undeleteIssuer), nil},
		{"LIST", "jwt/issuers/" + issuerVar + "/profiles", 0, quick, token, true, "jwt/profiles/list", "The names of an issuer's profiles.", handle(listProfiles), nil},
		{"GET", "jwt/issuers/" + issuerVar + "/profiles/{profile}", 0, quick, token, true, "jwt/profiles/read", "What a profile's tokens may say.", handle(readProfile), nil},
		{"POST PUT", "jwt/issuers/" + issuerVar + "/profiles/{profile}", controlBody, commit, token, true, "jwt/profiles/write", "Write a profile.", handle(writeProfile), nil},
		{"DELETE", "jwt/issuers/" + issuerVar + "/profiles/{profile}", 0, commit, token, true, "jwt/profiles/delete", "Delete a profile; its tokens stay valid.", handle(deleteProfile), nil},

		{"POST PUT", "jwt/issuers/" + issuerVar + "/state", controlBody, commit, token, true, "jwt/issuers/state", "Suspend a version of an issuer's key, put it back, or destroy one that is over. To destroy needs sudo.", handle(setIssuerState), nil},
		{"POST PUT", "jwt/rotate/" + issuerVar, controlBody, making, token, true, "jwt/rotate", "Publish the next version of an issuer's key, which signs when its lead time is over.", handle(rotateIssuer), nil},
		{"GET", "jwt/rotation/" + issuerVar, 0, quick, token, true, "jwt/rotation/read", "What happened and will happen to an issuer's versions, and when.", handle(readIssuerRotation), nil},
		{"POST PUT", "jwt/rotation/" + issuerVar + "/cancel", controlBody, commit, token, true, "jwt/rotation/cancel", "Take the pending version back.", handle(cancelRotation), nil},
		{"POST PUT", "jwt/compromise/" + issuerVar, controlBody, making, token, true, "jwt/compromise", "Give a version up at once and for good, or say what that would do. Needs sudo.", handle(compromiseVersion), nil},

		{"POST PUT", "sys/capabilities-self", controlBody, quick, token, false, "sys/capabilities-self", "What the caller may do at given paths.", handle(capabilitiesSelf), nil},
		{"POST PUT", "sys/capabilities", controlBody, quick, token, false, "sys/capabilities", "What a token may do at given paths.", handle(capabilities), nil},
		{"POST PUT", "sys/capabilities-accessor", controlBody, quick, token, false, "sys/capabilities-accessor", "What the token of an accessor may do at given paths.", handle(capabilitiesAccessor), nil},

		{"POST PUT", "auth/token/create", controlBody, commit, token, false, "auth/token/create", "Make a token.", handle(createToken), nil},
		{"POST PUT", "auth/token/create-orphan", controlBody, commit, token, false, "auth/token/create", "Make a token without a parent.", handle(createOrphan), nil},
		{"POST PUT", "auth/token/create/" + roleVar, controlBody, commit, token, false, "auth/token/create", "Make a token as a role has it.", handle(createWithRole), nil},
		{"LIST", "auth/token/roles", 0, quick, token, false, "auth/token/roles/list", "The names of the token roles.", handle(listTokenRoles), nil},
		{"GET", "auth/token/roles/" + roleVar, 0, quick, token, false, "auth/token/roles/read", "Describe a token role.", handle(readTokenRole), nil},
		{"POST PUT", "auth/token/roles/" + roleVar, controlBody, commit, token, false, "auth/token/roles/write", "Make or change a token role.", handle(writeTokenRole), nil},
		{"DELETE", "auth/token/roles/" + roleVar, 0, commit, token, false, "auth/token/roles/delete", "Delete a token role; its tokens stay.", handle(deleteTokenRole), nil},
		{"LIST", "auth/token/accessors", 0, quick, token, false, "auth/token/accessors", "The accessors of all tokens. Needs sudo.", handle(listAccessors), nil},
		{"GET POST PUT", "auth/token/lookup-self", controlBody, quick, token, false, "auth/token/lookup", "Describe the caller's token.", handle(lookupSelf), nil},
		{"POST PUT", "auth/token/lookup", controlBody, quick, token, false, "auth/token/lookup", "Describe a token.", handle(lookup), nil},
		{"POST PUT", "auth/token/lookup-accessor", controlBody, quick, token, false, "auth/token/lookup", "Describe a token by its accessor.", handle(lookupAccessor), nil},
		{"POST PUT", "auth/token/renew-self", controlBody, commit, token, false, "auth/token/renew", "Renew the caller's token.", handle(renewSelf), nil},
		{"POST PUT", "auth/token/renew", controlBody, commit, token, false, "auth/token/renew", "Renew a token.", handle(renew), nil},
		{"POST PUT", "auth/token/renew-accessor", controlBody, commit, token, false, "auth/token/renew", "Renew a token by its accessor.", handle(renewAccessor), nil},
		{"POST PUT", "auth/token/revoke-self", 0, commit, token, false, "auth/token/revoke", "Revoke the caller's token.", handle(revokeSelf), nil},
		{"POST PUT", "auth/token/revoke", controlBody, commit, token, false, "auth/token/revoke", "Revoke a token and its children.", handle(revoke), nil},
		{"POST PUT", "auth/token/revoke-accessor", controlBody, commit, token, false, "auth/token/revoke", "Revoke a token by its accessor.", handle(revokeAccessor), nil},
		{"POST PUT", "auth/token/revoke-orphan", controlBody, commit, token, false, "auth/token/revoke", "Revoke a token and keep its children. Needs sudo.", handle(revokeOrphan), nil},

		{"LIST", mountVar + "/keys", 0, quick, token, false, "transit/keys/list", "The names of the keys.", handle(listKeys), nil},
		{"GET", mountVar + "/keys/" + keyVar, 0, quick, token, false, "transit/keys/read", "Describe a key.", handle(readKey), nil},
		{"POST PUT", mountVar + "/keys/" + keyVar, controlBody, making, token, false, "transit/keys/create", "Make a key.", handle(createKey), nil},
		{"DELETE", mountVar + "/keys/" + keyVar, 0, commit, token, false, "transit/keys/delete", "Delete a key, if its config allows it; it is destroyed when its grace period is over.", handle(deleteKey), nil},
		{"POST PUT", mountVar + "/keys/" + keyVar + "/config", controlBody, commit, token, false, "transit/keys/config", "Change a key's settings.", handle(configKey), nil},
		{"POST PUT", mountVar + "/keys/" + keyVar + "/rotate", controlBody, making, token, false, "transit/keys/rotate", "Add a version to a key.", handle(rotateKey), nil},
		{"POST PUT", mountVar + "/keys/" + keyVar + "/import", controlBody, making, token, false, "transit/keys/import", "Make a key of one that was made elsewhere.", handle(importKey), nil},
		{"POST PUT", mountVar + "/keys/" + keyVar + "/import_version", controlBody, making, token, false, "transit/keys/import-version", "Add a version that was made elsewhere to an imported key.", handle(importKeyVersion), nil},
		{"GET", mountVar + "/wrapping_key", 0, making, token, false, "transit/wrapping-key", "The public key that keys are wrapped for to be imported.", handle(wrappingKey), nil},
		{"POST PUT", mountVar + "/keys/" + keyVar + "/undelete", controlBody, commit, token, false, "transit/keys/undelete", "Put a deleted key back to use.", handle(undeleteKey), nil},
		{"POST PUT", mountVar + "/keys/" + keyVar + "/state", controlBody, commit, token, true, "transit/keys/state", "Put a version into another state. To destroy needs sudo.", handle(setKeyState), nil},
		{"POST PUT", mountVar + "/keys/" + keyVar + "/trim", controlBody, commit, token, false, "transit/keys/trim", "Erase the oldest versions of a key for good.", handle(trimKey), nil},
		{"POST PUT", mountVar + "/random", controlBody, quick, token, false, "transit/random", "Random bytes.", handle(random), nil},
		{"POST PUT", mountVar + "/random/" + bytesVar, controlBody, quick, token, false, "transit/random", "Random bytes: how many, or from which source.", handle(random), nil},
		{"POST PUT", mountVar + "/random/" + sourceVar + "/" + bytesVar, controlBody, quick, token, false, "transit/random", "Random bytes of a source.", handle(random), nil},
		{"POST PUT", mountVar + "/hash", callersBody, quick, token, false, "transit/hash", "Hash input, without a key.", handle(hash), nil},
		{"POST PUT", mountVar + "/hash/" + hashVar, callersBody, quick, token, false, "transit/hash", "Hash input with the algorithm named in the path.", handle(hash), nil},
		{"GET", mountVar + "/export/{kind}/" + keyVar, 0, quick, token, false, "transit/export", "Refused: private keys never leave.", handle(export), nil},
		{"GET", mountVar + "/export/{kind}/" + keyVar + "/{version}", 0, quick, token, false, "transit/export", "Refused: private keys never leave.", handle(export), nil},
		{"GET", mountVar + "/backup/" + keyVar, 0, quick, token, false, "transit/export", "Refused: private keys never leave.", handle(export), nil},

		{"LIST", "identity/applications", 0, quick, token, true, "identity/applications/list", "The names of the applications.", handle(listApplications), nil},
		{"GET", "identity/applications/" + keyVar, 0, quick, token, true, "identity/applications/read", "Describe an application.", handle(readApplication), nil},
		{"POST PUT", "identity/applications/" + keyVar, controlBody, commit, token, true, "identity/applications/write", "Register an application, or change one.", handle(writeApplication), nil},
		{"DELETE", "identity/applications/" + keyVar, 0, commit, token, true, "identity/applications/delete", "Delete an application that no role names, and revoke its tokens.", handle(deleteApplication), nil},
		{"POST PUT", "identity/applications/" + keyVar + "/block", controlBody, commit, token, true, "identity/applications/block", "Refuse everything to an application.", handle(blockApplication), nil},
		{"POST PUT", "identity/applications/" + keyVar + "/unblock", controlBody, commit, token, true, "identity/applications/unblock", "End the block of an application.", handle(unblockApplication), nil},

		{"POST PUT", "auth/approle/login", strangersBody, commit, public, false, "auth/approle/login", "Log in with a role id and a secret id.", handle(login), nil},
		{"LIST", "auth/approle/role", 0, quick, token, false, "auth/approle/role/list", "The names of the roles.", handle(listAppRoles), nil},
		{"GET", "auth/approle/role/" + roleVar, 0, quick, token, false, "auth/approle/role/read", "Describe a role.", handle(readAppRole), nil},
		{"POST PUT", "auth/approle/role/" + roleVar, controlBody, commit, token, false, "auth/approle/role/write", "Make or change a role.", handle(writeAppRole), nil},
		{"DELETE", "auth/approle/role/" + roleVar, 0, commit, token, false, "auth/approle/role/delete", "Delete a role and its secret ids.", handle(deleteAppRole), nil},
		{"GET", "auth/approle/role/" + roleVar + "/role-id", 0, quick, token, false, "auth/approle/role-id/read", "A role's id.", handle(readRoleID), nil},
		{"POST PUT", "auth/approle/role/" + roleVar + "/role-id", controlBody, commit, token, false, "auth/approle/role-id/write", "Choose a role's id.", handleWriteSetting(roleIDSetting()), nil},
		{"POST PUT", "auth/approle/role/" + roleVar + "/secret-id", controlBody, commit, token, false, "auth/approle/secret-id/create", "Make a secret id, shown once.", handle(createSecretID), nil},
		{"LIST", "auth/approle/role/" + roleVar + "/secret-id", 0, quick, token, false, "auth/approle/secret-id/list", "The accessors of a role's secret ids.", handle(listSecretIDs), nil},
		{"POST PUT", "auth/approle/role/" + roleVar + "/custom-secret-id", controlBody, commit, token, false, "auth/approle/secret-id/create", "Register a secret id of one's own choice.", handle(createCustomSecretID), nil},
		{"POST PUT", "auth/approle/role/" + roleVar + "/secret-id/lookup", controlBody, quick, token, false, "auth/approle/secret-id/lookup", "Describe a secret id.", handle(lookupSecretID), nil},
		{"POST PUT DELETE", "auth/approle/role/" + roleVar + "/secret-id/destroy", controlBody, commit, token, false, "auth/approle/secret-id/destroy", "Destroy a secret id.", handle(destroySecretID), nil},
		{"POST PUT", "auth/approle/role/" + roleVar + "/secret-id-accessor/lookup", controlBody, quick, token, false, "auth/approle/secret-id/lookup", "Describe a secret id by its accessor.", handle(lookupSecretIDAccessor), nil},
		{"POST PUT DELETE", "auth/approle/role/" + roleVar + "/secret-id-accessor/destroy", controlBody, commit, token, false, "auth/approle/secret-id/destroy", "Destroy a secret id by its accessor.", handle(destroySecretIDAccessor), nil},
		{"POST PUT", "auth/approle/tidy/secret-id", 0, commit, token, false, "auth/approle/tidy", "Remove expired secret ids now.", handle(tidySecretIDs), nil},
		{"GET", "auth/approle/role/" + roleVar + "/policies", 0, quick, token, false, "auth/approle/role/read", "Of a role: the policies.", handleReadSetting(policiesSetting()), nil},
		{"POST PUT", "auth/approle/role/" + roleVar + "/policies", controlBody, commit, token, false, "auth/approle/role/set", "Set of a role: the policies.", handleWriteSetting(policiesSetting()), nil},
		{"DELETE", "auth/approle/role/" + roleVar + "/policies", 0, commit, token, false, "auth/approle/role/clear", "Set to the default: the policies.", handleClearSetting(policiesSetting()), nil},
		{"GET", "auth/approle/role/" + roleVar + "/bind-secret-id", 0, quick, token, false, "auth/approle/role/read", "Of a role: whether logins need a secret id.", handleReadSetting(bindSecretIDSetting()), nil},
		{"POST PUT", "auth/approle/role/" + roleVar + "/bind-secret-id", controlBody, commit, token, false, "auth/approle/role/set", "Set of a role: whether logins need a secret id.", handleWriteSetting(bindSecretIDSetting()), nil},
		{"DELETE", "auth/approle/role/" + roleVar + "/bind-secret-id", 0, commit, token, false, "auth/approle/role/clear", "Set to the default: whether logins need a secret id.", handleClearSetting(bindSecretIDSetting()), nil},
		{"GET", "auth/approle/role/" + roleVar + "/secret-id-bound-cidrs", 0, quick, token, false, "auth/approle/role/read", "Of a role: where logins may come from.", handleReadSetting(secretCIDRsSetting()), nil},
		{"POST PUT", "auth/approle/role/" + roleVar + "/secret-id-bound-cidrs", controlBody, commit, token, false, "auth/approle/role/set", "Set of a role: where logins may come from.", handleWriteSetting(secretCIDRsSetting()), nil},
		{"DELETE", "auth/approle/role/" + roleVar + "/secret-id-bound-cidrs", 0, commit, token, false, "auth/approle/role/clear", "Set to the default: where logins may come from.", handleClearSetting(secretCIDRsSetting()), nil},
		{"GET", "auth/approle/role/" + roleVar + "/secret-id-num-uses", 0, quick, token, false, "auth/approle/role/read", "Of a role: how many uses a secret id has.", handleReadSetting(secretUsesSetting()), nil},
		{"POST PUT", "auth/approle/role/" + roleVar + "/secret-id-num-uses", controlBody, commit, token, false, "auth/approle/role/set", "Set of a role: how many uses a secret id has.", handleWriteSetting(secretUsesSetting()), nil},
		{"DELETE", "auth/approle/role/" + roleVar + "/secret-id-num-uses", 0, commit, token, false, "auth/approle/role/clear", "Set to the default: how many uses a secret id has.", handleClearSetting(secretUsesSetting()), nil},
		{"GET", "auth/approle/role/" + roleVar + "/secret-id-ttl", 0, quick, token, false, "auth/approle/role/read", "Of a role: how long a secret id lives.", handleReadSetting(secretTTLSetting()), nil},
		{"POST PUT", "auth/approle/role/" + roleVar + "/secret-id-ttl", controlBody, commit, token, false, "auth/approle/role/set", "Set of a role: how long a secret id lives.", handleWriteSetting(secretTTLSetting()), nil},
		{"DELETE", "auth/approle/role/" + roleVar + "/secret-id-ttl", 0, commit, token, false, "auth/approle/role/clear", "Set to the default: how long a secret id lives.", handleClearSetting(secretTTLSetting()), nil},
		{"GET", "auth/approle/role/" + roleVar + "/token-ttl", 0, quick, token, false, "auth/approle/role/read", "Of a role: how long a token lives.", handleReadSetting(tokenTTLSetting()), nil},
		{"POST PUT", "auth/approle/role/" + roleVar + "/token-ttl", controlBody, commit, token, false, "auth/approle/role/set", "Set of a role: how long a token lives.", handleWriteSetting(tokenTTLSetting()), nil},
		{"DELETE", "auth/approle/role/" + roleVar + "/token-ttl", 0, commit, token, false, "auth/approle/role/clear", "Set to the default: how long a token lives.", handleClearSetting(tokenTTLSetting()), nil},
		{"GET", "auth/approle/role/" + roleVar + "/token-max-ttl", 0, quick, token, false, "auth/approle/role/read", "Of a role: how long a token lives at most.", handleReadSetting(tokenMaxTTLSetting()), nil},
		{"POST PUT", "auth/approle/role/" + roleVar + "/token-max-ttl", controlBody, commit, token, false, "auth/approle/role/set", "Set of a role: how long a token lives at most.", handleWriteSetting(tokenMaxTTLSetting()), nil},
		{"DELETE", "auth/approle/role/" + roleVar + "/token-max-ttl", 0, commit, token, false, "auth/approle/role/clear", "Set to the default: how long a token lives at most.", handleClearSetting(tokenMaxTTLSetting()), nil},
		{"GET", "auth/approle/role/" + roleVar + "/token-num-uses", 0, quick, token, false, "auth/approle/role/read", "Of a role: how many uses a token has.", handleReadSetting(tokenUsesSetting()), nil},
		{"POST PUT", "auth/approle/role/" + roleVar + "/token-num-uses", controlBody, commit, token, false, "auth/approle/role/set", "Set of a role: how many uses a token has.", handleWriteSetting(tokenUsesSetting()), nil},
		{"DELETE", "auth/approle/role/" + roleVar + "/token-num-uses", 0, commit, token, false, "auth/approle/role/clear", "Set to the default: how many uses a token has.", handleClearSetting(tokenUsesSetting()), nil},
		{"GET", "auth/approle/role/" + roleVar + "/token-bound-cidrs", 0, quick, token, false, "auth/approle/role/read", "Of a role: where tokens may be used from.", handleReadSetting(tokenCIDRsSetting()), nil},
		{"POST PUT", "auth/approle/role/" + roleVar + "/token-bound-cidrs", controlBody, commit, token, false, "auth/approle/role/set", "Set of a role: where tokens may be used from.", handleWriteSetting(tokenCIDRsSetting()), nil},
		{"DELETE", "auth/approle/role/" + roleVar + "/token-bound-cidrs", 0, commit, token, false, "auth/approle/role/clear", "Set to the default: where tokens may be used from.", handleClearSetting(tokenCIDRsSetting()), nil},
		{"GET", "auth/approle/role/" + roleVar + "/period", 0, quick, token, false, "auth/approle/role/read", "Of a role: the period of tokens.", handleReadSetting(periodSetting()), nil},
		{"POST PUT", "auth/approle/role/" + roleVar + "/period", controlBody, commit, token, false, "auth/approle/role/set", "Set of a role: the period of tokens.", handleWriteSetting(periodSetting()), nil},
		{"DELETE", "auth/approle/role/" + roleVar + "/period", 0, commit, token, false, "auth/approle/role/clear", "Set to the default: the period of tokens.", handleClearSetting(periodSetting()), nil},
		{"GET", "auth/approle/role/" + roleVar + "/local-secret-ids", 0, quick, token, false, "auth/approle/role/read", "Of a role: that its secret ids are not local.", handleReadSetting(localSecretIDsSetting()), nil},
	}
}

// methodTable is the routes of one pattern, by method.
type methodTable struct {
	routes  map[string]*route // method → route
	allowed string            // for the Allow header
}

func (m *methodTable) find(method string) *route { return m.routes[method] }

// newRouter builds the router from the table: one mux route a pattern.
func (s *Server) newRouter() router {
	r := mux.NewRouter().SkipClean(true)
	byPattern := map[string]*methodTable{}
	out := router{}
	for _, rt := range s.routes() {
		rt.observe = s.metrics.observer(rt.action)
		t := byPattern[rt.pattern]
		if t == nil {
			t = &methodTable{routes: map[string]*route{}}
			byPattern[rt.pattern] = t
			out.add(r, "/v1/"+rt.pattern, t)
		}
		for m := range strings.FieldsSeq(rt.methods) {
			t.routes[m] = rt
			t.allowed = strings.TrimPrefix(t.allowed+", "+m, ", ")
		}
	}
	for _, rt := range documentRoutes() {
		rt.observe = s.metrics.observer(rt.action)
		t := &methodTable{routes: map[string]*route{}, allowed: strings.ReplaceAll(rt.methods, " ", ", ")}
		for m := range strings.FieldsSeq(rt.methods) {
			t.routes[m] = rt
		}
		out.add(r, rt.pattern, t)
	}
	alias := &route{methods: "GET", pattern: "/metrics", timeout: quick, auth: public, action: "sys/metrics", serve: serveMetrics}
	alias.observe = s.metrics.observer(alias.action)
	out.add(r, "/metrics", &methodTable{routes: map[string]*route{"GET": alias}, allowed: "GET"})
	return out
}
