package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// TombstonesFormat names the format of tombstones files, and TombstonesVersion is
// raised when a build writes what older ones cannot read.
//
// Such a file is lines of JSON: what it is of, the seal record, one line for each
// record, and at last how many of these there are and the barrier's seal on a
// SHA-256 of everything before. Nothing in it is secret.
const (
	TombstonesFormat  = "signet-tombstones"
	TombstonesVersion = 1
)

// maxRecordLine bounds the lines of records, and of the first and the last line, in
// bytes.
const maxRecordLine = 64 << 10

// TombstonesMeta says what a tombstones file is of.
type TombstonesMeta struct {
	Format       string    `json:"format"`
	Version      int       `json:"format_version"`
	ClusterID    string    `json:"cluster_id"`
	ClusterEpoch uint64    `json:"cluster_epoch"` // of the roster
	Generation   uint64    `json:"generation"`    // how many restores the cluster had been through
	Index        uint64    `json:"index"`         // of the last log entry that it knows of
	CommandEpoch uint64    `json:"command_epoch"`
	CommandSeq   uint64    `json:"command_seq"`
	Term         uint64    `json:"term"` // of the barrier, under which it is sealed
	Time         time.Time `json:"time"` // replicated time, UTC
	Node         string    `json:"node"` // that wrote it
	Software     string    `json:"software"`
}

// ErrTombstones is wrapped by every error about what a file is; the text says what is
// wrong with it.
var ErrTombstones = errors.New("not a sound tombstones file")

func unsound(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrTombstones, fmt.Sprintf(format, args...))
}

// TombstonesContent is what goes into such a file.
type TombstonesContent struct {
	Meta TombstonesMeta
	Seal []byte // the seal record's body, one line
	// Each calls fn for every record, which is one line without its end.
	Each func(fn func(line []byte) error) error
	// Sign seals the SHA-256 of all that stands before it.
	Sign func(sum []byte) ([]byte, error)
}

// lastLine ends a file.
type lastLine struct {
	Lines int    `json:"lines"` // of records
	Seal  []byte `json:"seal"`
}

// WriteTombstones writes such a file as it is made. Errors are those of w, of Each
// and of Sign; what was written then is no such file.
func WriteTombstones(w io.Writer, c *TombstonesContent) error {
	c.Meta.Format, c.Meta.Version = TombstonesFormat, TombstonesVersion
	meta, err := json.Marshal(&c.Meta)
	if err != nil {
		return err
	}
	if _, err := parseTombstonesMeta(meta); err != nil {
		return err
	}
	sum := sha256.New()
	out := bufio.NewWriterSize(w, 64<<10)
	both := io.MultiWriter(out, sum)
	line := func(b []byte) error {
		if _, err := both.Write(b); err != nil {
			return err
		}
		_, err := both.Write([]byte("\n"))
		return err
	}
	if err := errors.Join(line(meta), line(c.Seal)); err != nil {
		return err
	}
	last := lastLine{}
	if err := c.Each(func(b []byte) error { last.Lines++; return line(b) }); err != nil {
		return err
	}
	if last.Seal, err = c.Sign(sum.Sum(nil)); err != nil {
		return err
	}
	end, err := json.Marshal(&last)
	if err != nil {
		return err
	}
	if err := line(end); err != nil {
		return err
	}
	return out.Flush()
}

func parseTombstonesMeta(b []byte) (*TombstonesMeta, error) {
	m := new(TombstonesMeta)
	if err := json.Unmarshal(b, m); err != nil || m.Format != TombstonesFormat {
		return nil, unsound("it does not say that it is one")
	}
	if m.Version != TombstonesVersion {
		return nil, unsound("its format is version %d, and this build reads version %d", m.Version, TombstonesVersion)
	}
	if again, err := json.Marshal(m); err != nil || !bytes.Equal(again, b) {
		return nil, unsound("its first line is not in its one form")
	}
	if m.ClusterID == "" || m.Index == 0 || m.Term == 0 {
		return nil, unsound("its first line is incomplete")
	}
	return m, nil
}

// Tombstones is what ReadTombstones found besides the records. Only a barrier can say
// whether Signed is the seal on Sum.
type Tombstones struct {
	Meta   *TombstonesMeta
	Seal   []byte // the seal record's body
	Sum    []byte // SHA-256
	Signed []byte
	Lines  int
}

// ReadTombstones reads such a file to its end, and calls fn for every record. Until it
// returns nothing may be acted on, and even then only what the barrier vouches for.
// Errors: ErrTombstones, those of fn wrapped in it, and those of r.
func ReadTombstones(r io.Reader, fn func(line []byte) error) (*Tombstones, error) {
	from := &source{r: r}
	in := &lines{r: bufio.NewReaderSize(from, 64<<10), from: from}
	sum := sha256.New()
	count := func(b []byte) {
		sum.Write(b)
		sum.Write([]byte("\n"))
	}
	b, err := in.next(maxRecordLine)
	if err != nil {
		return nil, err
	}
	t := &Tombstones{}
	if t.Meta, err = parseTombstonesMeta(b); err != nil {
		return nil, err
	}
	count(b)
	if b, err = in.next(maxSeal); err != nil {
		return nil, err
	}
	count(b)
	t.Seal = bytes.Clone(b)
	for {
		b, err := in.next(maxRecordLine)
		if err != nil {
			return nil, err
		}
		if bytes.HasPrefix(b, []byte(`{"lines":`)) {
			t.Sum = sum.Sum(nil)
			return t, t.end(in, b)
		}
		t.Lines++
		if err := fn(b); err != nil {
			return nil, unsound("line %d: %v", t.Lines+2, err)
		}
		count(b)
	}
}

// end takes the last line, and demands that nothing follows.
func (t *Tombstones) end(in *lines, b []byte) error {
	var last lastLine
	if err := json.Unmarshal(b, &last); err != nil {
		return unsound("its last line is damaged")
	}
	if again, err := json.Marshal(&last); err != nil || !bytes.Equal(again, b) {
		return unsound("its last line is not in its one form")
	}
	if last.Lines != t.Lines {
		return unsound("it has %d records and says that there are %d", t.Lines, last.Lines)
	}
	t.Signed = last.Seal
	switch _, err := in.r.ReadByte(); {
	case err == nil:
		return unsound("there is something behind its end")
	case in.from.err != nil:
		return in.from.err
	}
	return nil
}

// lines reads lines of bounded length.
type lines struct {
	r    *bufio.Reader
	from *source
	buf  []byte
}

// next returns a line without its end, valid until the next call.
func (l *lines) next(most int) ([]byte, error) {
	l.buf = l.buf[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		l.buf = append(l.buf, part...)
		switch {
		case len(l.buf) > most+1:
			return nil, unsound("a line is too long")
		case err == nil:
			return l.buf[:len(l.buf)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case l.from.err != nil:
			return nil, l.from.err
		default:
			return nil, unsound("it is cut short")
		}
	}
}
