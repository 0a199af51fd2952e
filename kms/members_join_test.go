package kms

import (
	"context"
	"encoding/base64"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/raftstore"
)

// Anybody may have a node without data ask some address to admit it. However long that
// takes, an operator makes a cluster of the node meanwhile.
func TestAJoinThatHangsIsInNobodysWay(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Config{
		Store:  raftstore.Options{Dir: filepath.Join(dir, "raft"), NodeID: "n1", Address: "127.0.0.1:1", Listen: "127.0.0.1:0"},
		Audit:  audit.Options{Dir: filepath.Join(dir, "audit"), Durability: audit.DurabilityOS},
		Logger: hclog.NewNullLogger(), Version: "0.0.0-test", APIAddr: "http://127.0.0.1:1",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	word := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	token := joinTokenPrefix + ".id." + word + "." + word
	refused := errors.New("not admitted")
	join := func(then func()) error {
		return s.Join(t.Context(), Origin{Remote: "192.0.2.1"}, token, func(context.Context, *AdmitRequest) (*AdmitResponse, error) {
			then()
			return nil, refused
		})
	}
	err = join(func() {
		beside := 0
		err := join(func() {
			if err := join(func() { t.Error("a third one asked at the same time") }); !errors.Is(err, ErrBusy) {
				t.Errorf("a third join: %v", err)
			}
			beside++
		})
		if !errors.Is(err, refused) || beside != 1 {
			t.Errorf("a second join: %v", err)
		}
		made := make(chan error, 1)
		go func() {
			_, err := s.Init(t.Context(), Origin{}, InitRequest{Shares: 1, Threshold: 1})
			made <- err
		}()
		select {
		case err := <-made:
			if err != nil {
				t.Errorf("init: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("init waits for the join")
		}
	})
	if !errors.Is(err, refused) {
		t.Errorf("%v", err)
	}
	if err := join(func() {}); !errors.Is(err, ErrInitialized) {
		t.Errorf("afterwards: %v", err)
	}
}
