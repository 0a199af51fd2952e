package audit

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Durability is what an acknowledged record has reached.
type Durability string

const (
	// DurabilitySync: the disk. Every group of records is followed by one
	// fdatasync. The default, also as the empty string.
	DurabilitySync Durability = "sync"

	// DurabilityOS: the page cache, which survives the process but not the
	// machine; the log is synced every five seconds and at Close.
	DurabilityOS Durability = "os"
)

// Options of Open. Only Dir is needed.
type Options struct {
	Dir        string // directory of the log, made and kept at 0700
	Durability Durability
	Node       string           // written into every record
	Logger     hclog.Logger     // nil: silent
	Now        func() time.Time // nil: time.Now
}

// Log is an open audit log. Its methods may be called concurrently.
type Log struct {
	journal *journal
	now     func() time.Time
	logger  hclog.Logger
	key     atomic.Pointer[hashKey] // nil while sealed
	flood   flood
	counts  counts
	packs   sync.Pool // of *pack
	keeper  keeper
}

// Open opens or creates the log in a directory, reads all of it and starts
// appending after its last record. A torn last line, which was never
// acknowledged, is cut off and reported. The first record is "audit/open".
//
// Errors: ErrLocked; ErrCorrupt with the first bad record (*CorruptError), the
// file left as found; those of the file system. A full disk is none: the log opens
// unavailable, see Err.
func Open(o Options) (*Log, error) {
	switch o.Durability {
	case "":
		o.Durability = DurabilitySync
	case DurabilitySync, DurabilityOS:
	default:
		return nil, fmt.Errorf("audit durability %q is unknown; use %q or %q", o.Durability, DurabilitySync, DurabilityOS)
	}
	if o.Dir == "" {
		return nil, errors.New("the audit log needs a directory")
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	f, found, err := openFile(o.Dir)
	if err != nil {
		return nil, err
	}
	j := &journal{
		file: f, sync: o.Durability == DurabilitySync, now: o.Now, node: o.Node,
		wake: make(chan struct{}, 1), fatal: make(chan error, 1),
		next: found.seq + 1, durable: found.seq,
	}
	j.idle.L = &j.mu
	l := &Log{journal: j, now: o.Now, logger: o.Logger}
	l.flood.init()
	l.keeper.init(l.now())
	l.packs.New = func() any { return new(pack) }
	if found.torn > 0 {
		l.logger.Warn("cut a torn last line off the audit log; it was never acknowledged", "path", f.path, "bytes", found.torn)
	}
	l.measure()
	go l.keep()
	l.AppendLate(openRecord(o.Durability, found))
	return l, nil
}

// openRecord is the first record after every Open.
func openRecord(d Durability, found opened) *Record {
	r := &Record{
		Type: TypeNode, Operation: "audit/open", Outcome: OutcomeOK,
		Fields: map[string]string{"durability": string(d)},
	}
	if found.torn > 0 {
		r.Detail = "a torn last line was cut off; it was never acknowledged"
		r.Fields["torn_bytes"] = strconv.FormatInt(found.torn, 10)
	}
	return r
}

// Append commits records in one group, in order and with nothing between them,
// and sets their Seq, Time and Node. It returns nil only when they are durable as
// Durability says. Any error wraps ErrUnavailable: then none of them may be relied
// on, and whatever they were to vouch for must not leave. The records and what
// they point to are not kept.
func (l *Log) Append(recs ...*Record) error {
	if len(recs) == 0 {
		return l.Err()
	}
	p := l.pack(recs...)
	err := l.journal.append(p, recs, 1)
	l.unpack(p)
	if err != nil {
		for _, r := range recs {
			r.Seq = 0
		}
	}
	return err
}

// AppendLate records something that must answer even while the log is failing
// (seal, unseal, health). It waits for durability like Append, but where that
// fails the record is kept, up to 10,000 of them or 16 MiB, and written on
// recovery with "late":true and the time of this call. Beyond that, and when the
// log fails for good, records are counted and the loss is logged; kept is false then.
func (l *Log) AppendLate(rec *Record) (kept bool) {
	p := l.pack(rec)
	kept = l.journal.appendLate(p, func() []byte {
		r := *rec
		r.Late = true
		return appendBody(nil, &r, l.journal.node)
	})
	l.unpack(p)
	if !kept {
		l.logger.Error("an audit record is lost", "operation", rec.Operation, "request_id", rec.RequestID)
	}
	return kept
}

// Err is nil while the log works, and otherwise says why it does not: a text fit
// for sys/health, without paths. It wraps ErrUnavailable.
func (l *Log) Err() error {
	j := l.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil && j.trying != nil {
		return j.trying
	}
	return j.refusal()
}

// Fatal delivers at most one error: the disk failed, nobody knows what is on it,
// and the process must exit. Every Append after it fails.
func (l *Log) Fatal() <-chan error { return l.journal.fatal }

// pack holds the encoded bodies of one Append.
type pack struct {
	buf  []byte
	ends []int // of each body in buf
}

func (p *pack) body(i int) []byte {
	start := 0
	if i > 0 {
		start = p.ends[i-1]
	}
	return p.buf[start:p.ends[i]]
}

// pack encodes records; unpack takes it back for the next one.
func (l *Log) pack(recs ...*Record) *pack {
	p := l.packs.Get().(*pack)
	p.buf, p.ends = p.buf[:0], p.ends[:0]
	for _, r := range recs {
		p.buf = appendBody(p.buf, r, l.journal.node)
		p.ends = append(p.ends, len(p.buf))
	}
	return p
}

func (l *Log) unpack(p *pack) {
	if cap(p.buf) <= 2*MaxRecord {
		l.packs.Put(p)
	}
}
