package raftstore

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestIdentityIsKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, newBook())
	id := s.Identity()
	if !strings.HasPrefix(id.NodeID, "node-") || id.Incarnation == "" {
		t.Errorf("%+v", id)
	}
	public, err := x509.ParsePKIXPublicKey(id.Public)
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := public.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("public key is %T", public)
	}
	closeStore(t, s)
	if got := open(t, dir, newBook()).Identity(); got.NodeID != id.NodeID || got.Incarnation != id.Incarnation || !bytes.Equal(got.Public, id.Public) {
		t.Errorf("%+v, before %+v", got, id)
	}
	other := open(t, t.TempDir(), newBook()).Identity()
	if other.NodeID == id.NodeID || other.Incarnation == id.Incarnation || bytes.Equal(other.Public, id.Public) {
		t.Errorf("two directories share %+v and %+v", other, id)
	}
}

func TestNodeIDMismatch(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ wanted, got string }{{"alpha", "alpha"}, {"alpha", "alpha"}, {"", "alpha"}, {"beta", ""}} {
		s, err := Open(Options{Dir: dir, NodeID: c.wanted}, newBook())
		if c.got == "" {
			wantErr(t, err, ErrNodeID)
			for _, word := range []string{"alpha", "beta", dir} {
				if err != nil && !strings.Contains(err.Error(), word) {
					t.Errorf("%v does not say %s", err, word)
				}
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if s.Identity().NodeID != c.got {
			t.Errorf("wanted %q: %q", c.wanted, s.Identity().NodeID)
		}
		closeStore(t, s)
	}
}

// Beside existing state a lost or damaged identity is never replaced.
func TestDamagedIdentity(t *testing.T) {
	dir := t.TempDir()
	s := lead(t, dir, newBook())
	closeStore(t, s)
	for _, name := range []string{nodeKeyFile, nodeIDFile, incarnationFile} {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for what, data := range map[string][]byte{
			"missing":  nil,
			"empty":    {},
			"cut":      whole[:len(whole)-1],
			"trailing": append(bytes.Clone(whole), '\n'),
			"leading":  append([]byte(" "), whole...),
		} {
			os.Remove(path)
			if data != nil {
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s, err := Open(Options{Dir: dir}, newBook())
			if err == nil {
				s.Close()
			}
			if wantErr(t, err, ErrIdentity); err != nil && !strings.Contains(err.Error(), path) {
				t.Errorf("%s %s: %v does not name the file", name, what, err)
			}
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lead(t, dir, newBook())
}

// The log of one node beside the identity of another.
func TestForeignLog(t *testing.T) {
	mine, theirs := t.TempDir(), t.TempDir()
	for _, dir := range []string{mine, theirs} {
		closeStore(t, lead(t, dir, newBook()))
	}
	data, err := os.ReadFile(filepath.Join(theirs, logFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(mine, logFile), data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(Options{Dir: mine}, newBook())
	wantErr(t, err, ErrIdentity)
}

func TestNodeKeyFormat(t *testing.T) {
	good, err := newNodeKeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseNodeKey(good); err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	for name, data := range map[string][]byte{
		"nothing":     nil,
		"wrong type":  encode("EC PRIVATE KEY", p256),
		"wrong curve": encode(nodeKeyPEMType, p384),
		"wrong kind":  encode(nodeKeyPEMType, ed),
		"two keys":    append(bytes.Clone(good), good...),
		"no DER":      pem.EncodeToMemory(&pem.Block{Type: nodeKeyPEMType, Bytes: []byte("x")}),
		"header":      pem.EncodeToMemory(&pem.Block{Type: nodeKeyPEMType, Headers: map[string]string{"a": "b"}, Bytes: []byte("x")}),
	} {
		if _, err := parseNodeKey(data); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNodeKeyDoesNotShow(t *testing.T) {
	data, err := newNodeKeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	key, err := parseNodeKey(data)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := key.key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{string(raw), fmt.Sprintf("%x", raw), fmt.Sprintf("%X", raw), fmt.Sprint(raw), new(big.Int).SetBytes(raw).String()}
	for _, form := range []any{key, *key, []any{key}, struct{ K *nodeKey }{key}, struct{ K nodeKey }{*key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			out := fmt.Sprintf(verb, form)
			for _, secret := range secrets {
				if strings.Contains(out, secret) {
					t.Errorf("%s of %T shows it", verb, form)
				}
			}
			if _, direct := form.(*nodeKey); direct && out != redactedKey {
				t.Errorf("%s gives %q", verb, out)
			}
		}
		if out, err := json.Marshal(form); err == nil {
			t.Errorf("JSON of %T: %s", form, out)
		}
	}
	if _, err := key.MarshalText(); err == nil {
		t.Error("text")
	}
	var log bytes.Buffer
	for _, logger := range []*slog.Logger{slog.New(slog.NewTextHandler(&log, nil)), slog.New(slog.NewJSONHandler(&log, nil))} {
		logger.Info("x", "key", key, "value", *key)
	}
	if strings.Count(log.String(), redactedKey) != 4 {
		t.Errorf("slog: %s", log.String())
	}
}

func FuzzParseNodeKey(f *testing.F) {
	good, err := newNodeKeyPEM()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := parseNodeKey(data)
		if err != nil {
			return
		}
		if _, err := key.public(); err != nil {
			t.Error(err)
		}
	})
}
