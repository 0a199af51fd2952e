package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// describeAnswer returns what the server said. Where its words are kept for old
// clients' sake, ours are clearer.
func describeAnswer(err *client.Error) string {
	switch err.Code {
	case wire.Sealed:
		return "the server is sealed"
	case wire.NotInitialized:
		return "the server is not initialized"
	case wire.InvalidToken:
		return "permission denied: the token is not valid (any more)"
	}
	said := strings.Join(err.Errors, "; ")
	if missing := missingText(err, said); missing != "" {
		said = missing
	}
	if said == "" && err.Code != "" {
		said = strings.ReplaceAll(string(err.Code), "_", " ")
	}
	if said == "" {
		said = strings.ToLower(http.StatusText(err.Status))
	}
	if err.Code == "" {
		said = fmt.Sprintf("the answer, with status %d, is not one of a Signet server: %s", err.Status, said)
	}
	if err.Code == wire.Internal && err.RequestID != "" {
		said += " (request " + err.RequestID + ")"
	}
	return strings.TrimRight(said, ".") + unknownOutcome(err)
}

func describeNetwork(err *client.NetworkError) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused by " + err.Address
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time from " + err.Address
	case isHTTPAnswer(err):
		return err.Address + " answers http, not https"
	case errors.Is(err, client.ErrBadAnswer):
		return err.Err.Error()
	}
	return "cannot reach " + err.Address + ": " + err.Err.Error()
}

// isHTTPAnswer reports a plain HTTP server where TLS was expected. net/http
// turns the tls.RecordHeaderError of that case into an error of its own.
func isHTTPAnswer(err error) bool {
	var record tls.RecordHeaderError
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &record)
}

// hints returns what to do about err, each a line.
func hints(err error) []string {
	wrong := (*wrongUsage)(nil)
	if errors.As(err, &wrong) {
		return oneOf(wrong.hint)
	}
	advised := (*advice)(nil)
	if errors.As(err, &advised) {
		return advised.hints
	}
	answered := (*client.Error)(nil)
	if errors.As(err, &answered) {
		return hintsForAnswer(answered)
	}
	network := (*client.NetworkError)(nil)
	if errors.As(err, &network) {
		return hintsForNetwork(network)
	}
	switch {
	case errors.Is(err, client.ErrNoToken):
		return []string{"store one with: signet login"}
	case errors.Is(err, client.ErrBadAddress), errors.Is(err, client.ErrPlaintext):
		return []string{"SIGNET_ADDR is " + addressInUse()}
	case errors.Is(err, client.ErrBadTLS):
		return []string{"look at SIGNET_CACERT, SIGNET_CLIENT_CERT and SIGNET_CLIENT_KEY"}
	case errors.Is(err, client.ErrTokenFile):
		return []string{"chmod 600 it if it is yours, or store a new token with: signet login"}
	}
	return hintsForFile(err)
}

func oneOf(hint string) []string {
	if hint == "" {
		return nil
	}
	return []string{hint}
}

func addressInUse() string {
	if address := os.Getenv("SIGNET_ADDR"); address != "" {
		return address
	}
	return client.DefaultAddress + ", the default"
}

func hintsForNetwork(err *client.NetworkError) []string {
	if hints, ok := hintsForCertificate(err); ok {
		return hints
	}
	var lookup *net.DNSError
	switch {
	case errors.Is(err, context.Canceled):
	case errors.Is(err, syscall.ECONNREFUSED):
		return []string{
			"is the server running? the address is " + addressInUse(),
			"another one goes into SIGNET_ADDR; a development server starts with: signet server --dev",
		}
	case isHTTPAnswer(err):
		return []string{"a development server speaks http: set SIGNET_ADDR=" + strings.Replace(err.Address, "https://", "http://", 1)}
	case errors.As(err, &lookup):
		return []string{"SIGNET_ADDR is " + addressInUse()}
	case errors.Is(err, client.ErrOutcomeUnknown):
		return []string{
			"look before you repeat it: the request reached the server, the answer did not come back",
			"with an --idempotency-key, the same command can be run again safely",
		}
	case errors.Is(err, context.DeadlineExceeded):
		return []string{"is this the right address? SIGNET_ADDR is " + addressInUse()}
	}
	return nil
}

func hintsForAnswer(err *client.Error) []string {
	if hints := issuerHints(err); hints != nil {
		return hints
	}
	if hints := raftHints(err); hints != nil {
		return hints
	}
	switch err.Code {
	case wire.Sealed:
		return []string{"unseal it, one share at a time, with: signet operator unseal", "see how far it is with: signet status"}
	case wire.NotInitialized:
		return []string{"initialize it, once, with: signet operator init"}
	case wire.InvalidToken:
		return []string{"log in with another one: signet login" + fromEnvironment()}
	case wire.PermissionDenied:
		if err.Path == "sys/policies/check" {
			return []string{
				`this needs the capability update on the path "sys/policies/check"`,
				"to ask about others than the token in use it needs sudo there too, or read on each of the policies",
			}
		}
		needs := fmt.Sprintf("this needs the capability %s on the path %q", capability(err), err.Path)
		if issuer, profile := issuerOf(err.Path); err.Method == http.MethodDelete && (keyOf(err.Path).verb == "keys" || issuer != "" && profile == "") {
			needs += ", and sudo for less than seven days of grace"
		}
		return []string{
			needs,
			"see what policies the token has with: signet token lookup" + fromEnvironment(),
			"see which rule decides with: signet policy check " + printable(err.Path) + " --capability " + strings.NewReplacer("create or ", "", " and ", ",").Replace(capability(err)),
		}
	case wire.AlreadyInitialized:
		return []string{"if it is sealed, unseal it with: signet operator unseal", "the shares and the root token were shown once, when it was made"}
	case wire.TokenNotFound:
		return []string{"it has expired, was revoked, or was mistyped"}
	case wire.UnsupportedPath:
		if k := keyOf(err.Path); k.flag() != "" {
			return []string{"--mount is " + k.mount + "; without it the mount is transit"}
		}
		return []string{"is the server older than this program? compare signet version with signet status"}
	case wire.VersionTooNew, wire.VersionTooOld:
		return []string{"see the versions and their bounds with: signet key read " + keyOf(err.Path).args()}
	case wire.KeyNotFound, wire.NotFound:
		return oneOf(listOf(err.Path))
	case wire.KeyDeleted:
		k := keyOf(err.Path)
		return []string{"put it back to use with: signet key undelete " + k.args(), "see until when that is possible with: signet key list --deleted" + k.flag()}
	case wire.IdempotencyMismatch:
		return []string{"each request has an --idempotency-key of its own: take another one for this"}
	case wire.InvalidCredentials:
		return []string{"the role id, the secret id, or the address is wrong, or the secret id is spent or expired: the audit log of the server says which"}
	case wire.ApplicationBlocked:
		return []string{"who may: signet application unblock NAME"}
	case wire.BadTransition:
		return oneOf(listOf(err.Path))
	case wire.BadRequest:
		if k := keyOf(err.Path); k.rest == "trim" {
			return []string{"first put the versions below N out of use with: signet key config " + k.args("--min-decryption-version N", "--min-encryption-version N")}
		}
	case wire.ClaimNotAllowed, wire.NoSigningKey:
		return jwtHints(err)
	case wire.IdempotencySpent:
		if role, ok := strings.CutPrefix(err.Path, "auth/approle/role/"); ok {
			role, _, _ = strings.Cut(role, "/")
			return []string{"destroy that secret id with: signet approle secret-id destroy " + printable(role) + " " + printable(err.Accessor), "then run the command again with another --idempotency-key"}
		}
		return []string{"revoke that token with: signet token revoke --accessor " + printable(err.Accessor), "then run the command again with another --idempotency-key"}
	case wire.DeletionNotAllowed:
		return []string{"allow it first with: signet key config " + keyOf(err.Path).args("--deletion-allowed")}
	case wire.AuditUnavailable:
		return []string{"nothing is done without its audit record: signet status says what is wrong with the log (no space, or its file is not there)"}
	case wire.StorageFull:
		return []string{"free space on the disk of the server's data directory; signing goes on meanwhile"}
	case wire.EncryptionsSpent:
		return []string{"make a new version with: signet key rotate " + keyOf(err.Path).args()}
	case wire.NoLeader, wire.NoLease:
		return []string{"an election may be going on: try again in a moment, see signet status"}
	case wire.OutcomeUnknown:
		return []string{"look before you repeat it", "with an --idempotency-key, the same command can be run again safely"}
	case wire.RateLimited:
		return []string{"see what the limit is with: signet quota list", "who may write limits is not held up by them on sys/quotas"}
	case wire.Overloaded:
		return []string{"try again in a moment"}
	case wire.BodyTooLarge:
		return []string{"sign the hash of the input instead, with --prehashed"}
	}
	if strings.HasPrefix(string(err.Code), "share_") && err.Path == "sys/unseal" { // the text says what is wrong with it
		return []string{"it did not count; check a share without using it: signet operator verify-share"}
	}
	if err.Code == "" && strings.Contains(strings.Join(err.Errors, " "), "HTTPS server") {
		return []string{"the server speaks https: set SIGNET_ADDR=" + strings.ReplaceAll(addressInUse(), "http://", "https://")}
	}
	if err.Code == "" {
		return []string{"SIGNET_ADDR is " + addressInUse()}
	}
	return nil
}

func fromEnvironment() string {
	if os.Getenv("SIGNET_TOKEN") != "" {
		return " (SIGNET_TOKEN is set and goes before the stored one)"
	}
	return ""
}
