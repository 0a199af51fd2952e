package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client/wire"
)

// benchToken is which tokens are issued and verified.
type benchToken struct{ issuer, profile, sub, aud string }

func (b *benchToken) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&b.issuer, "issuer", "", "`name` of the issuer of tokens")
	f.StringVar(&b.profile, "profile", "", "`name` of the profile of tokens")
	f.StringVar(&b.sub, "sub", "user:1", "`subject` of the tokens")
	f.StringVar(&b.aud, "aud", "", "`audience` of the tokens (default: that of the profile)")
}

func (b *benchToken) input() wire.JWTSignInput {
	in := wire.JWTSignInput{}
	if b.sub != "" {
		in.Subject = &b.sub
	}
	if b.aud != "" {
		in.Audience = wire.Audience{b.aud}
	}
	return in
}

func benchJWTSign(_ context.Context, t *benchTarget) (benchWork, error) {
	return benchWork{do: t.issueAll, check: t.checkTokens}, nil
}

func benchJWTVerify(ctx context.Context, t *benchTarget) (benchWork, error) {
	tokens, err := t.issueAll(ctx)
	return benchWork{do: func(ctx context.Context) ([]string, error) { return nil, t.checkTokens(ctx, tokens) }}, err
}

func (t *benchTarget) issueAll(ctx context.Context) ([]string, error) {
	if t.items == 0 {
		out, err := t.client.JWT().Sign(ctx, t.token.issuer, t.token.profile, wire.JWTSignRequest{JWTSignInput: t.token.input()})
		return []string{out.Token.Reveal()}, err
	}
	var req wire.JWTSignRequest
	for range t.items {
		req.BatchInput = append(req.BatchInput, wire.JWTSignItem{JWTSignInput: t.token.input()})
	}
	results, err := t.client.JWT().SignBatch(ctx, t.token.issuer, t.token.profile, req)
	return collect(results, err, func(r wire.JWTSignResult) (string, wire.ItemError) { return r.Token.Reveal(), r.ItemError })
}

// checkTokens returns errWrongAnswer if a token is not active.
func (t *benchTarget) checkTokens(ctx context.Context, tokens []string) error {
	req := wire.JWTVerifyRequest{Audience: t.token.aud, Profile: t.token.profile}
	if t.items == 0 {
		req.Token = wire.SecretOf(tokens[0])
		v, err := t.client.JWT().Verify(ctx, t.token.issuer, req)
		return activeToken(v, err)
	}
	for _, token := range tokens {
		req.BatchInput = append(req.BatchInput, wire.JWTVerifyItem{Token: wire.SecretOf(token)})
	}
	results, err := t.client.JWT().VerifyBatch(ctx, t.token.issuer, req)
	for _, r := range results {
		if err == nil {
			err = activeToken(r.JWTVerifyData, itemError(r.ItemError))
		}
	}
	return err
}

func activeToken(v wire.JWTVerifyData, err error) error {
	if err == nil && !v.Active {
		return fmt.Errorf("%w: a token is not active: %s", errWrongAnswer, printable(string(v.Reason)))
	}
	return err
}
