package api

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

// streamPatience is how long the other side of a stream may neither take nor send
// anything.
const streamPatience = 30 * time.Second

// saveSnapshot answers with a backup, written as it is made: the length is not
// known before its end, and a client that gets no end has no backup.
func saveSnapshot(rq *request) error {
	ctx, cancel := rq.context()
	defer cancel()
	b, err := rq.s.kms.Backup(ctx, rq.call)
	if err != nil {
		return err
	}
	h := rq.w.Header()
	h.Set("Content-Type", "application/gzip")
	h.Set("Content-Disposition", "attachment; filename="+strconv.Quote(b.Name()))
	if err := b.Write(&patientWriter{w: rq.w, control: http.NewResponseController(rq.w)}); err != nil {
		rq.s.log.Warn("a snapshot was not sent to its end", "request_id", rq.origin.RequestID, "error", err)
		panic(http.ErrAbortHandler) // half a snapshot must not look like a whole one
	}
	return nil
}

// saveTombstones answers with a tombstones file, written as it is made: its last line
// says that it is whole.
func saveTombstones(rq *request) error {
	ctx, cancel := rq.context()
	defer cancel()
	t, err := rq.s.kms.Tombstones(ctx, rq.call)
	if err != nil {
		return err
	}
	h := rq.w.Header()
	h.Set("Content-Type", "application/jsonl")
	h.Set("Content-Disposition", "attachment; filename="+strconv.Quote(t.Name()))
	if err := t.Write(&patientWriter{w: rq.w, control: http.NewResponseController(rq.w)}); err != nil {
		rq.s.log.Warn("tombstones were not sent to their end", "request_id", rq.origin.RequestID, "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// patientWriter lets an answer take as long as somebody reads it.
type patientWriter struct {
	w       io.Writer
	control *http.ResponseController
}

func (p *patientWriter) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(streamPatience)) // without it, the server's own holds
	return p.w.Write(b)
}

// patientReader is a body that may take as long as somebody sends it.
type patientReader struct {
	r       io.Reader
	control *http.ResponseController
}

func (p *patientReader) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(streamPatience)) // without it, the server's own holds
	n, err := p.r.Read(b)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		// The server goes on reading, to see whether the client goes away: a deadline
		// would look like that.
		_ = p.control.SetReadDeadline(time.Time{})
	default:
		err = errBodyBroken
	}
	return n, err
}

func (rq *request) streamedBody() io.Reader {
	return &patientReader{r: rq.r.Body, control: http.NewResponseController(rq.w)}
}

func verifySnapshot(rq *request) error {
	r, err := rq.s.kms.VerifyBackup(rq.call, rq.streamedBody())
	// The answer may come long after the request began.
	_ = http.NewResponseController(rq.w).SetWriteDeadline(time.Now().Add(streamPatience))
	if err != nil {
		rq.leaveBody()
		return err
	}
	rq.reply(snapshotReport(r))
	return nil
}

func snapshotReport(r *kms.BackupReport) *wire.SnapshotReport {
	return &wire.SnapshotReport{
		ClusterID: r.ClusterID, ClusterEpoch: r.ClusterEpoch, Generation: r.Generation, Index: r.Index, Term: r.Term, Time: r.Time.UTC(), Made: r.Made.UTC(), Node: r.Node, Software: r.Software,
		Shares: r.Shares, Threshold: r.Threshold, ShareGeneration: r.ShareGeneration, SameShares: r.SameShares,
		Keys: r.Keys, Versions: r.Versions, Tokens: r.Tokens, Policies: r.Policies, Issuers: r.Issuers,
	}
}
