package kms

import (
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/raftstore"
)

// BenchmarkAuthenticate is what every request pays for its token: the MAC, the
// hash, the lookup and the compiled policies.
func BenchmarkAuthenticate(b *testing.B) {
	s, err := Open(Config{
		Store:  raftstore.Options{Dir: b.TempDir(), Dev: true},
		Audit:  audit.Options{Dir: b.TempDir(), Durability: audit.DurabilityOS},
		Logger: hclog.NewNullLogger(), Version: "0.0.0-test",
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	made, err := s.Init(b.Context(), Origin{}, InitRequest{Shares: 1, Threshold: 1})
	if err == nil {
		_, err = s.Unseal(b.Context(), Origin{}, made.Shares[0].Hex())
	}
	if err != nil {
		b.Fatal(err)
	}
	begin := func() *Call {
		c, err := s.Begin(Origin{RequestID: "bench", Method: "POST", Path: "auth/token/create", Remote: "127.0.0.1"})
		if err != nil {
			b.Fatal(err)
		}
		return c
	}
	c := begin()
	if err := s.Authenticate(c, made.RootToken.Reveal()); err != nil {
		b.Fatal(err)
	}
	token, _, err := s.CreateToken(b.Context(), c, TokenRequest{Policies: []string{"default"}})
	if err != nil {
		b.Fatal(err)
	}
	text := token.Reveal()
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Authenticate(begin(), text); err != nil {
			b.Fatal(err)
		}
	}
}
