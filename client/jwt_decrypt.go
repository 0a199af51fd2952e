package client

import (
	"context"

	"github.com/signet-kms/signet/client/wire"
)

// Decrypt decrypts an encrypted token that holds a signed one, and verifies that one
// as [JWT.Verify] does, in one call. The key is a transit key that a profile of the
// issuer names; those who may decrypt tokens need nothing on the key's own paths.
// Nothing of a token is told that is not a signed one of the issuer, good now and as
// req demands: that is no error, and its Reason says why.
func (j JWT) Decrypt(ctx context.Context, issuer string, req wire.JWTDecryptRequest) (wire.JWTDecryptData, error) {
	// A pointer, because a verdict that is missing is none, and false is one.
	type verdict struct {
		Active *bool `json:"active"`
		wire.JWTDecryptData
	}
	cl, err := j.token(req, "decrypt", issuer)
	if err != nil {
		return wire.JWTDecryptData{}, err
	}
	cl.effect, cl.unkeyed = req.SingleUse, req.SingleUse
	out, err := fetch[verdict](ctx, j.c, cl)
	if err == nil && (out.Active == nil || *out.Active && !(out.Signed && out.Encrypted)) {
		err = cl.badAnswer("no verdict in it")
	}
	if err != nil {
		return wire.JWTDecryptData{}, err
	}
	out.JWTDecryptData.Active = *out.Active
	return out.JWTDecryptData, nil
}
