package kms

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// swapped is a file that is another one when it is read again.
type swapped struct {
	*bytes.Reader
	next []byte
}

func (s *swapped) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekStart && s.next != nil {
		s.Reader, s.next = bytes.NewReader(s.next), nil
	}
	return s.Reader.Seek(offset, whence)
}

// The seal record and the members are of the first reading of the file, and the state of
// the second: both must be of the same bytes.
func TestABackupThatChangesWhileItIsRead(t *testing.T) {
	n := newNode(t)
	save := func() []byte {
		b, err := n.newBackup()
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := b.Write(&out); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	first, second := save(), save() // of one index, under other nonces
	prepare := func(second []byte) error {
		file := &swapped{Reader: bytes.NewReader(first)}
		r, err := NewResurrection(n.cfg, file, nil)
		if err != nil {
			t.Fatal(err)
		}
		file.next = second
		if _, _, err := r.Share(n.share); err != nil {
			t.Fatal(err)
		}
		_, err = r.Prepare(true)
		return err
	}
	if err := prepare(first); err != nil {
		t.Errorf("the same file: %v", err)
	}
	if err := prepare(second); !errors.Is(err, ErrBadSnapshot) {
		t.Errorf("another file of the same state: %v", err)
	}
}
