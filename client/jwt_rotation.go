package client

import (
	"context"
	"net/http"

	"github.com/signet-kms/signet/client/wire"
)

// Rotate publishes the next version of an issuer's key. It signs when the issuer's
// lead time is over, and every verifier knows it then. The answer is the schedule.
// While a rotation is under way the error has the code [wire.BadTransition].
func (j JWT) Rotate(ctx context.Context, issuer string) (wire.RotationData, error) {
	return j.rotation(ctx, "jwt/rotate", issuer)
}

// Rotation describes the schedule of an issuer's versions.
func (j JWT) Rotation(ctx context.Context, issuer string) (wire.RotationData, error) {
	path, err := join("jwt/rotation", issuer)
	if err != nil {
		return wire.RotationData{}, err
	}
	return fetch[wire.RotationData](ctx, j.c, call{method: http.MethodGet, path: path})
}

// CancelRotation takes the pending version back. Nothing was signed with it.
func (j JWT) CancelRotation(ctx context.Context, issuer string) (wire.RotationData, error) {
	return j.rotation(ctx, "jwt/rotation", issuer, "cancel")
}

func (j JWT) rotation(ctx context.Context, prefix string, names ...string) (wire.RotationData, error) {
	return j.rotate(ctx, struct{}{}, prefix, names...)
}

func (j JWT) rotate(ctx context.Context, body any, prefix string, names ...string) (wire.RotationData, error) {
	path, err := join(prefix, names...)
	if err != nil {
		return wire.RotationData{}, err
	}
	return fetch[wire.RotationData](ctx, j.c, call{method: http.MethodPost, path: path, body: body, effect: true})
}

// Compromise gives the version of an issuer's key with a kid up, at once and for
// good: every token under it is refused from then on, and another version signs.
// It needs the sudo capability. With dryRun nothing changes, and the answer says
// what would.
func (j JWT) Compromise(ctx context.Context, issuer, kid string, dryRun bool) (wire.CompromiseData, error) {
	path, err := join("jwt/compromise", issuer)
	if err != nil {
		return wire.CompromiseData{}, err
	}
	body := wire.CompromiseRequest{KID: wire.StringOf(kid), DryRun: wire.BoolOf(dryRun)}
	return fetch[wire.CompromiseData](ctx, j.c, call{method: http.MethodPost, path: path, body: body, effect: true})
}

// SetIssuerVersionState suspends the version of an issuer's key with a kid, puts it
// back ([wire.StateActive] or [wire.StateRetired]), or destroys one that is retired
// or compromised, which needs the sudo capability. reason is for the audit log, and
// may be "".
func (j JWT) SetIssuerVersionState(ctx context.Context, issuer, kid, state, reason string) (wire.IssuerData, error) {
	path, err := join("jwt/issuers", issuer, "state")
	if err != nil {
		return wire.IssuerData{}, err
	}
	body := versionState(state, reason)
	body.KID = wire.StringOf(kid)
	return fetch[wire.IssuerData](ctx, j.c, call{method: http.MethodPost, path: path, body: body, effect: true})
}

// SetKeyVersionState puts a version of a transit key into another state: one of the
// State constants of package wire. Destroyed is for good and needs the sudo
// capability. reason is for the audit log, and may be "".
func (t Transit) SetKeyVersionState(ctx context.Context, name string, version int, state, reason string) (wire.KeyData, error) {
	body := versionState(state, reason)
	body.Version = wire.IntOf(version)
	return t.writeKey(ctx, body, name, "state")
}

func versionState(state, reason string) wire.VersionStateRequest {
	out := wire.VersionStateRequest{State: wire.StringOf(state)}
	if reason != "" {
		out.Reason = wire.StringOf(reason)
	}
	return out
}
