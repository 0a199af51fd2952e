package barrier

import (
	"bytes"
	"testing"
)

func TestStreamSizeIsTheSizeOfAStream(t *testing.T) {
	t.Parallel()
	ts, err := NewTermStore(1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := New("c", ts)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3 * chunkSize, 3*chunkSize + 7} {
		var buf bytes.Buffer
		w, err := b.SealStream(&buf, Name{Kind: "test"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if int64(buf.Len()) != StreamSize(int64(n)) {
			t.Errorf("%d bytes are sealed as %d, StreamSize says %d", n, buf.Len(), StreamSize(int64(n)))
		}
	}
}
