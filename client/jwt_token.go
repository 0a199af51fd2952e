package client

import (
	"context"
	"net/http"

	"github.com/signet-kms/signet/client/wire"
)

// Sign issues a token of a profile; BatchInput of req must be nil. A claim, an
// audience or a lifetime that the profile does not allow is an [*Error] with
// [wire.ClaimNotAllowed], which names it.
func (j JWT) Sign(ctx context.Context, issuer, profile string, req wire.JWTSignRequest) (wire.JWTSignData, error) {
	cl, err := j.token(req, "sign", issuer, profile)
	if err != nil {
		return wire.JWTSignData{}, err
	}
	out, err := fetch[wire.JWTSignData](ctx, j.c, cl)
	if err == nil && (out.Token.Reveal() == "" || out.JTI == "") {
		err = cl.badAnswer("no token in it")
	}
	return out, err
}

// SignBatch issues the tokens of BatchInput of req: one result an item, in order,
// each with its own error. All else of req but Context must be absent.
func (j JWT) SignBatch(ctx context.Context, issuer, profile string, req wire.JWTSignRequest) ([]wire.JWTSignResult, error) {
	cl, err := j.token(req, "sign", issuer, profile)
	return tokenBatch[wire.JWTSignResult](ctx, j, cl, len(req.BatchInput), err)
}

// Verify asks whether Token of req is one of the issuer, good now and as req
// demands; BatchInput must be nil. One that is not active is no error: its Reason
// says why.
func (j JWT) Verify(ctx context.Context, issuer string, req wire.JWTVerifyRequest) (wire.JWTVerifyData, error) {
	// A pointer, because a verdict that is missing is none, and false is one.
	type verdict struct {
		Active *bool `json:"active"`
		wire.JWTVerifyData
	}
	cl, err := j.token(req, "verify", issuer)
	if err != nil {
		return wire.JWTVerifyData{}, err
	}
	cl.effect, cl.unkeyed = req.SingleUse, req.SingleUse
	out, err := fetch[verdict](ctx, j.c, cl)
	if err == nil && out.Active == nil {
		err = cl.badAnswer("no verdict in it")
	}
	if err != nil {
		return wire.JWTVerifyData{}, err
	}
	out.JWTVerifyData.Active = *out.Active
	return out.JWTVerifyData, nil
}

// VerifyBatch checks the tokens of BatchInput of req, each as req demands: one
// result an item, in order.
func (j JWT) VerifyBatch(ctx context.Context, issuer string, req wire.JWTVerifyRequest) ([]wire.JWTVerifyResult, error) {
	cl, err := j.token(req, "verify", issuer)
	cl.effect, cl.unkeyed = req.SingleUse, req.SingleUse
	return tokenBatch[wire.JWTVerifyResult](ctx, j, cl, len(req.BatchInput), err)
}

// token is a call about tokens, without lasting effect unless a token is used up.
func (j JWT) token(req any, names ...string) (call, error) {
	path, err := join("jwt", names...)
	return call{method: http.MethodPost, path: path, body: req}, err
}

func tokenBatch[T any](ctx context.Context, j JWT, cl call, items int, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	out, err := fetch[wire.BatchData[T]](ctx, j.c, cl)
	if err == nil && len(out.BatchResults) != items {
		return nil, cl.badAnswer("no result for each item in it")
	}
	return out.BatchResults, err
}
