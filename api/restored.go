package api

import (
	"net/http"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func restoredKeys(rq *request, _ *nothing) (*wire.RestoredKeys, error) {
	keys, err := rq.s.kms.RestoredKeys(rq.call)
	if err != nil {
		return nil, err
	}
	out := &wire.RestoredKeys{Keys: []wire.RestoredKey{}}
	for _, k := range keys {
		out.Keys = append(out.Keys, wire.RestoredKey{Mount: k.Mount, Name: k.Name, Issuer: k.Issuer, Versions: k.Versions})
	}
	return out, nil
}

func enableRestored(rq *request, in *wire.RestoredKey) (*wire.RestoredKey, error) {
	mount := in.Mount
	if mount == "" {
		mount = "transit"
	}
	if in.Issuer != "" || in.Versions != 0 {
		return nil, refuse(http.StatusBadRequest, wire.BadRequest, "send mount and name alone: all versions of the key that the restore suspended are enabled")
	}
	ctx, cancel := rq.context()
	defer cancel()
	n, err := rq.s.kms.EnableRestored(ctx, rq.call, kms.KeyRef{Mount: mount, Name: in.Name})
	if err != nil {
		return nil, err
	}
	return &wire.RestoredKey{Mount: mount, Name: in.Name, Versions: n}, nil
}
