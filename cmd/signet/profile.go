package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

func newProfileCommand(c *cli) *cobra.Command {
	return group("profile", "write, read, list and delete what tokens of an issuer may hold",
		newProfileWriteCommand(c), newProfileReadCommand(c), newProfileListCommand(c), newProfileDeleteCommand(c))
}

// maxProfile is above what the server takes, so that its words are heard.
const maxProfile = 1 << 20

func newProfileWriteCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "write ISSUER NAME [-f FILE|-]", Short: "create or replace a profile", Args: exactly("ISSUER", "NAME"),
		Long: `Creates a profile of an issuer, or replaces it whole: what tokens of this sort may
hold. Who may use it is a policy's to say: update on jwt/sign/ISSUER/NAME.

The flags have the usual. All there is goes into a file of JSON, as "signet profile
read -o json" shows it under profile; - is stdin.

Without --audience a caller names any, without --allow it adds any claim that is not
reserved. With --no-claims it adds none.`,
		Example: `  signet profile write acme access --audience api://orders --subject '^user:' --scope orders:read
  signet profile write acme access --force 'tenant="{{application.metadata.tenant}}"' --no-claims
  signet profile write acme sealed --encrypt-to recipient.jwk --encrypt-alg ECDH-ES+A256KW
  signet profile write acme id -f profile.json`,
	}
	var p wire.Profile
	f := cmd.Flags()
	file := f.StringP("file", "f", "", "read the profile from a `file` of JSON; - is stdin")
	addProfileFlags(cmd, &p)
	enc := addEncryptFlags(cmd)
	none := f.Bool("no-claims", false, "a caller adds no claims of its own")
	return c.onJWT(cmd, func(ctx context.Context, j client.JWT, args []string) error {
		if *file != "" {
			if others := changedProfileFlag(cmd); others != "" {
				return usage(cmd, "-f says all of the profile, and --"+others+" goes without it")
			}
			if err := c.readProfile(*file, &p); err != nil {
				return err
			}
		}
		if err := c.encryption(cmd, enc, &p); err != nil {
			return err
		}
		if *none {
			if p.Claims.Allowed != nil {
				return usage(cmd, "either --allow or --no-claims")
			}
			p.Claims.Allowed = []string{}
		}
		out, err := j.WriteProfile(ctx, args[0], args[1], p)
		if err != nil {
			return err
		}
		return c.emit(out, profileTable(out))
	})
}

func addProfileFlags(cmd *cobra.Command, p *wire.Profile) {
	f := cmd.Flags()
	f.Var(textFlag{&p.Typ}, "typ", "typ of the header, a media type such as JWT (default at+jwt)")
	f.Var(durationFlag{&p.TTL}, "ttl", "lifetime of tokens that ask for none (default 15m)")
	f.Var(durationFlag{&p.MaxTTL}, "max-ttl", "the longest lifetime (default 1h)")
	f.Var(durationFlag{&p.MaxNBF}, "max-nbf", "how far ahead a token may begin to be valid (default 0)")
	f.Var(textFlag{&p.Subject}, "subject", "regular `expression` that sub must match, such as ^user:")
	f.StringArrayVar(&p.Audience, "audience", nil, "`audience` that tokens may be for (repeat for more)")
	f.StringArrayVar(&p.Scopes, "scope", nil, "`scope` that may be asked for (repeat for more)")
	f.StringArrayVar(&p.Claims.Required, "require", nil, "`claim` that every token has (repeat for more)")
	f.StringArrayVar(&p.Claims.Allowed, "allow", nil, "`claim` that a caller may add; with it, no other (repeat for more)")
	f.StringArrayVar(&p.Claims.Forbidden, "forbid", nil, "`claim` that no token has (repeat for more)")
	f.Var(forcedFlag{&p.Claims.Forced}, "force", "`claim=JSON` that the server sets, whatever the caller says (repeat for more)")
	f.StringArrayVar(&p.AuditClaims, "audit-claim", nil, "`claim` that is recorded readable in the audit log (repeat for more)")
}

// changedProfileFlag is a flag that was given and says what is in a profile; "" if
// none.
func changedProfileFlag(cmd *cobra.Command) string {
	for _, name := range []string{
		"typ", "ttl", "max-ttl", "max-nbf", "subject", "audience", "scope", "require", "allow", "forbid", "force", "audit-claim", "no-claims",
		"encrypt-to", "encrypt-key", "encrypt-alg", "encrypt-enc",
	} {
		if cmd.Flags().Changed(name) {
			return name
		}
	}
	return ""
}

// readProfile reads a profile from a file, strictly: a member that is mistyped must
// not be left out in silence.
func (c *cli) readProfile(name string, into *wire.Profile) error {
	content, err := c.readInput(name, maxProfile)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, into, json.RejectUnknownMembers(true)); err != nil {
		at := (*json.SemanticError)(nil)
		if errors.As(err, &at) {
			return usageError("the profile's member "+printable(string(at.JSONPointer))+" is of a wrong type or not known", "see one with: signet profile read ISSUER NAME -o json")
		}
		return usageError("the profile is not a JSON object, or names a member twice", "see one with: signet profile read ISSUER NAME -o json")
	}
	return nil
}

func newProfileReadCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "read ISSUER NAME", Short: "show a profile", Args: exactly("ISSUER", "NAME")}
	return c.onJWT(cmd, func(ctx context.Context, j client.JWT, args []string) error {
		out, err := j.ReadProfile(ctx, args[0], args[1])
		if err != nil {
			return err
		}
		return c.emit(out, profileTable(out))
	})
}

func newProfileListCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "list ISSUER", Short: "list the profiles of an issuer", Args: exactly("ISSUER")}
	return c.onJWT(cmd, func(ctx context.Context, j client.JWT, args []string) error {
		names, err := j.ListProfiles(ctx, args[0])
		if err != nil {
			return err
		}
		return c.emit(wire.Keys{Keys: names}, lines(names))
	})
}

func newProfileDeleteCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "delete ISSUER NAME", Short: "delete a profile", Args: exactly("ISSUER", "NAME"),
		Long: "Deletes a profile: nobody gets tokens of it any more. Those that were issued stay valid until they expire or are revoked."}
	return c.onJWT(cmd, func(ctx context.Context, j client.JWT, args []string) error {
		if err := j.DeleteProfile(ctx, args[0], args[1]); err != nil {
			return err
		}
		return c.emit(map[string]string{"deleted": args[1]}, line("deleted: "+printable(args[1])))
	})
}

func profileTable(d wire.ProfileData) func(io.Writer) error {
	p := d.Profile
	claims := func(list []string, none string) string {
		if len(list) == 0 {
			return none
		}
		return strings.Join(list, ", ")
	}
	allowed := claims(p.Claims.Allowed, "none")
	if p.Claims.Allowed == nil {
		allowed = "any that is not reserved, forced or forbidden"
	}
	every := func(w wire.Duration) string { return seconds(int64(w.Value/time.Second), "0s") }
	encrypted := "no"
	if p.Encrypt != nil {
		encrypted = p.Encrypt.Alg.Value + ", " + p.Encrypt.Enc.Value
		if p.Encrypt.TransitKey.Value != "" {
			encrypted += ", with the transit key " + p.Encrypt.TransitKey.Value
		}
	}
	return columns(
		row{"name", d.Name}, row{"issuer", d.Issuer}, row{"typ", p.Typ.Value},
		row{"ttl", every(p.TTL)}, row{"max ttl", every(p.MaxTTL)}, row{"max nbf", every(p.MaxNBF)},
		row{"audience", claims(p.Audience, "any")}, row{"subject", claims(nonEmpty(p.Subject.Value), "any")}, row{"scopes", claims(p.Scopes, "none")},
		row{"forced claims", claims(forcedText(p.Claims.Forced), "none")}, row{"required claims", claims(p.Claims.Required, "none")},
		row{"allowed claims", allowed}, row{"forbidden claims", claims(p.Claims.Forbidden, "none")},
		row{"schema", len(p.Claims.Schema) > 0 && p.Claims.Schema.Kind() != 'n'}, row{"max token bytes", p.MaxTokenBytes.Value},
		row{"encrypted", encrypted}, row{"audited claims", claims(p.AuditClaims, "none")},
	)
}

func nonEmpty(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

func forcedText(forced map[string]jsontext.Value) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(forced)) {
		out = append(out, name+"="+string(forced[name]))
	}
	return out
}

// forcedFlag is a flag of claims with their values as JSON.
type forcedFlag struct{ to *map[string]jsontext.Value }

func (f forcedFlag) String() string { return "" }

func (f forcedFlag) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if v := jsontext.Value(value); !ok || name == "" || !v.IsValid() {
		return errors.New(`want claim=JSON, such as n=1 or tenant='"acme"'`)
	}
	if *f.to == nil {
		*f.to = map[string]jsontext.Value{}
	}
	if _, twice := (*f.to)[name]; twice {
		return errors.New("the claim is forced twice")
	}
	(*f.to)[name] = jsontext.Value(value)
	return nil
}

func (f forcedFlag) Type() string { return "claim=JSON" }
