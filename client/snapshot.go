package client

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/signet-kms/signet/client/wire"
)

// maxSnapshotList bounds the checksums in a snapshot, in bytes.
const maxSnapshotList = 64 << 10

// Snapshot writes a backup of the whole cluster to w as it arrives: sealed, so that
// the shares open it. It needs read and sudo on sys/storage/raft/snapshot. Only ctx
// bounds how long it takes. An answer that is cut short, or whose checksums are not
// right, is an error, and what was written to w is then no backup.
func (r Raft) Snapshot(ctx context.Context, w io.Writer) error {
	cl := call{method: http.MethodGet, path: raftPath + "snapshot"}
	resp, err := r.c.open(ctx, cl, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	out := &kept{w: w}
	if err := checkSnapshot(io.TeeReader(resp.Body, out)); err != nil {
		switch {
		case out.err != nil:
			return out.err
		case ctx.Err() != nil:
			return ctx.Err()
		}
		return cl.badAnswer("the snapshot is not whole: " + err.Error())
	}
	return nil
}

// Tombstones writes what a restore must not bring back to w as it arrives, for a
// restore into an empty directory: keys and versions that ended, and what was revoked.
// Nothing in it is secret. It needs read and sudo on sys/storage/raft/tombstones. An
// answer that is cut short is an error, and what was written to w is then of no use.
func (r Raft) Tombstones(ctx context.Context, w io.Writer) error {
	cl := call{method: http.MethodGet, path: raftPath + "tombstones"}
	resp, err := r.c.open(ctx, cl, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	out, end := &kept{w: w}, &lastBytes{}
	_, err = io.Copy(io.MultiWriter(out, end), resp.Body)
	switch {
	case out.err != nil:
		return out.err
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil || !end.line(`{"lines":`):
		return cl.badAnswer("the tombstones are not whole")
	}
	return nil
}

// lastBytes keeps the end of what is written to it.
type lastBytes struct{ buf []byte }

func (l *lastBytes) Write(p []byte) (int, error) {
	l.buf = append(l.buf, p...)
	l.buf = append(l.buf[:0], l.buf[max(0, len(l.buf)-4096):]...)
	return len(p), nil
}

// line says whether the last line is whole and begins with prefix.
func (l *lastBytes) line(prefix string) bool {
	text, whole := bytes.CutSuffix(l.buf, []byte("\n"))
	return whole && bytes.HasPrefix(text[bytes.LastIndexByte(text, '\n')+1:], []byte(prefix))
}

// VerifySnapshot has the server open a backup and check it, which changes nothing.
// It needs update and sudo on sys/storage/raft/snapshot-verify. If body is an
// io.Seeker, other nodes are asked when one does not serve. Error: with the code
// wire.BadSnapshot for one that is damaged or of another cluster.
func (r Raft) VerifySnapshot(ctx context.Context, body io.Reader) (wire.SnapshotReport, error) {
	var env wire.Envelope[*wire.SnapshotReport]
	cl := call{method: http.MethodPost, path: raftPath + "snapshot-verify"}
	if err := r.c.upload(ctx, cl, body, &env); err != nil {
		return wire.SnapshotReport{}, err
	}
	if env.Data == nil {
		return wire.SnapshotReport{}, cl.badAnswer("no data in it")
	}
	return *env.Data, nil
}

// RestoreOptions says how a backup is restored.
type RestoreOptions struct {
	DryRun bool // say what would change, and change nothing
	Force  bool // also if the backup is older than an earlier restore
}

// Restore restores a backup of this cluster into it: what is missing comes back and
// definitions are as they were, but nothing comes back that was destroyed or revoked
// since, and credentials made since are revoked, save the caller's. It needs update and
// sudo on sys/storage/raft/snapshot, or snapshot-force. If body is an io.Seeker, other
// nodes are asked when one does not serve. As long as the server has not got the body
// to its end nothing changes, and the error says so. Error: with the code
// wire.BadSnapshot for a backup that cannot be restored here.
func (r Raft) Restore(ctx context.Context, body io.Reader, o RestoreOptions) (wire.SnapshotRestore, error) {
	cl := call{method: http.MethodPost, path: raftPath + "snapshot", effect: !o.DryRun}
	if o.Force {
		cl.path += "-force"
	}
	if o.DryRun {
		cl.query = url.Values{"dry_run": {"true"}}
	}
	var env wire.Envelope[*wire.SnapshotRestore]
	if err := r.c.upload(ctx, cl, body, &env); err != nil {
		return wire.SnapshotRestore{}, err
	}
	if env.Data == nil {
		return wire.SnapshotRestore{}, cl.badAnswer("no data in it")
	}
	return *env.Data, nil
}

// SnapshotStatus says how many restores the cluster has been through, and how far one is
// prepared that is under way.
func (r Raft) SnapshotStatus(ctx context.Context) (wire.SnapshotStatus, error) {
	return fetch[wire.SnapshotStatus](ctx, r.c, call{method: http.MethodGet, path: raftPath + "snapshot-status"})
}

// upload sends a body of any length and decodes the answer.
func (c *Client) upload(ctx context.Context, cl call, body io.Reader, out any) error {
	resp, err := c.open(ctx, cl, body)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return &NetworkError{Method: cl.method, Path: cl.path, Address: "the server", Err: withoutURL(err), mayHaveHappened: cl.effect}
	}
	return cl.decode(&answer{status: resp.StatusCode, body: content}, out)
}

// open makes a call whose body or answer is a stream, and returns the answer as soon
// as it begins, if it is a success. Each address is asked once, the next one only
// when the one before refused as a node that does not serve, or was not there.
func (c *Client) open(ctx context.Context, cl call, body io.Reader) (*http.Response, error) {
	token, err := c.tokenFor(ctx, cl)
	if err != nil {
		return nil, err
	}
	seeker, again := body.(io.Seeker)
	again = again || body == nil
	asked := make([]bool, len(c.nodes.all))
	once := cl.idempotencyKey(ctx)
	for at := c.nodes.pick(asked, cl.effect, true); ; {
		asked[at] = true
		base := c.nodes.all[at].base
		sent := &sentBody{r: body}
		resp, reached, err := c.openAt(ctx, cl, base, token, once, sent)
		if err == nil {
			c.nodes.good(at)
			return resp, nil
		}
		answered := (*Error)(nil)
		if !errors.As(err, &answered) {
			err = &NetworkError{Method: cl.method, Path: cl.path, Address: base.String(), Err: err, mayHaveHappened: cl.effect && reached && sent.all.Load()}
		}
		elsewhere := answered != nil && (answered.Code.NothingHappened() || answered.Code == wire.Sealed) || answered == nil && !reached
		if at = c.nodes.pick(asked, cl.effect, false); at < 0 || !again || !elsewhere || ctx.Err() != nil {
			return nil, err
		}
		if seeker != nil {
			if _, err := seeker.Seek(0, io.SeekStart); err != nil {
				return nil, err
			}
		}
	}
}

// sentBody is a body that knows whether it was sent to its end: before that no server
// acts on it.
type sentBody struct {
	r   io.Reader // nil for none
	all atomic.Bool
}

func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.EOF {
		b.all.Store(true)
	}
	return n, err
}

func (c *Client) openAt(ctx context.Context, cl call, base *url.URL, token Secret, once string, sent *sentBody) (*http.Response, bool, error) {
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	target := *base
	target.Path, target.RawQuery = "/v1/"+cl.path, cl.query.Encode()
	var body io.Reader
	if sent.r != nil {
		body = io.NopCloser(sent) // it is the caller's to close
	}
	req, err := http.NewRequestWithContext(ctx, cl.method, target.String(), body)
	if err != nil {
		return nil, false, err
	}
	req.Header.Set("User-Agent", "signet-client")
	req.Header.Set(wire.HeaderRequest, "true")
	req.Header.Set(wire.HeaderToken, token.Reveal())
	if once != "" {
		req.Header.Set(wire.HeaderIdempotencyKey, once)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/gzip")
		req.Header.Set("Expect", "100-continue") // a refusal comes before the body goes
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, connected.Load(), withoutURL(err)
	}
	if resp.StatusCode < 300 {
		return resp, true, nil
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, true, withoutURL(err)
	}
	if resp.StatusCode < 400 {
		return nil, true, fmt.Errorf("%w: a redirect (status %d), which is never followed", ErrBadAnswer, resp.StatusCode)
	}
	return nil, true, cl.judge(&answer{status: resp.StatusCode, retryAfter: retryAfter(resp.Header, time.Now()), body: content})
}

// kept remembers that w failed, to tell it from the network.
type kept struct {
	w   io.Writer
	err error
}

func (k *kept) Write(p []byte) (int, error) {
	n, err := k.w.Write(p)
	if err != nil {
		k.err = err
	}
	return n, err
}

// checkSnapshot reads a snapshot to its end and compares its files with the
// checksums in it. That they are the cluster's own only the cluster can say.
func checkSnapshot(r io.Reader) error {
	z, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	var sums strings.Builder
	var listed []byte
	sealed := false
	for archive := tar.NewReader(z); ; {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		switch h.Name {
		case "SHA256SUMS":
			listed, err = io.ReadAll(io.LimitReader(archive, maxSnapshotList))
		case "SHA256SUMS.sealed":
			var n int64
			n, err = io.Copy(io.Discard, archive)
			sealed = n > 0
		default:
			sum := sha256.New()
			_, err = io.Copy(sum, archive)
			fmt.Fprintf(&sums, "%s  %s\n", hex.EncodeToString(sum.Sum(nil)), h.Name)
		}
		if err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, z); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r); err != nil { // the end of the answer says that it is whole
		return err
	}
	if !sealed || !bytes.Equal(listed, []byte(sums.String())) {
		return errors.New("its files are not those of its checksums")
	}
	return nil
}
