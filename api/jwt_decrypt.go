package api

import (
	"slices"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func decryptJWT(rq *request, in *wire.JWTDecryptRequest) (any, error) {
	out, err := rq.s.kms.DecryptJWT(rq.call, rq.vars.get("issuer"), kms.JWTDemand{
		Audience: in.Audience, Typ: in.Typ, Profile: in.Profile, Scope: in.Scope, MaxAge: in.MaxAge.Value, SingleUse: in.SingleUse,
	}, in.Token.Reveal())
	if err != nil {
		return nil, err
	}
	return opened{&out}, nil
}

// opened writes itself, for the reasons of batchAnswer.
type opened struct{ *kms.JWTVerdict }

func (o opened) space() int { return verdict(o).space() + 32 }

func (o opened) appendData(b []byte) []byte {
	const active = `"active":true,`
	at := len(b) + 1 + len(active)
	b = appendVerdict(append(b, '{'), o.JWTVerdict)
	if o.Active {
		b = slices.Insert(b, at, []byte(`"signed":true,"encrypted":true,`)...)
	}
	b[len(b)-1] = '}' // in place of the last comma
	return b
}
