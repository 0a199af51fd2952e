package apitest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// left is the manifest of a data directory that a release left; scripts/releasedata
// writes it and says what the members are.
type left struct {
	Version   string    `json:"version"`
	Made      time.Time `json:"made"`
	Snapshot  bool      `json:"snapshot"`
	Processes []string  `json:"processes"`
	Shares    []string  `json:"shares"`
	RootToken string    `json:"root_token"`
	Tokens    []struct {
		Token    string    `json:"token"`
		Policies []string  `json:"policies"`
		Expires  time.Time `json:"expires"`
	} `json:"tokens"`
	Revoked []string `json:"revoked"`
	Records int      `json:"records"`
	Keys    []struct {
		Name   string `json:"name"`
		Type   string `json:"type"`
		Latest int64  `json:"latest"`
	} `json:"keys"`
	Destroyed []struct {
		Name string `json:"name"`
		Type string `json:"type"`
		Last int64  `json:"last"`
	} `json:"destroyed"`
	Answers []given `json:"answers"`

	Issuers []string `json:"issuers"`
	Issued  []struct {
		Issuer   string    `json:"issuer"`
		Subject  string    `json:"subject"`
		Audience string    `json:"audience"`
		Token    string    `json:"token"`
		JTI      string    `json:"jti"`
		KID      string    `json:"kid"`
		Expires  time.Time `json:"expires"`
		Reason   string    `json:"reason"`
	} `json:"issued"`
	Logins []struct {
		Application string `json:"application"`
		RoleID      string `json:"role_id"`
		SecretID    string `json:"secret_id"`
		Code        string `json:"code"`
	} `json:"logins"`
}

// given is an answer that the release gave to its root token.
type given struct {
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Body   object          `json:"body"`
	Status int             `json:"status"`
	Code   string          `json:"code"`
	Data   json.RawMessage `json:"data"`
}

// What an earlier release has written opens, says what it said, and goes on.
func TestDataOfEarlierReleases(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob(filepath.Join("testdata", "releases", "v*", "*.tar.gz"))
	if err != nil || len(archives) == 0 {
		t.Fatalf("no data of any release (%v)", err)
	}
	for _, archive := range archives {
		name := filepath.Base(filepath.Dir(archive)) + "/" + strings.TrimSuffix(filepath.Base(archive), ".tar.gz")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "release")
			unpack(t, archive, dir)
			m := readManifest(t, dir)
			checkSnapshot(t, m, dir)
			log := readFile(t, filepath.Join(dir, "audit", "audit.log"))
			n := m.adopt(t, dir)
			wantStatus(t, n.Get("transit/keys/ecdsa-p256", n.Root()), 503)
			n.Unseal()
			m.saysTheSame(t, n)
			m.tokens(t, n)
			m.issuance(t, n)
			// It is alone, and so at the level of this build; what only that knows works.
			wantStatus(t, n.Post(autopilotConfig, n.Root(), object{"max_trailing_logs": 2000}), 204)
			if level := number(t, n.Get("sys/health", ""), "feature_level"); level != 1 {
				t.Errorf("feature level %d", level)
			}
			m.goesOn(t, n, log)
		})
	}
}

func readManifest(t *testing.T, dir string) *left {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(readFile(t, filepath.Join(dir, "manifest.json"))))
	dec.DisallowUnknownFields()
	m := &left{}
	if err := dec.Decode(m); err != nil {
		t.Fatalf("manifest: %v", err)
	}
	if len(m.Keys) == 0 || len(m.Destroyed) == 0 || len(m.Answers) == 0 || m.Records == 0 {
		t.Fatal("the manifest has nothing to ask for")
	}
	return m
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// checkSnapshot holds the archive to what it is called.
func checkSnapshot(t *testing.T, m *left, dir string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "data", "raft", "snapshots", "*", "state.bin"))
	if err != nil || (len(found) > 0) != m.Snapshot {
		t.Fatalf("snapshots %v (%v); the manifest says %v", found, err, m.Snapshot)
	}
}

func (m *left) adopt(t *testing.T, dir string) *apitest.Node {
	t.Helper()
	old := apitest.Left{
		DataDir: filepath.Join(dir, "data"), AuditDir: filepath.Join(dir, "audit"), RootToken: m.RootToken, Shares: m.Shares,
	}
	for _, end := range m.Processes {
		old.Killed = append(old.Killed, end == "killed")
	}
	n := apitest.Adopt(t, old)
	for i, token := range m.Tokens {
		n.HandedOut(fmt.Sprintf("token %d", i+1), token.Token)
	}
	for i, token := range m.Revoked {
		n.HandedOut(fmt.Sprintf("revoked token %d", i+1), token)
	}
	for i, login := range m.Logins {
		n.HandedOut(fmt.Sprintf("secret id %d", i+1), login.SecretID)
	}
	return n
}

// saysTheSame asks all questions, before and after a stop.
func (m *left) saysTheSame(t *testing.T, n *apitest.Node) {
	t.Helper()
	for _, a := range m.Answers {
		a.again(t, n)
	}
	n.Restart()
	n.Unseal()
	for _, a := range m.Answers {
		a.again(t, n)
	}
}

// again expects the answer that the release gave. Members may be new, none may be
// missing or another.
func (a *given) again(t *testing.T, n *apitest.Node) {
	t.Helper()
	var body any
	if a.Body != nil {
		body = a.Body
	}
	r := n.Do(a.Method, a.Path, n.Root(), body)
	if r.Status != a.Status || r.Code() != a.Code {
		t.Errorf("%s %s: want status %d %s, got %s", a.Method, a.Path, a.Status, a.Code, r)
		return
	}
	if a.Data == nil {
		return
	}
	want := apitest.Reply{Body: a.Data}.At()
	if where := missing(want, r.At("data")); where != "" {
		t.Errorf("%s %s: data%s is not what it was: %s, and was %s", a.Method, a.Path, where, r, a.Data)
	}
}

// missing is where have lacks something of want; "" if nowhere.
func missing(want, have any) string {
	object, ok := want.(map[string]any)
	if !ok {
		if fmt.Sprint(want) == fmt.Sprint(have) {
			return ""
		}
		return " "
	}
	got, ok := have.(map[string]any)
	if !ok {
		return " "
	}
	for name, value := range object {
		if where := missing(value, got[name]); where != "" {
			return "." + name + strings.TrimSpace(where)
		}
	}
	return ""
}

// tokens expects of each token what the clock makes of it.
func (m *left) tokens(t *testing.T, n *apitest.Node) {
	t.Helper()
	for _, token := range m.Revoked {
		wantStatus(t, n.Get("auth/token/lookup-self", token), 403)
	}
	for _, token := range m.Tokens {
		remaining := time.Until(token.Expires)
		if remaining.Abs() < time.Minute {
			continue // it expires while the test runs
		}
		r := n.Get("auth/token/lookup-self", token.Token)
		if remaining < 0 {
			wantStatus(t, r, 403)
			continue
		}
		wantStatus(t, r, 200)
		if got, want := strs(r, "data", "policies"), append([]string{"default"}, token.Policies...); !slices.Equal(got, want) {
			t.Errorf("a token has the policies %q, want %q", got, want)
		}
	}
	r := n.Get("auth/token/lookup-self", n.Root())
	if wantStatus(t, r, 200); number(t, r, "data", "ttl") != 0 {
		t.Errorf("the root token expires: %s", r)
	}
}

// goesOn writes to the node, kills it, and finds old and new.
func (m *left) goesOn(t *testing.T, n *apitest.Node, log []byte) {
	t.Helper()
	for i := range m.Keys {
		k := &m.Keys[i]
		use(t, n, k.Name, k.Type, k.Latest)
		if k.Type == "rsa-3072" || k.Type == "rsa-4096" {
			continue // making one takes seconds; rsa-2048 shows that it works
		}
		k.Latest++
		n.Must("transit/keys/"+k.Name+"/rotate", nil)
		use(t, n, k.Name, k.Type, k.Latest)
	}
	for _, k := range m.Destroyed {
		r := n.Must("transit/keys/"+k.Name, object{"type": k.Type})
		if got := number(t, r, "data", "latest_version"); got != k.Last+1 {
			t.Errorf("%s was destroyed with version %d and goes on with %d", k.Name, k.Last, got)
		}
		use(t, n, k.Name, k.Type, k.Last+1)
	}
	token := n.Allow("new", "transit/keys/*", "read")
	n.Kill()
	n.Start()
	n.Unseal()
	for _, a := range m.Answers {
		if a.Method == http.MethodPost {
			a.again(t, n)
		}
	}
	for _, k := range m.Keys {
		r := wantStatus(t, n.Get("transit/keys/"+k.Name, token), 200)
		if got := number(t, r, "data", "latest_version"); got != k.Latest {
			t.Errorf("%s is at version %d, want %d", k.Name, got, k.Latest)
		}
	}
	m.issuance(t, n)
	m.auditContinues(t, n, log)
}

// use signs or encrypts with a key, and has the result checked.
func use(t *testing.T, n *apitest.Node, name, typ string, version int64) {
	t.Helper()
	var r apitest.Reply
	if strings.Contains(typ, "gcm") || strings.Contains(typ, "poly1305") {
		r = n.Must("transit/encrypt/"+name, object{"plaintext": b64("new")})
		back := n.Must("transit/decrypt/"+name, object{"ciphertext": r.Text("data", "ciphertext")})
		if back.Text("data", "plaintext") != b64("new") {
			t.Errorf("%s: %s decrypts to %s", name, r, back)
		}
	} else {
		r = n.Must("transit/sign/"+name, object{"input": b64("new")})
		if back := n.Must("transit/verify/"+name, object{"input": b64("new"), "signature": r.Text("data", "signature")}); back.At("data", "valid") != true {
			t.Errorf("%s: %s does not verify: %s", name, r, back)
		}
	}
	if got := number(t, r, "data", "key_version"); got != version {
		t.Errorf("%s used version %d, want %d", name, got, version)
	}
}

// auditContinues expects the old records in front, byte for byte, and numbers
// without a gap after them.
func (m *left) auditContinues(t *testing.T, n *apitest.Node, log []byte) {
	t.Helper()
	whole := log[:bytes.LastIndexByte(log, '\n')+1]
	if got := bytes.Count(whole, []byte("\n")); got != m.Records {
		t.Fatalf("the release wrote %d records, the manifest says %d", got, m.Records)
	}
	f, err := os.Open(n.AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	now, err := io.ReadAll(io.LimitReader(f, int64(len(whole))))
	if err != nil || !bytes.Equal(now, whole) {
		t.Errorf("the records of the release have changed (%v)", err)
	}
	recs, err := n.Audit()
	if err != nil {
		t.Fatal(err)
	}
	if len(recs) <= m.Records || recs[m.Records].Seq != uint64(m.Records)+1 {
		t.Errorf("%d records do not go on after the %d of the release", len(recs), m.Records)
	}
}
