package kms

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/signet-kms/signet/kms/jose"
)

// facts are what the server knows of whoever asks for a token of an issuer. The
// jti and the room that is left in the token are not among them.
func (c *Call) facts(i *issuerView) *jose.Facts {
	f := &jose.Facts{
		Issuer: i.URL, Now: c.seconds(), Backdate: i.Leeway, ClientID: c.Caller.Application, Application: c.Caller.Application,
	}
	if c.token.Path == loginPath {
		// The role's, or the secret id's: whoever makes a token for himself chooses its
		// metadata, and a forced claim would be his.
		f.TokenMetadata = c.token.Meta
	}
	if f.ClientID == "" {
		f.ClientID = anonymousClient(c.token.Hash)
		return f
	}
	if app := c.view.Application(f.Application); app != nil {
		f.Owner, f.Metadata = app.Owner, app.Metadata
	}
	return f
}

// seconds is now in seconds since 1970, which is how tokens of issuers count.
func (c *Call) seconds() int64 { return c.now() / int64(time.Second) }

// anonymousClient is the client_id of a token without an application. No
// application's name has a colon.
func anonymousClient(tokenHash []byte) string {
	const domain = "signet client_id v1\x00"
	var buf [128]byte
	sum := sha256.Sum256(append(append(buf[:0], domain...), tokenHash...))
	return "token:" + hex.EncodeToString(sum[:8])
}
