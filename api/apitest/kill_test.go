package apitest_test

import (
	"crypto"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/client/wire"
)

// I1 and I4: the process is killed in the middle of a stream of writes and
// signatures from several clients, again and again on the same data. Whatever was
// acknowledged is there afterwards, with the very public keys that were answered;
// what was under way is there or is not; and every signature that left has its
// record.
func TestKillLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	rounds := 6
	if long() {
		rounds = 50
	}
	n := apitest.New(t)
	done := map[string]int{} // kind of effect → how many were acknowledged
	for round := range rounds {
		interrupt(t, n, round, done, func() {
			n.Kill()
			n.Start()
		})
	}
	t.Logf("acknowledged in %d rounds: %v", rounds, done)
	for _, kind := range []string{"create", "rotate", "config", "policy", "token", "revoke", "sign", "encrypt"} {
		if done[kind] == 0 {
			t.Errorf("no %s was acknowledged: the test shows nothing of it", kind)
		}
	}
}

// A stop and a seal in the middle of the same stream lose nothing either, and leave
// no intent without its outcome: CheckAll allows that to a killed process alone.
func TestStopAndSealLoseNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	done := map[string]int{}
	rounds := 8
	if long() {
		rounds = 50
	}
	for round := range rounds {
		interrupt(t, n, round, done, func() {
			if round%2 == 0 {
				n.Restart()
			} else {
				wantStatus(t, n.Do("PUT", "sys/seal", n.Root(), nil), 204)
			}
		})
	}
	t.Logf("acknowledged: %v", done)
}

// interrupt lets clients work, does something to the node that leaves it sealed,
// unseals it, and asks for everything that was acknowledged.
func interrupt(t *testing.T, n *apitest.Node, round int, done map[string]int, act func()) {
	t.Helper()
	var acknowledged atomic.Int64
	workers := make([]*worker, 6)
	var wg sync.WaitGroup
	for i := range workers {
		workers[i] = &worker{
			n: n, name: fmt.Sprintf("r%d-w%d", round, i), root: n.Root(), all: &acknowledged, done: map[string]int{},
			keys: map[string][]string{}, tokens: map[string]bool{}, minimum: map[string]int64{},
		}
		wg.Go(workers[i].run)
	}
	eventually(t, "the clients are at work", func() bool { return acknowledged.Load() > 100 })
	time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
	act()
	wg.Wait()
	n.Unseal()
	for _, w := range workers {
		if w.err != nil {
			t.Errorf("%s: %v", w.name, w.err)
		}
		for _, lost := range w.check() {
			t.Errorf("round %d: %v", round, lost)
		}
		for kind, count := range w.done {
			done[kind] += count
		}
		n.Acked(apitest.Effect{What: "all of " + w.name, Still: func(*apitest.Node) error { return errors.Join(w.check()...) }})
	}
	if t.Failed() {
		t.Fatalf("stopped in round %d", round)
	}
}

// worker is one client with keys, tokens and a policy of its own, so that it knows
// what must be there.
type worker struct {
	n    *apitest.Node
	name string
	root string
	err  error // what no client should see

	certain bool           // the last write was refused with a code that says that nothing happened
	all     *atomic.Int64  // what was acknowledged to all workers
	done    map[string]int // kind of effect → how many were acknowledged

	order      []string            // the keys, as they were made
	maybeKey   string              // whose creation or rotation was under way
	keys       map[string][]string // key → public keys of its versions, from 1
	minimum    map[string]int64    // key → acknowledged min_decryption_version
	maybeMin   string              // a key whose config was under way
	policy     string              // the text last acknowledged, "" for none
	maybe      string              // the text that was under way
	tokens     map[string]bool     // token → it is alive
	maybeToken string              // whose revocation was under way
	signatures []made
	boxes      []made // ciphertexts
}

// made is a signature or ciphertext of input.
type made struct {
	key, text string
	version   int
	input     string
}

func (w *worker) run() {
	for i := 0; ; i++ {
		err := w.step(i)
		if err == nil {
			continue
		}
		var refused *refusal
		if errors.As(err, &refused) {
			code := refused.r.Code()
			w.certain = wire.Code(code).NothingHappened()
			if !w.certain && code != "outcome_unknown" {
				w.err = err
			}
		}
		return // the node is gone, or sealed
	}
}

// refusal is an answer that is no success. None is expected.
type refusal struct{ r apitest.Reply }

func (e *refusal) Error() string { return e.r.String() }

func (w *worker) post(kind, path string, body any) (apitest.Reply, error) {
	r, err := w.n.Send("POST", path, w.root, body)
	if err != nil {
		return r, err
	}
	if r.Status >= 300 {
		return r, &refusal{r}
	}
	w.done[kind]++
	w.all.Add(1)
	return r, nil
}

func (w *worker) step(i int) error {
	if len(w.order) == 0 {
		return w.create()
	}
	switch i % 8 {
	case 0:
		return w.create()
	case 1, 2:
		return w.rotate()
	case 3:
		return w.writePolicy(i)
	case 4:
		return w.token()
	case 5:
		return w.configure()
	case 6:
		return w.encrypt(i)
	}
	return w.sign(i)
}

func (w *worker) create() error {
	name := fmt.Sprintf("%s-k%d", w.name, len(w.order))
	typ := "ecdsa-p256"
	if len(w.order)%3 == 1 {
		typ = "aes256-gcm96"
	}
	w.maybeKey = name
	r, err := w.post("create", "transit/keys/"+name, object{"type": typ})
	if err != nil {
		return err
	}
	w.maybeKey = ""
	w.order = append(w.order, name)
	w.keys[name] = []string{r.Text("data", "keys", "1", "public_key")}
	return nil
}

// pick is a key of the worker; signing says of which kind.
func (w *worker) pick(signing bool) (string, bool) {
	for range 10 {
		name := w.order[rand.IntN(len(w.order))]
		if (w.keys[name][0] != "") == signing {
			return name, true
		}
	}
	return "", false
}

func (w *worker) rotate() error {
	name := w.order[rand.IntN(len(w.order))]
	w.maybeKey = name
	r, err := w.post("rotate", "transit/keys/"+name+"/rotate", nil)
	if err != nil {
		return err
	}
	w.maybeKey = ""
	version := strconv.Itoa(len(w.keys[name]) + 1)
	if v, _ := r.At("data", "latest_version").(json.Number); v.String() != version {
		return &refusal{r}
	}
	w.keys[name] = append(w.keys[name], r.Text("data", "keys", version, "public_key"))
	return nil
}

func (w *worker) configure() error {
	name := w.order[rand.IntN(len(w.order))]
	w.maybeMin = name
	want := int64(1 + rand.IntN(len(w.keys[name])))
	_, err := w.post("config", "transit/keys/"+name+"/config", object{"min_decryption_version": want})
	if err == nil {
		w.minimum[name], w.maybeMin = want, ""
	}
	return err
}

func (w *worker) writePolicy(i int) error {
	w.maybe = fmt.Sprintf("path \"transit/sign/%s-%d\" {\n  capabilities = [\"update\"]\n}\n", w.name, i)
	_, err := w.post("policy", "sys/policies/acl/"+w.name, object{"policy": w.maybe})
	if err == nil {
		w.policy, w.maybe = w.maybe, ""
	}
	return err
}

// token makes a token, and revokes one of those that are there now and then.
func (w *worker) token() error {
	for token, alive := range w.tokens {
		if !alive || len(w.tokens)%2 == 1 {
			continue
		}
		w.maybeToken = token
		if _, err := w.post("revoke", "auth/token/revoke", object{"token": token}); err != nil {
			return err
		}
		w.tokens[token], w.maybeToken = false, ""
		break
	}
	r, err := w.post("token", "auth/token/create", object{"policies": "default"})
	if err == nil {
		w.tokens[r.Text("auth", "client_token")] = true
	}
	return err
}

func (w *worker) sign(i int) error {
	name, ok := w.pick(true)
	if !ok {
		return nil
	}
	input := fmt.Sprintf("%s %d", w.name, i)
	r, err := w.post("sign", "transit/sign/"+name, object{"input": b64(input)})
	if err != nil {
		return err
	}
	version, _ := r.At("data", "key_version").(json.Number)
	v, _ := strconv.Atoi(version.String())
	w.signatures = append(w.signatures, made{name, r.Text("data", "signature"), v, input})
	w.n.Acked(apitest.Effect{What: "a signature of " + name, RequestID: r.RequestID(), Operation: "transit/sign", Output: true})
	return nil
}

func (w *worker) encrypt(i int) error {
	name, ok := w.pick(false)
	if !ok {
		return nil
	}
	r, err := w.post("encrypt", "transit/encrypt/"+name, object{"plaintext": b64(strconv.Itoa(i)), "key_version": len(w.keys[name])})
	if err == nil {
		w.boxes = append(w.boxes, made{name, r.Text("data", "ciphertext"), len(w.keys[name]), strconv.Itoa(i)})
	}
	return err
}

// check says what was acknowledged and is not there.
func (w *worker) check() []error {
	var lost []error
	fail := func(format string, args ...any) {
		lost = append(lost, fmt.Errorf(w.name+": "+format, args...))
	}
	get := func(method, path string, body any) apitest.Reply {
		r, err := w.n.Send(method, path, w.root, body)
		if err != nil {
			fail("%s: %v", path, err)
		}
		return r
	}
	for name, versions := range w.keys {
		r := get("GET", "transit/keys/"+name, nil)
		if r.Status != 200 {
			fail("key %s is gone: %s", name, r)
			continue
		}
		latest, _ := r.At("data", "latest_version").(json.Number)
		most := len(versions)
		if w.maybeKey == name && !w.certain {
			most++
		}
		if l, _ := strconv.Atoi(latest.String()); l < len(versions) || l > most {
			fail("key %s has %d versions, %d were acknowledged, %d may be there", name, l, len(versions), most)
		}
		for i, public := range versions {
			if got := r.Text("data", "keys", strconv.Itoa(i+1), "public_key"); got != public {
				fail("version %d of key %s has public key %q, answered was %q", i+1, name, got, public)
			}
		}
		min, _ := r.At("data", "min_decryption_version").(json.Number)
		if want, ok := w.minimum[name]; ok && min.String() != strconv.FormatInt(want, 10) && (w.maybeMin != name || w.certain) {
			fail("key %s has min_decryption_version %s, acknowledged was %d", name, min, want)
		}
	}
	if _, made := w.keys[w.maybeKey]; w.certain && w.maybeKey != "" && !made {
		if r := get("GET", "transit/keys/"+w.maybeKey, nil); r.Status != 404 {
			fail("key %s is there, and its creation was refused as if nothing had happened: %s", w.maybeKey, r)
		}
	}
	if w.policy != "" {
		r := get("GET", "sys/policies/acl/"+w.name, nil)
		if got := r.Text("data", "policy"); got != w.policy && (got != w.maybe || w.certain) {
			fail("the policy is %q, acknowledged was %q", got, w.policy)
		}
	}
	for token, alive := range w.tokens {
		r := get("POST", "auth/token/lookup", object{"token": token})
		if alive && (token != w.maybeToken || w.certain) && r.Status != 200 || !alive && r.Code() != "token_not_found" {
			fail("a token that is alive: %t: %s", alive, r)
		}
	}
	for _, s := range w.signatures {
		if !w.verifies(s) {
			fail("signature %s of %q by version %d of %s does not verify", s.text, s.input, s.version, s.key)
		}
	}
	for _, b := range w.boxes {
		r := get("POST", "transit/decrypt/"+b.key, object{"ciphertext": b.text})
		if r.Text("data", "plaintext") != b64(b.input) && r.Code() != "version_too_old" {
			fail("a ciphertext of %s: %s", b.key, r)
		}
	}
	return lost
}

// verifies judges a signature by the public key that was answered.
func (w *worker) verifies(s made) bool {
	versions := w.keys[s.key]
	if s.version < 1 || s.version > len(versions) {
		return false
	}
	key := parsePEM(versions[s.version-1])
	text, ok := strings.CutPrefix(s.text, fmt.Sprintf("vault:v%d:", s.version))
	der, err := base64.StdEncoding.DecodeString(text)
	public, isEC := key.(*ecdsa.PublicKey)
	return ok && err == nil && isEC && ecdsa.VerifyASN1(public, digestOf(crypto.SHA256, []byte(s.input)), der)
}
