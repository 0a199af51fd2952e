package barrier

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
)

func TestKeysAreNotPrinted(t *testing.T) {
	ts := fixedStore(1)
	b := newBarrier(t, testCluster, ts)
	raw := ts.terms().list[0].key[:]
	sealing := b.state().terms[1].sealing[:]
	w, err := b.SealStream(&bytes.Buffer{}, streamName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(raw); err != nil { // stands for a plaintext under way
		t.Fatal(err)
	}
	r, err := b.OpenStream(bytes.NewReader(sealStream(t, b, streamName, append([]byte{0}, raw...))), streamName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	type nested struct { // fmt skips methods on unexported fields
		ts TermStore
		b  Barrier
		p  *TermStore
		w  io.WriteCloser
		r  io.Reader
	}
	values := map[string]any{
		"TermStore":   *ts,
		"*TermStore":  ts,
		"Barrier":     *b,
		"*Barrier":    b,
		"writer":      w,
		"reader":      r,
		"slice":       []*TermStore{ts},
		"map":         map[string]TermStore{"x": *ts},
		"nested":      nested{*ts, *b, ts, w, r},
		"nested by *": &nested{*ts, *b, ts, w, r},
	}
	for name, v := range values {
		var outs []string
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%U", "%p", "%t"} {
			outs = append(outs, fmt.Sprintf(verb, v))
		}
		js, _ := json.Marshal(v)
		outs = append(outs, string(js))
		var log, binary bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		_ = gob.NewEncoder(&binary).Encode(v)
		outs = append(outs, log.String(), binary.String())
		for _, out := range outs {
			for _, secret := range [][]byte{raw, sealing} {
				for _, form := range []string{
					string(secret), hex.EncodeToString(secret[:8]), strings.ToUpper(hex.EncodeToString(secret[:8])),
					base64.StdEncoding.EncodeToString(secret)[:10], fmt.Sprint(secret[:4])[1:], fmt.Sprintf("%#v", secret[:4])[8:20],
				} {
					if strings.Contains(out, strings.TrimSuffix(form, "]")) {
						t.Errorf("%s printed a key: %s", name, out)
					}
				}
			}
		}
	}
	for name, v := range map[string]any{"TermStore": *ts, "*TermStore": ts, "Barrier": *b, "*Barrier": b} {
		if got := fmt.Sprintf("%v|%+v|%#v|%s|%q|%d", v, v, v, v, v, v); strings.Count(got, redactedText) != 6 {
			t.Errorf("%s: %s", name, got)
		}
		if _, err := json.Marshal(v); err == nil {
			t.Errorf("%s became JSON", name)
		}
		if _, err := v.(interface{ MarshalText() ([]byte, error) }).MarshalText(); err == nil {
			t.Errorf("%s became text", name)
		}
		if _, err := v.(interface{ MarshalBinary() ([]byte, error) }).MarshalBinary(); err == nil {
			t.Errorf("%s became binary", name)
		}
	}
}
