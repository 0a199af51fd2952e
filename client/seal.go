package client

import (
	"context"
	"net/http"

	"github.com/signet-kms/signet/client/wire"
)

// MigrateSeal wraps the root key anew under the seals of the server's
// configuration: those of one type, or all for "". "shamir" takes the wrappings
// away, so that shares alone unseal the server. The token needs sudo on
// sys/migrate-seal.
func (s Sys) MigrateSeal(ctx context.Context, to string) (wire.SealMigration, error) {
	return fetch[wire.SealMigration](ctx, s.c, call{
		method: http.MethodPost, path: "sys/migrate-seal", effect: true, body: wire.MigrateSealRequest{To: to},
	})
}

// InitRecovery is [Sys.Init] for a server whose configuration has a seal that
// unseals it by itself: the shares are recovery shares, in RecoveryKeys.
func (s Sys) InitRecovery(ctx context.Context, shares, threshold int) (*wire.InitResponse, error) {
	cl := call{method: http.MethodPut, path: "sys/init", open: true, effect: true, body: wire.InitRequest{
		RecoveryShares: wire.IntOf(shares), RecoveryThreshold: wire.IntOf(threshold),
	}}
	out := new(wire.InitResponse)
	if err := s.c.do(ctx, cl, out); err != nil {
		return nil, err
	}
	if len(out.RecoveryKeys) != shares || out.RootToken.Reveal() == "" {
		return nil, cl.badAnswer("recovery shares or root token are missing")
	}
	return out, nil
}
