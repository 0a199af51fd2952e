package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"
)

// The files of a backup, in the one order in which they stand in the archive. The
// last has the name that Vault's clients look for.
const (
	fileMeta   = "meta.json"
	fileSeal   = "seal.json"
	fileRoster = "roster.json"
	fileState  = "state.bin"
	fileSums   = "SHA256SUMS"
	fileSealed = "SHA256SUMS.sealed"
)

// Bounds of the files that are read whole, in bytes. The state is not.
const (
	maxMeta   = 64 << 10
	maxSeal   = 5 << 20
	maxRoster = 8 << 20
	maxSums   = 4 << 10
	maxSealed = 64 << 10
)

// Content is what goes into a backup.
type Content struct {
	Meta   Meta
	Seal   []byte // the seal record's body
	Roster []byte // the roster's body
	// State writes Meta.StateSize bytes, the sealed state.
	State func(w io.Writer) error
	// Sign seals the list of checksums.
	Sign func(sums []byte) ([]byte, error)
}

// Write writes a backup as it is made, and keeps none of it. Errors are those of w,
// of State and of Sign; what was written then is no backup, and no reader takes it
// for one.
func Write(w io.Writer, c *Content) error {
	c.Meta.Format, c.Meta.Version = Format, Version
	meta, err := c.Meta.marshal()
	if err != nil {
		return err
	}
	if _, err := parseMeta(meta); err != nil {
		return err
	}
	// The state is ciphertext: to compress it would cost time and gain nothing.
	z, err := gzip.NewWriterLevel(w, gzip.NoCompression)
	if err != nil {
		return err
	}
	a := &archive{tar: tar.NewWriter(z)}
	a.bytes(fileMeta, meta)
	a.bytes(fileSeal, c.Seal)
	a.bytes(fileRoster, c.Roster)
	a.file(fileState, c.Meta.StateSize, c.State)
	sums := []byte(a.sums.String())
	a.bytes(fileSums, sums)
	if a.err == nil {
		var sealed []byte
		if sealed, a.err = c.Sign(sums); a.err == nil {
			a.bytes(fileSealed, sealed)
		}
	}
	if a.err == nil {
		a.err = a.tar.Close()
	}
	if a.err == nil {
		a.err = z.Close()
	}
	return a.err
}

type archive struct {
	tar  *tar.Writer
	sums strings.Builder
	err  error // sticky
}

func (a *archive) bytes(name string, b []byte) {
	a.file(name, int64(len(b)), func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(b))
		return err
	})
}

func (a *archive) file(name string, size int64, write func(io.Writer) error) {
	if a.err != nil {
		return
	}
	h := header(name, size)
	if a.err = a.tar.WriteHeader(&h); a.err != nil {
		return
	}
	sum := sha256.New()
	if a.err = write(io.MultiWriter(a.tar, sum)); a.err == nil {
		a.err = a.tar.Flush() // says whether all of size was written
	}
	a.sums.WriteString(sumLine(sum, name))
}

// header is a file's header in the archive: no owner, no time.
func header(name string, size int64) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, Format: format(size)}
}

// format is the plain one, unless the size does not fit into it.
func format(size int64) tar.Format {
	if size >= 8<<30 {
		return tar.FormatGNU
	}
	return tar.FormatUSTAR
}

// sumLine is a line as sha256sum writes it.
func sumLine(sum hash.Hash, name string) string {
	return fmt.Sprintf("%s  %s\n", hex.EncodeToString(sum.Sum(nil)), name)
}
