package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// emitAuth shows a token that was just made: the one place that prints one.
func (c *cli) emitAuth(auth *wire.Auth, err error) error {
	if err != nil {
		return err
	}
	return c.emit(auth, columns(append([]row{{"token", auth.ClientToken.Reveal()}}, authRows(auth)...)...))
}

func (c *cli) emitRenewed(auth *wire.Auth, err error) error {
	if err != nil {
		return err
	}
	auth.ClientToken = client.Secret{}
	return c.emit(auth, columns(authRows(auth)...))
}

func authRows(auth *wire.Auth) []row {
	return []row{
		{"accessor", auth.Accessor},
		{"policies", auth.Policies},
		{"lifetime", seconds(auth.LeaseDuration, "does not expire")},
		{"renewable", auth.Renewable},
		{"orphan", auth.Orphan},
		{"uses", uses(auth.NumUses)},
		{"meta", metaText(auth.Metadata)},
	}
}

func tokenRows(d wire.TokenData) []row {
	expires := "never"
	if d.ExpireTime != nil {
		expires = d.ExpireTime.UTC().Format(time.RFC3339)
	}
	return []row{
		{"accessor", d.Accessor},
		{"display name", d.DisplayName},
		{"application", d.Application},
		{"policies", d.Policies},
		{"created", time.Unix(d.CreationTime, 0)},
		{"created at path", d.Path},
		{"expires", expires},
		{"time left", seconds(d.TTL, "does not expire")},
		{"renewable", d.Renewable},
		{"orphan", d.Orphan},
		{"uses left", uses(d.NumUses)},
		{"period", seconds(d.Period, "not periodic")},
		{"explicit end after", seconds(d.ExplicitMaxTTL, "none")},
		{"role", d.Role},
		{"bound to", d.BoundCIDRs},
		{"meta", metaText(d.Meta)},
	}
}

func uses(n int64) string {
	switch {
	case n == 0:
		return "no limit"
	case n < 0:
		return "none, this was the last"
	}
	return fmt.Sprint(n)
}

func metaText(meta map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(meta)) {
		parts = append(parts, name+"="+meta[name])
	}
	return strings.Join(parts, ", ")
}
