package api

import (
	"net/http"
	"time"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

// A setting of a role has a path of its own, beside the role's: GET reads it, POST
// sets it, DELETE gives it its default again.

// setting is one of them. read picks its members of a role; set those of a request,
// and false without them; clear is the change that gives it its default.
type setting struct {
	member string // for the refusal of a request without it
	read   func(r kms.AppRole) map[string]any
	set    func(in *wire.AppRoleRequest, change *kms.AppRoleChange) bool
	clear  func() kms.AppRoleChange
}

func handleReadSetting(st setting) func(rq *request) error {
	return handle(func(rq *request, _ *nothing) (map[string]any, error) {
		r, err := rq.s.kms.ReadAppRole(rq.call, rq.vars.get("role"))
		if err != nil {
			return nil, err
		}
		return st.read(r), nil
	})
}

func handleWriteSetting(st setting) func(rq *request) error {
	return handle(func(rq *request, in *wire.AppRoleRequest) (nothing, error) {
		var change kms.AppRoleChange
		if !st.set(in, &change) {
			// The verb refuses a stranger before anybody hears of this.
			return nothing{}, rq.s.kms.RefuseAppRole(rq.call, refuse(http.StatusBadRequest, wire.BadRequest, "missing "+st.member))
		}
		ctx, cancel := rq.context()
		defer cancel()
		return nothing{}, rq.s.kms.SetAppRole(ctx, rq.call, rq.vars.get("role"), change)
	})
}

func handleClearSetting(st setting) func(rq *request) error {
	return handle(func(rq *request, _ *nothing) (nothing, error) {
		ctx, cancel := rq.context()
		defer cancel()
		return nothing{}, rq.s.kms.ClearAppRole(ctx, rq.call, rq.vars.get("role"), st.clear())
	})
}

func policiesSetting() setting {
	return setting{"token_policies",
		func(r kms.AppRole) map[string]any {
			return map[string]any{"token_policies": list(r.Policies), "policies": list(r.Policies)}
		},
		func(in *wire.AppRoleRequest, c *kms.AppRoleChange) bool {
			if c.Policies = in.TokenPolicies; c.Policies == nil {
				c.Policies = in.Policies
			}
			return c.Policies != nil
		},
		func() kms.AppRoleChange { return kms.AppRoleChange{Policies: []string{}} }}
}

func roleIDSetting() setting {
	return setting{member: "role_id", set: func(in *wire.AppRoleRequest, c *kms.AppRoleChange) bool {
		c.RoleID = given(in.RoleID.Set, in.RoleID.Value)
		return in.RoleID.Value != ""
	}}
}

func bindSecretIDSetting() setting {
	return setting{"bind_secret_id",
		func(r kms.AppRole) map[string]any { return map[string]any{"bind_secret_id": !r.NoSecretID} },
		func(in *wire.AppRoleRequest, c *kms.AppRoleChange) bool {
			c.BindSecretID = given(in.BindSecretID.Set, in.BindSecretID.Value)
			return in.BindSecretID.Set
		},
		func() kms.AppRoleChange { yes := true; return kms.AppRoleChange{BindSecretID: &yes} }}
}

func localSecretIDsSetting() setting {
	return setting{read: func(kms.AppRole) map[string]any { return map[string]any{"local_secret_ids": false} }}
}

func secretCIDRsSetting() setting {
	return setting{"secret_id_bound_cidrs",
		func(r kms.AppRole) map[string]any {
			return map[string]any{"secret_id_bound_cidrs": list(r.SecretCIDRs)}
		},
		func(in *wire.AppRoleRequest, c *kms.AppRoleChange) bool {
			if c.SecretCIDRs = in.SecretIDBoundCIDRs; c.SecretCIDRs == nil {
				c.SecretCIDRs = in.BoundCIDRList
			}
			return len(c.SecretCIDRs) != 0
		},
		func() kms.AppRoleChange { return kms.AppRoleChange{SecretCIDRs: []string{}} }}
}

func tokenCIDRsSetting() setting {
	return setting{"token_bound_cidrs",
		func(r kms.AppRole) map[string]any { return map[string]any{"token_bound_cidrs": list(r.TokenCIDRs)} },
		func(in *wire.AppRoleRequest, c *kms.AppRoleChange) bool {
			c.TokenCIDRs = in.TokenBoundCIDRs
			return c.TokenCIDRs != nil
		},
		func() kms.AppRoleChange { return kms.AppRoleChange{TokenCIDRs: []string{}} }}
}

// list is never null in an answer.
func list(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}

// numberSetting is a count of uses: where a role has it, where a request, and where
// a change.
func numberSetting(member string, of func(r kms.AppRole) int64, in func(*wire.AppRoleRequest) wire.Int, to func(*kms.AppRoleChange) **int64) setting {
	return setting{member,
		func(r kms.AppRole) map[string]any { return map[string]any{member: of(r)} },
		func(rq *wire.AppRoleRequest, c *kms.AppRoleChange) bool {
			n := in(rq)
			*to(c) = given(n.Set, n.Value)
			return n.Set
		},
		func() (c kms.AppRoleChange) { *to(&c) = new(int64); return c }}
}

func secretUsesSetting() setting {
	return numberSetting("secret_id_num_uses", func(r kms.AppRole) int64 { return r.SecretUses },
		func(in *wire.AppRoleRequest) wire.Int { return in.SecretIDNumUses }, func(c *kms.AppRoleChange) **int64 { return &c.SecretUses })
}

func tokenUsesSetting() setting {
	return numberSetting("token_num_uses", func(r kms.AppRole) int64 { return r.Uses },
		func(in *wire.AppRoleRequest) wire.Int { return in.TokenNumUses }, func(c *kms.AppRoleChange) **int64 { return &c.Uses })
}

// lifetimeSetting is numberSetting for a lifetime; the role's is in seconds.
func lifetimeSetting(member string, of func(r kms.AppRole) int64, in func(*wire.AppRoleRequest) *time.Duration, to func(*kms.AppRoleChange) **time.Duration) setting {
	return setting{member,
		func(r kms.AppRole) map[string]any { return map[string]any{member: of(r)} },
		func(rq *wire.AppRoleRequest, c *kms.AppRoleChange) bool {
			*to(c) = in(rq)
			return *to(c) != nil
		},
		func() (c kms.AppRoleChange) { *to(&c) = new(time.Duration); return c }}
}

func secretTTLSetting() setting {
	return lifetimeSetting("secret_id_ttl", func(r kms.AppRole) int64 { return r.SecretTTL },
		func(in *wire.AppRoleRequest) *time.Duration { return duration(in.SecretIDTTL) }, func(c *kms.AppRoleChange) **time.Duration { return &c.SecretTTL })
}

func tokenTTLSetting() setting {
	return lifetimeSetting("token_ttl", func(r kms.AppRole) int64 { return r.TTL },
		func(in *wire.AppRoleRequest) *time.Duration { return duration(in.TokenTTL) }, func(c *kms.AppRoleChange) **time.Duration { return &c.TTL })
}

func tokenMaxTTLSetting() setting {
	return lifetimeSetting("token_max_ttl", func(r kms.AppRole) int64 { return r.MaxTTL },
		func(in *wire.AppRoleRequest) *time.Duration { return duration(in.TokenMaxTTL) }, func(c *kms.AppRoleChange) **time.Duration { return &c.MaxTTL })
}

func periodSetting() setting {
	st := lifetimeSetting("token_period", func(r kms.AppRole) int64 { return r.Period },
		func(in *wire.AppRoleRequest) *time.Duration { return duration(in.TokenPeriod, in.Period) }, func(c *kms.AppRoleChange) **time.Duration { return &c.Period })
	st.read = func(r kms.AppRole) map[string]any {
		return map[string]any{"token_period": r.Period, "period": r.Period}
	}
	return st
}
