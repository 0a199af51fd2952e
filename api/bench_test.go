package api

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	stdhmac "crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/signet-kms/signet/client/wire"
)

// benchItems is the size of a batch.
const benchItems = 100

// BenchmarkVerbs is whole requests without the network, single and in batches of
// benchItems, each beside a bare handler that does the same cryptography with
// encoding/json and nothing else: no token, no policy, no audit record.
func BenchmarkVerbs(b *testing.B) {
	s := newServer(b)
	for name, typ := range map[string]string{"ec": "ecdsa-p256", "aes": "aes256-gcm96", "xcha": "xchacha20-poly1305", "mac": "hmac"} {
		do(s, "POST", "/v1/transit/keys/"+name, rootToken, `{"type":"`+typ+`"}`)
	}
	input := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("0123456789abcdef"), 16))
	ciphertexts := map[string]string{}
	for _, key := range []string{"aes", "xcha"} {
		var out struct{ Data wire.EncryptData }
		w := do(s, "POST", "/v1/transit/encrypt/"+key, rootToken, `{"plaintext":"`+input+`"}`)
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			b.Fatal(err)
		}
		ciphertexts[key] = out.Data.Ciphertext
	}
	for _, c := range []struct{ verb, key, field, value string }{
		{"sign", "ec", "input", input}, {"hmac", "mac", "input", input}, {"encrypt", "aes", "plaintext", input}, {"encrypt", "xcha", "plaintext", input},
		{"decrypt", "aes", "ciphertext", ciphertexts["aes"]}, {"rewrap", "aes", "ciphertext", ciphertexts["aes"]},
	} {
		item := fmt.Sprintf(`{%q:%q}`, c.field, c.value)
		batch := `{"batch_input":[` + strings.Repeat(item+",", benchItems-1) + item + `]}`
		for size, body := range map[string]string{"single": item, "batch": batch} {
			b.Run(c.verb+"/"+c.key+"/"+size, func(b *testing.B) { serve(b, s, "/v1/transit/"+c.verb+"/"+c.key, body) })
			if bare := bareVerb(b, c.verb); bare != nil {
				b.Run("bare/"+c.verb+"/"+c.key+"/"+size, func(b *testing.B) { serve(b, bareHandler(c.field, bare), "/", body) })
			}
		}
	}
}

// nobody takes an answer at no cost.
type nobody struct {
	header http.Header
	status int
}

func (w *nobody) Header() http.Header         { return w.header }
func (w *nobody) WriteHeader(status int)      { w.status = status }
func (w *nobody) Write(b []byte) (int, error) { return len(b), nil }

func serve(b *testing.B, h http.Handler, path, body string) {
	r := httptest.NewRequest("POST", path, nil)
	r.RemoteAddr, r.ContentLength = "127.0.0.1:1234", int64(len(body))
	r.Header.Set(wire.HeaderToken, rootToken)
	w := &nobody{header: http.Header{}}
	b.ReportAllocs()
	before, n := cpuTime(b), 0
	for b.Loop() {
		n++
		w.status = 200
		r.URL.Path = path
		r.Body = io.NopCloser(strings.NewReader(body))
		h.ServeHTTP(w, r)
		if w.status != 200 {
			b.Fatal(w.status)
		}
	}
	// What others do on the machine changes the time on the clock much, and this
	// little.
	b.ReportMetric(float64(cpuTime(b)-before)/float64(n)/1e3, "cpu-µs/op")
}

// cpuTime is what the process has used of the processors, in nanoseconds.
func cpuTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// bareVerb is the cryptography of a verb alone, nil if there is no need to see it.
func bareVerb(b *testing.B, verb string) func(in []byte) []byte {
	switch verb {
	case "sign":
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		return func(in []byte) []byte {
			d := sha256.Sum256(in)
			sig, err := ecdsa.SignASN1(rand.Reader, key, d[:])
			if err != nil {
				panic(err)
			}
			return sig
		}
	case "hmac":
		return func(in []byte) []byte {
			m := stdhmac.New(sha256.New, make([]byte, 32))
			m.Write(in)
			return m.Sum(nil)
		}
	case "encrypt":
		block, err := aes.NewCipher(make([]byte, 32))
		if err != nil {
			b.Fatal(err)
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			b.Fatal(err)
		}
		return func(in []byte) []byte {
			out := make([]byte, 12, 12+len(in)+16)
			_, _ = rand.Read(out)
			return gcm.Seal(out, out, in, nil)
		}
	}
	return nil
}

func bareHandler(field string, crypto func(in []byte) []byte) http.Handler {
	type result struct {
		Result     string `json:"ciphertext"`
		KeyVersion int    `json:"key_version"`
	}
	one := func(text string) result {
		in, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			panic(err)
		}
		return result{"vault:v1:" + base64.StdEncoding.EncodeToString(crypto(in)), 1}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		type input struct {
			Input     string `json:"input"`
			Plaintext string `json:"plaintext"`
		}
		var req struct {
			input
			BatchInput []input `json:"batch_input"`
		}
		if err := json.Unmarshal(body, &req); err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "application/json")
		if req.BatchInput == nil {
			_ = json.NewEncoder(w).Encode(map[string]any{"data": one(req.Input + req.Plaintext)})
			return
		}
		results := make([]result, len(req.BatchInput))
		for i, in := range req.BatchInput {
			results[i] = one(in.Input + in.Plaintext)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"batch_results": results}})
	})
}
