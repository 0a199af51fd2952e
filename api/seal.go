package api

import (
	"github.com/signet-kms/signet/client/wire"
)

func migrateSeal(rq *request, in *wire.MigrateSealRequest) (*wire.SealMigration, error) {
	ctx, cancel := rq.context()
	defer cancel()
	done, err := rq.s.kms.MigrateSeal(ctx, rq.call, in.To)
	if err != nil {
		return nil, err
	}
	out := &wire.SealMigration{Type: done.Type, Revision: done.Revision, Wrappings: []wire.SealWrapping{}}
	for _, w := range done.Wrapped {
		out.Wrappings = append(out.Wrappings, wire.SealWrapping{Type: w.Type, Name: w.Name, Version: w.Version})
	}
	return out, nil
}
