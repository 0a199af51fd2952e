package kms

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/signet-kms/signet/kms/policy"
)

// warnOfPolicies tells who hands policies out which of them are not there: a token
// then has less than was meant, and nothing else says so. It is called once the
// caller may hand them out. Such a caller learns nothing that a token with the
// policy would not tell it: what the policy grants, or that it grants nothing.
func (c *Call) warnOfPolicies(names []string) {
	var missing []string
	for _, name := range names {
		if name != policy.RootName && c.view.Policy(name) == nil {
			missing = append(missing, strconv.QuoteToASCII(name)) // no secret: such names were refused
		}
	}
	c.warnMissing("policy", missing, "grants nothing until it is written")
}

// warnOfClients tells who revokes the tokens of an application that there is none of
// the name. Who may revoke need not know the applications, so it is told only to
// those who may read the one in question. A client that is no application has a name
// with a colon, which no application has.
func (c *Call) warnOfClients(ids []string) {
	var missing []string
	for _, id := range ids {
		if !strings.Contains(id, ":") && c.view.Application(id) == nil && c.Caller.Allow("identity/applications/"+id, policy.Read) {
			missing = append(missing, Quote(id))
		}
	}
	c.warnMissing("application", missing, "is revoked all the same, if it was ever the client_id of a token")
}

// warnMissing adds one warning, of at most a few names.
func (c *Call) warnMissing(what string, names []string, so string) {
	const most = 8
	if len(names) == 0 {
		return
	}
	more := ""
	if len(names) > most {
		more, names = fmt.Sprintf(" and %d more", len(names)-most), names[:most]
	}
	c.Warnings = append(c.Warnings, fmt.Sprintf("there is no %s of the name %s%s; it %s", what, strings.Join(names, ", "), more, so))
}
