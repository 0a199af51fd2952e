package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"strings"
)

// Reader reads a backup as a stream. The small files are there at once; the state
// is then read from State to its end, and Close says whether the whole is sound.
// Until then nothing that was read may be acted on.
type Reader struct {
	Meta   *Meta
	Seal   []byte // the seal record's body
	Roster []byte // the roster's body

	from  *source
	in    *bufio.Reader
	gzip  *gzip.Reader
	tar   *tar.Reader
	sums  strings.Builder // of the files read so far
	state hash.Hash
	left  int64 // bytes of the state
}

// Checksums is what vouches for a backup that Reader found sound.
type Checksums struct {
	Sums   []byte // a line for each file before it
	Sealed []byte // Sums, under the barrier's seal
}

// NewReader reads what stands before the state. Errors: ErrFormat, and those of r.
func NewReader(r io.Reader) (*Reader, error) {
	b := &Reader{from: &source{r: r}, state: sha256.New()}
	b.in = bufio.NewReaderSize(b.from, 64<<10)
	var err error
	if b.gzip, err = gzip.NewReader(b.in); err != nil {
		return nil, b.judge(err, "it is no gzip file")
	}
	b.gzip.Multistream(false)
	if h := b.gzip.Header; h.Name != "" || h.Comment != "" || len(h.Extra) != 0 || !h.ModTime.IsZero() {
		return nil, broken("its gzip header has what no backup has")
	}
	b.tar = tar.NewReader(b.gzip)
	meta, err := b.small(fileMeta, maxMeta)
	if err != nil {
		return nil, err
	}
	if b.Meta, err = parseMeta(meta); err != nil {
		return nil, err
	}
	if b.Seal, err = b.small(fileSeal, maxSeal); err != nil {
		return nil, err
	}
	if b.Roster, err = b.small(fileRoster, maxRoster); err != nil {
		return nil, err
	}
	b.left, err = b.next(fileState)
	if err == nil && b.left != b.Meta.StateSize {
		err = broken("%s is %d bytes long and should be %d", fileState, b.left, b.Meta.StateSize)
	}
	return b, err
}

// judge keeps an error of the source, and makes one about the content ErrFormat.
func (b *Reader) judge(err error, otherwise string) error {
	switch {
	case err == nil:
		return nil
	case b.from.err != nil:
		return b.from.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return broken("it is cut short")
	case errors.Is(err, gzip.ErrChecksum):
		return broken("its content is damaged")
	}
	return broken("%s", otherwise)
}

// next goes to the file that must come now, and returns its size.
func (b *Reader) next(name string) (int64, error) {
	h, err := b.tar.Next()
	if err != nil {
		return 0, b.judge(err, "its archive is damaged")
	}
	want := header(name, h.Size)
	if h.Name != want.Name || h.Typeflag != want.Typeflag || h.Mode != want.Mode || h.Format != want.Format ||
		h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" || h.Linkname != "" || len(h.PAXRecords) != 0 || h.ModTime.Unix() != 0 {
		return 0, broken("where %s should stand is something else", name)
	}
	return h.Size, nil
}

// small reads a file whole.
func (b *Reader) small(name string, most int64) ([]byte, error) {
	size, err := b.next(name)
	if err != nil {
		return nil, err
	}
	if size > most || size == 0 {
		return nil, broken("%s is %d bytes long", name, size)
	}
	var buf bytes.Buffer // grows with what is there
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(&buf, sum), b.tar); err != nil {
		return nil, b.judge(err, "its archive is damaged")
	}
	b.sums.WriteString(sumLine(sum, name))
	return buf.Bytes(), nil
}

// Read reads the sealed state. Errors: io.EOF at its end, ErrFormat, and those of
// the source.
func (b *Reader) Read(p []byte) (int, error) {
	n, err := b.tar.Read(p)
	b.state.Write(p[:n])
	b.left -= int64(n)
	if err == io.EOF && b.left == 0 {
		return n, io.EOF
	}
	return n, b.judge(err, "its archive is damaged")
}

// Close reads what is left of the state, and all behind it. Its result is sound as
// far as anybody can say without the barrier. Errors: ErrFormat, and those of the
// source.
func (b *Reader) Close() (*Checksums, error) {
	if _, err := io.Copy(io.Discard, struct{ io.Reader }{b}); err != nil {
		return nil, err
	}
	b.sums.WriteString(sumLine(b.state, fileState))
	computed := b.sums.String()
	sums, err := b.small(fileSums, maxSums)
	if err != nil {
		return nil, err
	}
	if string(sums) != computed {
		return nil, broken("the checksums in it are those of other files")
	}
	sealed, err := b.small(fileSealed, maxSealed)
	if err != nil {
		return nil, err
	}
	return &Checksums{sums, sealed}, b.end()
}

// end demands that nothing follows. The archive must be read to its last byte: the
// checksum of all of it comes then.
func (b *Reader) end() error {
	if _, err := b.tar.Next(); err != io.EOF {
		if err == nil {
			return broken("there are files in it that no backup has")
		}
		return b.judge(err, "its archive is damaged")
	}
	if n, err := io.Copy(io.Discard, b.gzip); err != nil {
		return b.judge(err, "its content is damaged")
	} else if n != 0 {
		return broken("there is something behind its last file")
	}
	if _, err := b.in.ReadByte(); err != io.EOF {
		if err == nil {
			return broken("there is something behind its end")
		}
		return b.judge(err, "it cannot be read")
	}
	return nil
}

// source remembers why it could not be read, which is no fault of the backup.
type source struct {
	r   io.Reader
	err error // other than io.EOF
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
