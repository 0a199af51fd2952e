package barrier

import (
	"crypto/rand"
	"encoding/binary"
	"io"
)

// Layout of a sealed stream:
//
//	byte  0       layout: 2
//	bytes 1..8    term, big endian
//	bytes 9..24   stream id, random
//	then chunks   nonce (24), ciphertext, tag (16)
//
// Each chunk but the last holds exactly chunkSize bytes of plaintext. The last
// holds 1 to chunkSize, or none when the whole stream is empty, so one plaintext
// has one division into chunks. Bound to each chunk: cluster, term, name, stream
// id, its number from 0, and whether it is the last.
const (
	layoutStream = 2
	streamIDSize = 16
	streamHeader = headerSize + streamIDSize
	chunkSize    = 64 << 10 // bytes of plaintext
	sealedChunk  = chunkSize + overhead
)

// stream is what both directions share.
type stream struct {
	s    *state
	term uint64 // fixed at the start: a stream has one term
	name Name
	id   string
	next uint64 // number of the next chunk
}

func (st *stream) binding(last bool) []byte {
	flag := uint64(0)
	if last {
		flag = 1
	}
	return bind(domainStream).text(st.s.clusterID).number(st.term).name(st.name).
		text(st.id).number(st.next).number(flag)
}

// SealStream encrypts what is written to it as n and writes it to w. Close
// writes the last chunk and does not close w; a stream that was not closed is a
// truncated one and never opens to its end. One goroutine at a time.
// Errors: ErrUnnamed, ErrWiped (also midway), ErrStreamClosed, and those of w.
func (b *Barrier) SealStream(w io.Writer, n Name) (io.WriteCloser, error) {
	return b.SealStreamUnder(b.Term(), w, n)
}

// SealStreamUnder is SealStream under a term of the caller's choice. Who writes
// down what was true at an earlier moment, beside a term store of that moment,
// needs the term that was active then. Errors: also ErrUnknownTerm.
func (b *Barrier) SealStreamUnder(term uint64, w io.Writer, n Name) (io.WriteCloser, error) {
	s, err := b.newSealer(term, w, n)
	if err != nil {
		return nil, err
	}
	return hiddenWriter{write: s.Write, close: s.Close}, nil
}

func (b *Barrier) newSealer(term uint64, w io.Writer, n Name) (*sealer, error) {
	if n.Kind == "" {
		return nil, ErrUnnamed
	}
	s := b.state()
	if _, err := s.acquire(term); err != nil {
		return nil, err
	}
	s.release()
	var id [streamIDSize]byte
	_, _ = rand.Read(id[:]) // does not fail: crypto/rand ends the process instead
	head := make([]byte, 0, streamHeader)
	head = append(head, layoutStream)
	head = binary.BigEndian.AppendUint64(head, term)
	head = append(head, id[:]...)
	if _, err := w.Write(head); err != nil {
		return nil, err
	}
	return &sealer{
		stream: stream{s: s, term: term, name: n, id: string(id[:])},
		w:      w,
		plain:  make([]byte, 0, chunkSize),
		sealed: make([]byte, 0, sealedChunk),
	}, nil
}

type sealer struct {
	stream
	w      io.Writer
	plain  []byte // not yet sealed, at most chunkSize
	sealed []byte // scratch
	err    error  // sticky; ErrStreamClosed after Close
	closed bool
	result error // of the first Close
}

func (s *sealer) Write(p []byte) (int, error) {
	done := 0
	for len(p) > 0 {
		if s.err != nil {
			return done, s.err
		}
		if len(s.plain) == chunkSize { // more follows, so this one is not the last
			if s.err = s.flush(false); s.err != nil {
				return done, s.err
			}
		}
		n := copy(s.plain[len(s.plain):chunkSize], p)
		s.plain = s.plain[:len(s.plain)+n]
		p, done = p[n:], done+n
	}
	return done, s.err
}

func (s *sealer) Close() error {
	if s.closed {
		return s.result
	}
	if s.closed = true; s.err == nil {
		s.err = s.flush(true)
	}
	s.result = s.err
	clear(s.plain[:cap(s.plain)])
	s.plain = s.plain[:0]
	if s.err == nil {
		s.err = ErrStreamClosed
	}
	return s.result
}

func (s *sealer) flush(last bool) error {
	k, err := s.s.acquire(s.term)
	if err != nil {
		return err
	}
	s.sealed = appendSealed(s.sealed[:0], &k.sealing, s.plain, s.binding(last))
	s.s.release() // before the write: w may be slow, and Wipe must not wait for it
	s.next++
	s.plain = s.plain[:0]
	_, err = s.w.Write(s.sealed)
	return err
}
