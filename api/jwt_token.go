package api

import (
	"time"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

// requestOf is one token that is asked for.
func requestOf(in *wire.JWTSignInput) kms.JWTRequest {
	out := kms.JWTRequest{Subject: in.Subject, Audience: in.Audience, Scope: in.Scope, NotBefore: in.NotBefore.Value, Claims: in.Claims}
	if in.TTL.Set {
		out.TTL = &in.TTL.Value
	}
	return out
}

// asksAlone says whether a member of a single request is there.
func asksAlone(in *wire.JWTSignInput) bool {
	return in.Subject != nil || in.Audience != nil || in.Scope != "" || in.TTL.Set || in.NotBefore.Set || in.Claims != nil
}

func signJWT(rq *request, in *wire.JWTSignRequest) (any, error) {
	reqs, batch := make([]kms.JWTRequest, 0, max(1, len(in.BatchInput))), in.BatchInput != nil
	switch {
	case !batch:
		reqs = append(reqs, requestOf(&in.JWTSignInput))
	case asksAlone(&in.JWTSignInput):
		rq.s.kms.Reject(rq.origin, rq.call, errBesideBatch)
		return nil, errBesideBatch
	}
	for i := range in.BatchInput {
		reqs = append(reqs, requestOf(&in.BatchInput[i].JWTSignInput))
	}
	results, err := rq.s.kms.SignJWT(rq.call, rq.vars.get("issuer"), rq.vars.get("profile"), reqs, in.Context, batch)
	if err != nil {
		return nil, err
	}
	if !batch {
		return issuedJWT{&results[0]}, nil
	}
	return batchOf[kms.IssuedJWT]{results, appendIssued, func(r *kms.IssuedJWT) error { return r.Err }, func(i int) string { return in.BatchInput[i].Reference }}, nil
}

func verifyJWT(rq *request, in *wire.JWTVerifyRequest) (any, error) {
	tokens, batch := make([]string, 0, max(1, len(in.BatchInput))), in.BatchInput != nil
	switch {
	case !batch:
		tokens = append(tokens, in.Token.Reveal())
	case !in.Token.IsZero():
		rq.s.kms.Reject(rq.origin, rq.call, errBesideBatch)
		return nil, errBesideBatch
	}
	for i := range in.BatchInput {
		tokens = append(tokens, in.BatchInput[i].Token.Reveal())
	}
	results, err := rq.s.kms.VerifyJWT(rq.call, rq.vars.get("issuer"), kms.JWTDemand{
		Audience: in.Audience, Typ: in.Typ, Profile: in.Profile, Scope: in.Scope, MaxAge: in.MaxAge.Value, SingleUse: in.SingleUse,
	}, tokens, batch)
	if err != nil {
		return nil, err
	}
	if !batch {
		return verdict{&results[0]}, nil
	}
	return batchOf[kms.JWTVerdict]{results, appendVerdict, func(r *kms.JWTVerdict) error { return r.Err }, func(i int) string { return in.BatchInput[i].Reference }}, nil
}

// issuedJWT and verdict write themselves, for the reasons of batchAnswer.
type (
	issuedJWT struct{ *kms.IssuedJWT }
	verdict   struct{ *kms.JWTVerdict }
)

func (i issuedJWT) space() int { return 192 + len(i.Token) }

func (i issuedJWT) appendData(b []byte) []byte {
	b = appendIssued(append(b, '{'), i.IssuedJWT)
	b[len(b)-1] = '}' // in place of the last comma
	return b
}

func (v verdict) space() int { return 64 + len(v.Claims) + len(v.Header) }

func (v verdict) appendData(b []byte) []byte {
	b = appendVerdict(append(b, '{'), v.JWTVerdict)
	b[len(b)-1] = '}'
	return b
}

// appendIssued appends the members of a token, with a comma behind each. A token, a
// jti and a kid are base64url.
func appendIssued(b []byte, i *kms.IssuedJWT) []byte {
	if i.Err != nil {
		return b
	}
	b = append(append(b, `"token":"`...), i.Token...)
	b = append(append(b, `","jti":"`...), i.JTI...)
	b = append(append(b, `","kid":"`...), i.KID...)
	b = append(b, `","expires_at":"`...)
	return append(i.Expires.AppendFormat(b, time.RFC3339Nano), `",`...)
}

// appendVerdict appends the members of a verdict, with a comma behind each. Claims
// and header were checked to be JSON, and go out as they came in.
func appendVerdict(b []byte, v *kms.JWTVerdict) []byte {
	switch {
	case v.Err != nil:
		return append(b, `"active":false,`...)
	case !v.Active:
		b = append(append(b, `"active":false,"reason":"`...), v.Reason...)
		return append(b, `",`...)
	}
	b = append(append(b, `"active":true,"claims":`...), v.Claims...)
	b = append(append(b, `,"header":`...), v.Header...)
	return append(b, ',')
}

// batchOf is the answer to a batch of tokens.
type batchOf[T any] struct {
	results   []T
	member    func(b []byte, r *T) []byte // with a comma behind each
	failed    func(r *T) error
	reference func(i int) string
}

func (a batchOf[T]) space() int { return 768 * len(a.results) }

func (a batchOf[T]) appendData(b []byte) []byte {
	b = append(b, `{"batch_results":[`...)
	for i := range a.results {
		if i > 0 {
			b = append(b, ',')
		}
		b = a.member(append(b, '{'), &a.results[i])
		b = appendOutcome(b, a.failed(&a.results[i]), a.reference(i))
	}
	return append(b, `]}`...)
}
