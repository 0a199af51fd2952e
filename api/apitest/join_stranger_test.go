package apitest_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

// between is somebody at the address of a node of the cluster, whose certificate is
// good. It keeps what it is sent.
type between struct {
	mu    sync.Mutex
	heard []byte
	admit func(body []byte) []byte // what it answers to a request to join
}

func (b *between) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	b.heard = append(append(b.heard, []byte(r.URL.String())...), body...)
	for name, values := range r.Header {
		b.heard = append(b.heard, name+": "+strings.Join(values, ",")...)
	}
	b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(r.URL.Path, "/raft/admit") {
		_, _ = w.Write(b.admit(body))
		return
	}
	w.WriteHeader(http.StatusNotFound)
}

// A node that joins hands its token to nobody: not to who took the place of a node of
// the cluster, and not to who passes everything on. What comes back altered is refused.
func TestAJoinTokenIsGivenToNobody(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 1)
	first := c.Nodes[0]
	n := c.Add("n2")
	n.Start()
	token := c.JoinToken("n2", false)
	answer := func(change func(map[string]any)) func([]byte) []byte {
		return func(body []byte) []byte {
			var sent map[string]any
			must(t, json.Unmarshal(body, &sent))
			r := first.Post("sys/storage/raft/admit", "", sent)
			if r.Status != 200 {
				t.Errorf("the cluster refused what was passed on: %s", r)
			}
			var out map[string]any
			must(t, json.Unmarshal(r.Body, &out))
			change(out["data"].(map[string]any))
			b, err := json.Marshal(out)
			must(t, err)
			return b
		}
	}
	stranger := &between{admit: func([]byte) []byte {
		return []byte(`{"data":{"certificate":"AAAA","roster":"e30="}}`)
	}}
	server := httptest.NewServer(stranger)
	defer server.Close()
	join := func() apitest.Reply {
		return n.Do(http.MethodPost, "sys/storage/raft/join", "", object{"leader_api_addr": server.URL, "join_token": token})
	}
	wantText(t, wantError(t, join(), 400, "invalid_credentials"), "not of the cluster")
	// With everything from the cluster itself, but for another address of the leader.
	stranger.admit = answer(func(data map[string]any) {
		roster, err := base64.StdEncoding.DecodeString(data["roster"].(string))
		must(t, err)
		altered := strings.Replace(string(roster), `"suffrage":"voter"`, `"suffrage":"replica"`, 1)
		if altered == string(roster) {
			t.Fatal("nothing was altered")
		}
		data["roster"] = base64.StdEncoding.EncodeToString([]byte(altered))
	})
	wantText(t, wantError(t, join(), 400, "invalid_credentials"), "not of the cluster")
	stranger.admit = answer(func(map[string]any) {})
	wantStatus(t, join(), 200)
	c.Admitted(n)
	c.Settle()

	secret, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[2])
	must(t, err)
	stranger.mu.Lock()
	defer stranger.mu.Unlock()
	for what, text := range map[string]string{
		"the token": token, "its secret": strings.Split(token, ".")[2], "the secret in base64": base64.StdEncoding.EncodeToString(secret), "the secret's bytes": string(secret),
	} {
		if strings.Contains(string(stranger.heard), text) {
			t.Errorf("who stands in between has %s", what)
		}
	}
}
