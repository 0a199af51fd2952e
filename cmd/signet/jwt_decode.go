package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
)

// decodedJWT is what stands in a token that nobody verified.
type decodedJWT struct {
	Verified  bool           `json:"verified"`           // false
	Malformed bool           `json:"malformed,omitzero"` // no token: what is here is all that can be read
	Encrypted bool           `json:"encrypted,omitzero"`
	Header    jsontext.Value `json:"header,omitzero"`
	Claims    jsontext.Value `json:"claims,omitzero"`
	Problems  []string       `json:"problems"` // the rules of form that it breaks
}

func newJWTDecodeCommand(c *cli, decode func(token string) decodedJWT) *cobra.Command {
	cmd := &cobra.Command{
		Use: "decode [TOKEN|-]", Short: "show what is in a token, without verifying it", Args: withToken(),
		Long: `Shows the header and the claims of a token, and each rule of form that it breaks.
It asks no server, and nothing that it shows is verified: anybody can write a token
that says anything. Exits with 2 for what cannot be read as a token. Without TOKEN
it is read from stdin.`,
		Example: "  signet jwt decode eyJhbGciOi…",
	}
	return c.printing(cmd, func(_ context.Context, args []string) error {
		token, err := c.tokenInput(args, 0)
		if err != nil {
			return err
		}
		d := decode(token)
		if !d.Header.IsValid() { // only what is JSON can be shown as JSON
			d.Header = nil
		}
		shown := d
		if !d.Claims.IsValid() {
			shown.Claims = nil
		}
		if err := c.emit(shown, func(w io.Writer) error { return d.write(w, time.Now()) }); err != nil || !d.Malformed {
			return err
		}
		return usageError("this is no token: "+strings.Join(d.Problems, "; "), "a token is 3 segments of base64url with dots between them, or 5 if it is encrypted")
	})
}

func (d *decodedJWT) write(w io.Writer, now time.Time) error {
	if d.Malformed && d.Header == nil && d.Claims == nil {
		return nil // the error tells all there is
	}
	text := "UNVERIFIED: what follows is only what the token says of itself"
	if d.Encrypted {
		text = "UNVERIFIED, encrypted: only the header can be read"
	}
	if err := line(text)(w); err != nil {
		return err
	}
	if err := columns(tokenContent(d.Header, d.Claims, now)...)(w); err != nil {
		return err
	}
	for _, p := range d.Problems {
		if _, err := fmt.Fprintf(w, "broken rule: %s\n", printable(p)); err != nil {
			return err
		}
	}
	return nil
}
