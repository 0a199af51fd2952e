package vaultclient

import (
	"bytes"
	"net/http"
	"testing"
)

// A backup is taken and restored as by Vault's own library, and by OpenBao's.
func TestSnapshotAndRestore(t *testing.T) {
	t.Parallel()
	c := newClientOf(t, newDaemon(t, "--config", configured(t)), "")
	made, err := c.Sys().Init(&initRequest{SecretShares: 1, SecretThreshold: 1})
	wantNil(t, err)
	c.SetToken(made.RootToken)
	wantProgress(t, c, made.Keys[0], false, 0)
	wantNil(t, c.Sys().PutPolicy("lost", `path "a" { capabilities = ["read"] }`))
	var file bytes.Buffer
	wantNil(t, c.Sys().RaftSnapshot(&file))
	for _, force := range []bool{false, true} {
		wantNil(t, c.Sys().DeletePolicy("lost"))
		wantNil(t, c.Sys().RaftSnapshotRestore(bytes.NewReader(file.Bytes()), force))
		if text := must[string](t)(c.Sys().GetPolicy("lost")); text == "" {
			t.Errorf("the policy did not come back, force %t", force)
		}
	}
	err = c.Sys().RaftSnapshotRestore(bytes.NewReader(file.Bytes()), false)
	wantStatus(t, err, http.StatusBadRequest, "was restored since")
	err = c.Sys().RaftSnapshotRestore(bytes.NewReader([]byte("no snapshot")), true)
	wantStatus(t, err, http.StatusBadRequest, "no gzip file")
}
