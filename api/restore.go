package api

import (
	"net/http"
	"time"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

var errDryRun = refuse(http.StatusBadRequest, wire.BadRequest, "the query knows dry_run=true and dry_run=false, once, and nothing else")

// restoreSnapshot restores the backup in the body. force is that of its path.
func restoreSnapshot(force bool) func(rq *request) error {
	return func(rq *request) error {
		// The answer may come long after the request began.
		control := http.NewResponseController(rq.w)
		_ = control.SetWriteDeadline(time.Now().Add(rq.route.timeout + streamPatience))
		out, err := rq.restore(force)
		_ = control.SetWriteDeadline(time.Now().Add(streamPatience))
		if err != nil {
			rq.leaveBody()
			return err
		}
		rq.reply(out)
		return nil
	}
}

func (rq *request) restore(force bool) (*wire.SnapshotRestore, error) {
	o, wrong := rq.restoreOptions(force)
	o.Wrong = wrong
	ctx, cancel := rq.context()
	defer cancel()
	r, err := rq.s.kms.RestoreBackup(ctx, rq.call, rq.streamedBody(), o)
	if err != nil {
		return nil, err
	}
	out := &wire.SnapshotRestore{DryRun: o.DryRun, Generation: r.Generation, SHA256: r.SHA256, Snapshot: *snapshotReport(r.Backup)}
	names := func(n kms.RestoredNames) wire.SnapshotNames {
		return wire.SnapshotNames{Count: n.Count, Names: n.First}
	}
	for _, c := range r.Changes {
		out.Changes = append(out.Changes, wire.SnapshotChange{
			What: c.What, Restored: names(c.Restored), Changed: names(c.Changed), Revoked: names(c.Revoked), Withheld: names(c.Withheld),
		})
	}
	if r.Changes == nil {
		rq.call.Warnings = append(rq.call.Warnings, "the restore was carried out by an earlier attempt; what changed is not known any more")
	}
	return out, nil
}

// restoreOptions reads how the backup is to be restored.
func (rq *request) restoreOptions(force bool) (kms.Restore, error) {
	o := kms.Restore{Force: force}
	query := rq.r.URL.Query()
	if given, ok := query["dry_run"]; ok {
		delete(query, "dry_run")
		if len(given) != 1 || given[0] != "true" && given[0] != "false" {
			return o, errDryRun
		}
		o.DryRun = given[0] == "true"
	}
	if len(query) != 0 {
		return o, errDryRun
	}
	switch keys := rq.r.Header[wire.HeaderIdempotencyKey]; {
	case len(keys) > 1:
		return o, errTwoKeys
	case len(keys) == 1 && keys[0] == "":
		return o, refuse(http.StatusBadRequest, wire.BadRequest, "an idempotency key has at least one character")
	case len(keys) == 1:
		o.IdempotencyKey = keys[0]
	}
	return o, nil
}

func snapshotStatus(rq *request, _ *nothing) (*wire.SnapshotStatus, error) {
	s, err := rq.s.kms.RestoreStatus(rq.call)
	if err != nil {
		return nil, err
	}
	out := &wire.SnapshotStatus{Generation: s.Generation}
	if s.Restoring {
		out.Restoring = &wire.SnapshotStaging{Pieces: s.Pieces, Of: s.Of, Touched: s.Touched}
	}
	return out, nil
}
