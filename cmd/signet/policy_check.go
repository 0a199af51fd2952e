package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// policyCheck is what policy check was asked.
type policyCheck struct {
	req  wire.PolicyCheckRequest
	file string
}

func newPolicyCheckCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "check [PATH]", Short: "show which rule decides a path, and why",
		Long: `Shows what may be done at a path, which rule of which policy says so, which others
match and why they do not count. It asks about the token in use; with --accessor
about another one, with --policy about these policies alone, and with --file
about a policy that need not be written. Others than the token in use need sudo on
sys/policies/check, or read on each of the policies.

Without PATH, --file only checks the text, and names the place of a mistake.
Exits with 4 if the answer is no: not allowed, or not a policy.`,
		Example: "  signet policy check transit/sign/web --capability update\n" +
			"  signet policy check transit/sign/web --policy web --policy default\n  signet policy check --file web.hcl",
	}
	var q policyCheck
	f := cmd.Flags()
	capabilities := f.StringSlice("capability", nil, "what is needed: create, read, update, delete, list, sudo (repeat for more)")
	policies := f.StringSlice("policy", nil, "the policy of this `name` (repeat for more)")
	accessor := f.String("accessor", "", "the token that this `accessor` stands for")
	f.StringVar(&q.file, "file", "", "the policy in this `file`, - for stdin")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > 1:
			return usage(cmd, "too many arguments: "+printable(args[1]))
		case count(f.Changed("policy"), f.Changed("accessor"), f.Changed("file")) > 1:
			return usage(cmd, "at most one of --policy, --accessor and --file")
		case f.Changed("file") && q.file == "", f.Changed("accessor") && *accessor == "":
			return usage(cmd, "--file and --accessor take a value: without one this would be about the token in use")
		case len(args) == 0 && q.file == "":
			return usage(cmd, "PATH is missing")
		case len(args) == 0 && len(*capabilities) > 0:
			return usage(cmd, "PATH is missing: --capability is about a path")
		}
		return nil
	}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		if len(args) > 0 {
			if q.req.Path = args[0]; q.req.Path == "" {
				return usage(cmd, "PATH is empty")
			}
		}
		q.req.Capabilities, q.req.Policies = *capabilities, *policies
		setIfChanged(f.Changed("accessor"), &q.req.Accessor, wire.StringOf(*accessor))
		return c.checkPolicy(ctx, &q)
	})
}

func (c *cli) checkPolicy(ctx context.Context, q *policyCheck) error {
	if q.file != "" {
		text, err := c.readInput(q.file, maxPolicy)
		if err != nil {
			return err
		}
		q.req.Policy = wire.StringOf(string(text))
	}
	cl, err := c.connect()
	if err != nil {
		return err
	}
	if q.req.Path == "" {
		rules, err := cl.Sys().CheckPolicyText(ctx, q.req.Policy.Value)
		if err != nil {
			return c.invalidPolicy(q.file, err)
		}
		return c.emit(wire.PolicyTextData{Valid: true, Rules: rules}, line(fmt.Sprintf("valid: paths with a rule: %d", rules)))
	}
	data, err := cl.Sys().CheckPolicy(ctx, q.req)
	if err != nil {
		return c.invalidPolicy(q.file, err)
	}
	if err := c.emit(data, policyVerdict(data)); err != nil || data.Allowed {
		return err
	}
	return errVerdict
}

// invalidPolicy turns the refusal of a text from a file into a verdict, with the
// place in that file. Other errors stay what they are.
func (c *cli) invalidPolicy(file string, err error) error {
	answered := (*client.Error)(nil)
	if file == "" || !errors.As(err, &answered) || answered.Code != wire.BadPolicy {
		return err
	}
	if file == "-" {
		file = "stdin"
	}
	text := strings.Join(answered.Errors, "; ")
	if place, ok := strings.CutPrefix(text, "policy:"); ok { // what the server calls a text without a name
		text = file + ":" + place
	}
	out := struct {
		Valid bool   `json:"valid"`
		Error string `json:"error"`
	}{Error: text}
	if err := c.emit(out, line("invalid: "+printable(text))); err != nil {
		return err
	}
	return errVerdict
}

// policyVerdict shows the verdict first, then the reason, what else matches, and
// hints.
func policyVerdict(d wire.PolicyCheckData) func(io.Writer) error {
	return func(w io.Writer) error {
		word := "denied"
		if d.Allowed {
			word = "allowed"
		}
		what := strings.Join(d.Needed, ", ")
		switch {
		case what != "":
		case d.Allowed:
			what = strings.Join(d.Capabilities, ", ")
		default:
			what = "everything"
		}
		rows := []row{{"reason", d.Reason}}
		if d.Rule != nil && d.Rule.Path != "" {
			rows = append(rows, row{"rule", d.Rule.Path}, row{"policy", d.Rule.Policy}, row{"grants", d.Rule.Capabilities})
		}
		if err := line(fmt.Sprintf("%s: %s on %s", word, printable(what), printable(d.Path)))(w); err != nil {
			return err
		}
		if err := columns(rows...)(w); err != nil {
			return err
		}
		if err := otherRules(d)(w); err != nil {
			return err
		}
		for _, h := range d.Hints {
			if err := line("hint: " + printable(h))(w); err != nil {
				return err
			}
		}
		return nil
	}
}

func otherRules(d wire.PolicyCheckData) func(io.Writer) error {
	if len(d.Others) == 0 {
		return func(io.Writer) error { return nil }
	}
	rows := []row{{"OTHER RULE", "POLICY", "GRANTS", "DOES NOT COUNT"}}
	for _, o := range d.Others {
		rows = append(rows, row{o.Path, o.Policy, o.Capabilities, o.Why})
	}
	if d.More > 0 {
		rows = append(rows, row{fmt.Sprintf("… and %d more", d.More), "", "", ""})
	}
	return columns(rows...)
}
