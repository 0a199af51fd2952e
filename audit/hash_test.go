package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

func TestHash(t *testing.T) {
	l := mustOpen(t, Options{})
	if got := l.Hash([]byte("x")); got != "" {
		t.Errorf("a hash without a key: %s", got)
	}
	// RFC 4231, test case 2.
	key := []byte("Jefe")
	l.SetHashKey(key)
	const want = "hmac-sha256:5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	key[0] = 'X' // the log has its own copy
	for range 3 {
		if got := l.Hash([]byte("what do ya want for nothing?")); got != want {
			t.Errorf("got %s", got)
		}
	}
	l.SetHashKey([]byte("other"))
	if got := l.Hash([]byte("what do ya want for nothing?")); got == want {
		t.Error("the old key is still in use")
	}
	l.SetHashKey(nil)
	if got := l.Hash([]byte("x")); got != "" {
		t.Errorf("a hash after seal: %s", got)
	}
}

// TestHashConcurrent: pooled states do not mix, also while the key changes.
func TestHashConcurrent(t *testing.T) {
	l := mustOpen(t, Options{})
	keys := [][]byte{[]byte("key a"), []byte("key b")}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			in := fmt.Append(nil, "input ", w)
			var want [2]string
			for k, key := range keys {
				m := hmac.New(sha256.New, key)
				m.Write(in)
				want[k] = fmt.Sprintf("hmac-sha256:%x", m.Sum(nil))
			}
			for i := range 500 {
				l.SetHashKey(keys[i%2])
				if got := l.Hash(in); got != want[0] && got != want[1] {
					t.Errorf("got %s", got)
				}
			}
		})
	}
	wg.Wait()
}

// TestKeyDoesNotShow prints everything that holds the key in every way.
func TestKeyDoesNotShow(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789ABCDEF")
	l := mustOpen(t, Options{})
	l.SetHashKey(secret)
	l.Hash([]byte("x"))
	k := l.key.Load()
	var out strings.Builder
	logger := slog.New(slog.NewJSONHandler(&out, nil))
	for name, v := range map[string]any{"hashKey": k, "holder": struct{ K any }{k}, "Log": l} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb, v)
		}
		logger.Info("x", "v", v)
		b, err := json.Marshal(v)
		if name != "Log" && err == nil {
			t.Errorf("%s marshals to %s", name, b)
		}
		out.Write(b)
	}
	if _, err := k.MarshalText(); err == nil {
		t.Error("marshals to text")
	}
	for _, form := range []string{
		string(secret), hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)),
		base64.StdEncoding.EncodeToString(secret), strings.Trim(fmt.Sprint(secret), "[]"),
	} {
		if strings.Contains(out.String(), form) {
			t.Errorf("the key shows as %s", form)
		}
	}
	if !strings.Contains(out.String(), redactedKey) {
		t.Error("nothing was printed")
	}
}
