package client_test

import (
	"context"
	"fmt"
	"log"

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
