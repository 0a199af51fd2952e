package barrier

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// OpenStream decrypts what SealStream wrote under the same name. It returns only
// bytes that were authenticated, but whether the stream is whole is known at its
// end alone: act on nothing before Read answered io.EOF. It reads ahead of what
// it returns. One goroutine at a time.
// Errors: ErrFormat, ErrUnknownTerm, ErrUnnamed, ErrWiped; and from Read ErrOpen
// (altered, cut, reordered, spliced, extended), ErrWiped, and those of r.
func (b *Barrier) OpenStream(r io.Reader, n Name) (io.Reader, error) {
	o, err := b.newOpener(r, n)
	if err != nil {
		return nil, err
	}
	return hiddenReader{read: o.Read}, nil
}

func (b *Barrier) newOpener(r io.Reader, n Name) (*opener, error) {
	if n.Kind == "" {
		return nil, ErrUnnamed
	}
	head := make([]byte, streamHeader)
	if _, err := io.ReadFull(r, head); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = ErrOpen
		}
		return nil, err
	}
	if head[0] != layoutStream {
		return nil, ErrFormat
	}
	st := stream{s: b.state(), term: binary.BigEndian.Uint64(head[1:]), name: n, id: string(head[headerSize:])}
	if _, err := st.s.acquire(st.term); err != nil {
		return nil, err
	}
	st.s.release()
	return &opener{
		stream: st,
		r:      bufio.NewReaderSize(r, 4<<10),
		sealed: make([]byte, sealedChunk),
		buffer: make([]byte, 0, chunkSize),
	}, nil
}

type opener struct {
	stream
	r      *bufio.Reader
	sealed []byte // scratch, sealedChunk long
	buffer []byte // scratch behind plain
	plain  []byte // authenticated, not yet returned
	err    error  // sticky; io.EOF after the last chunk
}

func (o *opener) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(o.plain) == 0 {
		if o.err != nil {
			clear(o.buffer[:cap(o.buffer)])
			return 0, o.err
		}
		o.plain, o.err = o.fill()
	}
	n := copy(p, o.plain)
	o.plain = o.plain[n:]
	return n, nil
}

// fill opens the next chunk. With the last one it returns io.EOF as well.
func (o *opener) fill() ([]byte, error) {
	n, err := io.ReadFull(o.r, o.sealed)
	switch {
	case err == nil:
		_, err = o.r.Peek(1)
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = io.EOF
	}
	if err != nil && err != io.EOF {
		return nil, err
	}
	last := err == io.EOF
	k, err := o.s.acquire(o.term)
	if err != nil {
		return nil, err
	}
	defer o.s.release()
	plain, err := appendOpened(o.buffer[:0], &k.sealing, o.sealed[:n], o.binding(last))
	if err != nil {
		return nil, err
	}
	if len(plain) == 0 && o.next > 0 { // a second way to write the same stream
		return nil, ErrOpen
	}
	o.next++
	if last {
		return plain, io.EOF
	}
	return plain, nil
}
