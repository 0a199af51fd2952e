package kms

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/kms/state"
)

// issuerState is the view of a state with one issuer, and what applies a command to
// it.
func issuerState(t *testing.T, age int64) (*view, func(state.Command)) {
	t.Helper()
	st := state.New()
	index, seq := uint64(0), uint64(0)
	at := int64(1_700_000_000e9)
	do := func(c state.Command) {
		t.Helper()
		index, seq = index+1, seq+1
		next, _, err := state.Apply(st, index, &state.Numbered{Epoch: 1, Seq: seq, At: at, Proposal: newProposal(), Command: c})
		if err != nil {
			t.Fatal(err)
		}
		st = next
	}
	do(&state.Genesis{
		Cluster: state.Cluster{ID: "c", TokenKey: randomBytes(32), AuditKey: randomBytes(32)},
		Mount:   state.Mount{UUID: "m", Path: "transit/", Type: "transit"}, Default: state.Policy{Name: "default"},
		Root: state.Token{Hash: randomBytes(32), Accessor: "a", Policies: []string{"root"}},
	})
	do(&state.CreateIssuer{
		Issuer:  state.Issuer{Name: "acme", UUID: "u", Mount: "m", URL: "https://acme.example", Alg: "HS256", MaxAge: age, Lead: 2 * age},
		Key:     state.Key{Mount: "m", Name: "acme", Type: state.HMAC, Issuer: "acme"},
		Version: hmacVersion(1),
	})
	out := &view{State: st, issuers: &issuerCache{}}
	return out, func(c state.Command) {
		do(c)
		*out = view{State: st, issuers: out.issuers.carried(st)}
	}
}

func hmacVersion(n uint32) state.KeyVersion {
	return state.KeyVersion{Mount: "m", Name: "acme", Number: n, Type: state.HMAC, State: state.Active, KID: fmt.Sprint("k", n)}
}

// A view of an issuer lives as long as its record, and no longer.
func TestViewsOfIssuersFollowTheirRecords(t *testing.T) {
	v, do := issuerState(t, 300)
	first, err := v.issuer("acme")
	if err != nil || first.signer.Number != 1 || first.byKID["k1"] != first.signer || first.pending != nil {
		t.Fatalf("%+v %v", first, err)
	}
	if again, _ := v.issuer("acme"); again != first {
		t.Error("found anew within one revision")
	}
	do(&state.PutPolicy{Policy: state.Policy{Name: "p", Text: "t"}})
	if again, _ := v.issuer("acme"); again != first {
		t.Error("a policy makes another issuer")
	}
	before := *v
	do(&state.RotateIssuer{Issuer: "acme", Version: hmacVersion(2)})
	next, _ := v.issuer("acme")
	if next == first || next.signer.Number != 1 || next.pending == nil || next.byKID["k2"] != next.pending || len(next.versions) != 2 {
		t.Errorf("%+v", next)
	}
	if old, _ := before.issuer("acme"); old.Revision != first.Revision || old.pending != nil {
		t.Error("a request with an earlier state sees a later one")
	}
	// A write looks at its own state with the cache of the one before.
	if i, _ := (&view{State: v.State, issuers: before.issuers}).issuer("acme"); i.Revision != next.Revision || i.pending == nil {
		t.Error("a later state sees an earlier record")
	}
	do(&state.PutProfile{Profile: state.Profile{Issuer: "acme", Name: "p", Definition: []byte(`{"ttl":60}`)}})
	if i, _ := v.issuer("acme"); i.profiles["p"] == nil || next.profiles["p"] != nil {
		t.Error("profiles are not those of the revision")
	}
	if _, err := v.issuer("none"); !errors.Is(err, ErrIssuerNotFound) {
		t.Errorf("%v", err)
	}
	do(&state.ConfigIssuer{Name: "acme", DeletionAllowed: new(true)})
	do(&state.DeleteIssuer{Name: "acme", Grace: 0})
	if _, err := v.issuer("acme"); !errors.Is(err, ErrKeyDeleted) {
		t.Errorf("%v", err)
	}
	v.viewOf(v.Issuer("acme"))
	do(&state.DestroyKey{Mount: "m", Name: "acme"})
	if _, kept := v.issuers.byName.Load("acme"); kept {
		t.Error("the cache remembers an issuer that is gone")
	}
}

// As an activation nears nobody may keep the keys past it, and while it is late not
// at all.
func TestMaxAgeNeverPassesAnActivation(t *testing.T) {
	v, do := issuerState(t, 300)
	do(&state.RotateIssuer{Issuer: "acme", Version: hmacVersion(2)})
	i, _ := v.issuer("acme")
	at := i.pending.ActiveAt
	for left, want := range map[time.Duration]int64{
		600 * time.Second: 300, 301 * time.Second: 300, 300 * time.Second: 300, 299 * time.Second: 299, 299*time.Second - 1: 298,
		2 * time.Second: 2, 1999 * time.Millisecond: 1, time.Second: 1, time.Second - 1: 0, time.Millisecond: 0, 0: 300, -time.Hour: 300,
	} {
		if got := i.maxAge(at - int64(left)); got != want {
			t.Errorf("%s before the activation: %d, want %d", left, got, want)
		}
	}
}

func TestURLsOfIssuers(t *testing.T) {
	for _, good := range []string{"https://a", "https://a.example/", "https://a.example:443/b/c", "http://localhost:1", "http://127.9.9.9/x", "http://[::1]", "https://a/%C3%A4"} {
		if err := checkWebURL("issuer", good, false); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "a", "https://", "https:a", "http://a", "http://128.0.0.1", "http://localhost.a", "HTTPS://a", "https://A", "https://a?", "https://a#", "https://a/?b", "https://u@a",
		"https://a/b c", "https://a/\x00", "https://a/ä", "https://a/..", "https://a/./b", "https://a/%2e%2e/b", "https://a/%zz", "https://a\\b", "https://a/\"", "javascript:alert(1)", "https://[::1", "https://:1",
	} {
		if err := checkWebURL("issuer", bad, false); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := checkWebURL("jwks_uri", "https://a/k?v=1", true); err != nil {
		t.Error(err)
	}
}

func FuzzIssuerURL(f *testing.F) {
	for _, seed := range []string{"https://a.example/b", "http://localhost", "https://a?b", "https://a/%2F", "https://[::1]:1/", "https://a/..;/b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if checkWebURL("issuer", text, false) != nil {
			return
		}
		// What is taken goes into headers, documents and logs as it is.
		if strings.ContainsAny(text, "\x00\r\n\t \"<>\\?#@ \x7f") && !strings.Contains(text, "@") {
			t.Errorf("%q is taken", text)
		}
		if !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "http://") {
			t.Errorf("%q is taken", text)
		}
	})
}
