package barrier

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"
)

var streamName = Name{Kind: "snapshot", Version: 4}

func sealStream(t testing.TB, b *Barrier, n Name, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := b.SealStream(&out, n)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.Write(plain); err != nil || got != len(plain) {
		t.Fatalf("write: %d, %v", got, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func openStream(b *Barrier, n Name, sealed []byte) ([]byte, error) {
	r, err := b.OpenStream(bytes.NewReader(sealed), n)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func pattern(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(i*7 + i>>8 + i>>16)
	}
	return out
}

func TestStreamRoundTrip(t *testing.T) {
	b := randomBarrier(t)
	for _, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 2 * chunkSize, 3*chunkSize + 17} {
		plain := pattern(size)
		sealed := sealStream(t, b, streamName, plain)
		chunks := max(1, (size+chunkSize-1)/chunkSize)
		if len(sealed) != streamHeader+size+chunks*overhead {
			t.Errorf("%d bytes in %d", size, len(sealed))
		}
		got, err := openStream(b, streamName, sealed)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: %d, %v", size, len(got), err)
		}
	}
}

func TestStreamInPieces(t *testing.T) {
	b := randomBarrier(t)
	plain := pattern(2*chunkSize + 5)
	var out bytes.Buffer
	w, err := b.SealStream(&out, streamName)
	if err != nil {
		t.Fatal(err)
	}
	for piece := range slices.Chunk(plain, 1000) {
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := b.OpenStream(iotest.OneByteReader(&out), streamName)
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(r, plain); err != nil {
		t.Fatal(err)
	}
}

// cut gives the header and the chunks of a sealed stream.
func cut(sealed []byte) (head []byte, chunks [][]byte) {
	return sealed[:streamHeader], slices.Collect(slices.Chunk(sealed[streamHeader:], sealedChunk))
}

func TestStreamManipulations(t *testing.T) {
	b := randomBarrier(t)
	plain := pattern(3*chunkSize + 100)
	sealed := sealStream(t, b, streamName, plain)
	head, c := cut(sealed)
	_, twin := cut(sealStream(t, b, streamName, plain))
	_, even := cut(sealStream(t, b, streamName, pattern(2*chunkSize)))
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for what, bad := range map[string][]byte{
		"header alone":          head,
		"one whole chunk":       join(head, c[0]),
		"without the last":      join(head, c[0], c[1], c[2]),
		"last cut by a byte":    sealed[:len(sealed)-1],
		"last cut to its nonce": join(head, c[0], c[1], c[2], c[3][:nonceSize]),
		"swapped":               join(head, c[1], c[0], c[2], c[3]),
		"repeated":              join(head, c[0], c[0], c[1], c[2], c[3]),
		"dropped":               join(head, c[0], c[2], c[3]),
		"last only":             join(head, c[3]),
		"spliced from a twin":   join(head, c[0], twin[1], c[2], c[3]),
		"twin's last":           join(head, c[0], c[1], c[2], twin[3]),
		"twin's body":           join(head, twin[0], twin[1], twin[2], twin[3]),
		"extended by a byte":    join(sealed, []byte{0}),
		"extended by its last":  join(sealed, c[3]),
		"extended by a stream":  join(sealed, sealed),
		"full chunk for last":   join(head, c[0], c[1], even[1]),
	} {
		got, err := openStream(b, streamName, bad)
		if !errors.Is(err, ErrOpen) {
			t.Errorf("%s: %v", what, err)
		}
		if !bytes.HasPrefix(plain, got) {
			t.Errorf("%s: yielded bytes that were never sealed there", what)
		}
	}
}

func TestStreamAlteredOrCutAnywhere(t *testing.T) {
	b := newBarrier(t, testCluster, fixedStore(1))
	sealed := sealStream(t, b, streamName, []byte("state"))
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 0x10
		got, err := openStream(b, streamName, bad)
		if len(got) > 0 || !(errors.Is(err, ErrOpen) || i < headerSize && (errors.Is(err, ErrFormat) || errors.Is(err, ErrUnknownTerm))) {
			t.Errorf("flipped byte %d: %q, %v", i, got, err)
		}
		if got, err := openStream(b, streamName, sealed[:i]); len(got) > 0 || !errors.Is(err, ErrOpen) {
			t.Errorf("cut to %d: %q, %v", i, got, err)
		}
	}
	for what, open := range map[string]func() ([]byte, error){
		"another kind":    func() ([]byte, error) { return openStream(b, Name{Kind: "backup", Version: 4}, sealed) },
		"another version": func() ([]byte, error) { return openStream(b, Name{Kind: "snapshot", Version: 5}, sealed) },
		"another cluster": func() ([]byte, error) {
			return openStream(newBarrier(t, "other", fixedStore(1)), streamName, sealed)
		},
	} {
		if got, err := open(); len(got) > 0 || !errors.Is(err, ErrOpen) {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	if _, err := openStream(b, streamName, seal(t, b, streamName, make([]byte, 64))); !errors.Is(err, ErrFormat) {
		t.Errorf("a value as a stream: %v", err)
	}
}

// TestStreamHasOneForm: a full stream may not end in an empty chunk as well.
func TestStreamHasOneForm(t *testing.T) {
	b := newBarrier(t, testCluster, fixedStore(1))
	var out bytes.Buffer
	s, err := b.newSealer(b.Term(), &out, streamName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(pattern(chunkSize)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.flush(false), s.flush(true)); err != nil {
		t.Fatal(err)
	}
	if _, err := openStream(b, streamName, out.Bytes()); !errors.Is(err, ErrOpen) {
		t.Errorf("an empty last chunk: %v", err)
	}
}

func TestStreamNotClosedIsTruncated(t *testing.T) {
	b := randomBarrier(t)
	var out bytes.Buffer
	w, err := b.SealStream(&out, streamName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(pattern(2 * chunkSize)); err != nil {
		t.Fatal(err)
	}
	if _, err := openStream(b, streamName, out.Bytes()); !errors.Is(err, ErrOpen) {
		t.Errorf("without Close: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("more")); !errors.Is(err, ErrStreamClosed) {
		t.Errorf("write after close: %v", err)
	}
	before := out.Len()
	if err := w.Close(); err != nil || out.Len() != before {
		t.Errorf("second close: %v", err)
	}
	if _, err := openStream(b, streamName, out.Bytes()); err != nil {
		t.Error(err)
	}
}

func TestStreamWipedMidway(t *testing.T) {
	ts := fixedStore(1)
	b := newBarrier(t, testCluster, ts)
	sealed := sealStream(t, b, streamName, pattern(2*chunkSize))
	var out bytes.Buffer
	w, err := b.SealStream(&out, streamName)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.OpenStream(bytes.NewReader(sealed), streamName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, chunkSize)); err != nil {
		t.Fatal(err)
	}
	b.Wipe()
	if _, err := io.ReadAll(r); !errors.Is(err, ErrWiped) {
		t.Errorf("read after wipe: %v", err)
	}
	if _, err := w.Write(pattern(2 * chunkSize)); !errors.Is(err, ErrWiped) {
		t.Errorf("write after wipe: %v", err)
	}
	if err := w.Close(); !errors.Is(err, ErrWiped) {
		t.Errorf("close after wipe: %v", err)
	}
	if _, err := openStream(newBarrier(t, testCluster, ts), streamName, out.Bytes()); !errors.Is(err, ErrOpen) {
		t.Errorf("a stream that a wipe ended: %v", err)
	}
}

type failingWriter struct{ left int }

var errDisk = errors.New("disk full")

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

func TestStreamPassesOnErrors(t *testing.T) {
	b := randomBarrier(t)
	if _, err := b.SealStream(&failingWriter{}, streamName); !errors.Is(err, errDisk) {
		t.Errorf("header: %v", err)
	}
	w, err := b.SealStream(&failingWriter{left: streamHeader + sealedChunk}, streamName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(pattern(3 * chunkSize)); !errors.Is(err, errDisk) {
		t.Errorf("write: %v", err)
	}
	if err := w.Close(); !errors.Is(err, errDisk) {
		t.Errorf("close hides the failed write: %v", err)
	}
	sealed := sealStream(t, b, streamName, pattern(chunkSize+1))
	for _, at := range []int{3, streamHeader, streamHeader + 5, streamHeader + sealedChunk, len(sealed) - 1} {
		r, err := b.OpenStream(io.MultiReader(bytes.NewReader(sealed[:at]), iotest.ErrReader(errDisk)), streamName)
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if !errors.Is(err, errDisk) {
			t.Errorf("read error at %d: %v", at, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	b := newBarrier(f, testCluster, fixedStore(1))
	f.Add(seal(f, b, Name{Kind: "k"}, []byte("value")))
	f.Add(sealStream(f, b, Name{Kind: "k"}, []byte("stream")))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		named := func(err error) {
			if !errors.Is(err, ErrOpen) && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrUnknownTerm) {
				t.Fatalf("unnamed error: %v", err)
			}
		}
		if out, err := b.Open(Name{Kind: "k"}, in); err != nil {
			named(err)
		} else if string(out) != "value" {
			t.Fatal("a forgery opens")
		}
		if out, err := openStream(b, Name{Kind: "k"}, in); err != nil {
			named(err)
		} else if string(out) != "stream" {
			t.Fatal("a forged stream opens")
		}
		mac := in
		if err := b.VerifyMAC("fuzz", nil, mac); err == nil {
			t.Fatal("a forged code verifies")
		} else if !errors.Is(err, ErrMAC) {
			named(err)
		}
	})
}
