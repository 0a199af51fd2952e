package client_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// Make an issuer, and say what its access tokens may hold. Verifiers find the
// public keys at the issuer's jwks_uri.
func ExampleJWT_WriteIssuer() {
	cl, err := client.New(client.FromEnvironment())
	if err != nil {
		log.Fatal(err)
	}
	ctx, jwt := context.Background(), cl.JWT()

	issuer, err := jwt.WriteIssuer(ctx, "acme", wire.IssuerRequest{
		Issuer: wire.StringOf("https://signet.example/issuers/acme"), Alg: wire.StringOf("ES256"),
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = jwt.WriteProfile(ctx, "acme", "access", wire.Profile{
		Audience: []string{"api://orders"}, Subject: wire.StringOf("^user:"), Scopes: []string{"orders:read"},
		Claims: wire.ProfileClaims{
			Forced:  map[string]jsontext.Value{"tenant": jsontext.Value(`"{{application.metadata.tenant}}"`)},
			Allowed: []string{"role"},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(issuer.JWKSURI)
}

// Issue an access token for a user, and check one as a service that received it
// would.
func ExampleJWT_Sign() {
	cl, err := client.New(client.FromEnvironment())
	if err != nil {
		log.Fatal(err)
	}
	ctx, jwt, user := context.Background(), cl.JWT(), "user:1"

	issued, err := jwt.Sign(ctx, "acme", "access", wire.JWTSignRequest{
		JWTSignInput: wire.JWTSignInput{
			Subject: &user, Audience: wire.Audience{"api://orders"}, Scope: "orders:read",
			TTL: wire.DurationOf(10 * time.Minute), Claims: jsontext.Value(`{"role":"clerk"}`),
		},
		Context: map[string]string{"ip": "203.0.113.7"},
	})
	if err != nil {
		log.Fatal(err)
	}
	verdict, err := jwt.Verify(ctx, "acme", wire.JWTVerifyRequest{
		Token: issued.Token, Audience: "api://orders", Scope: "orders:read",
	})
	switch {
	case err != nil:
		log.Fatal(err)
	case !verdict.Active:
		log.Fatal("not accepted: ", verdict.Reason)
	}
	fmt.Printf("%s until %s\n", verdict.Claims, issued.ExpiresAt)
}
