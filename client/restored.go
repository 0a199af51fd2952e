package client

import (
	"context"
	"net/http"

	"github.com/signet-kms/signet/client/wire"
)

// RestoredKeys lists the keys that wait to be enabled after a restore into an empty
// directory. It needs read and sudo on sys/storage/raft/restored.
func (r Raft) RestoredKeys(ctx context.Context) ([]wire.RestoredKey, error) {
	out, err := fetch[wire.RestoredKeys](ctx, r.c, call{method: http.MethodGet, path: raftPath + "restored"})
	return out.Keys, err
}

// EnableRestored puts the versions of a key that such a restore suspended back to what
// they were, and says how many those are. An empty mount is "transit". It needs update
// and sudo on sys/storage/raft/restored/enable.
func (r Raft) EnableRestored(ctx context.Context, mount, name string) (int, error) {
	out, err := fetch[wire.RestoredKey](ctx, r.c, call{
		method: http.MethodPost, path: raftPath + "restored/enable", effect: true, body: wire.RestoredKey{Mount: mount, Name: name},
	})
	return out.Versions, err
}
