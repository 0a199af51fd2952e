package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// dueEntries is more entries than make a snapshot due (2048 in every release).
const dueEntries = 2100

// story is the life of one data directory.
func (d *daemon) story(v variant) error {
	last := stopped
	if v.killed {
		last = killed
	}
	steps := []func() error{d.start, d.found, d.unseal}
	if v.snapshot {
		steps = append(steps, d.fill, d.moveAudit)
	}
	steps = append(steps, d.policiesAndTokens, d.keys, d.issuance, d.again(killed), d.rotations, d.destroy)
	if v.snapshot {
		steps = append(steps, d.awaitSnapshot, d.again(killed), d.tail)
	}
	steps = append(steps, d.again(stopped), d.questions, func() error { return d.end(last) }, d.countRecords)
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// again is a step that restarts the server.
func (d *daemon) again(how string) func() error {
	return func() error { return d.restart(how) }
}

// found makes the cluster, with three shares of which two are needed.
func (d *daemon) found() error {
	r, err := d.must(http.MethodPut, "sys/init", map[string]int{"secret_shares": 3, "secret_threshold": 2})
	if err != nil {
		return err
	}
	if len(r.body.Keys) != 3 {
		return errors.New("init: want three shares")
	}
	d.m.RootToken, d.m.Shares = r.body.RootToken, r.body.Keys[:2]
	return nil
}

func (d *daemon) unseal() error {
	for i, share := range d.m.Shares {
		r, err := d.must(http.MethodPut, "sys/unseal", map[string]string{"key": share})
		if err != nil {
			return err
		}
		if r.body.Sealed == nil || *r.body.Sealed != (i < len(d.m.Shares)-1) {
			return fmt.Errorf("unseal: unexpected answer to share %d", i+1)
		}
	}
	return nil
}

func (d *daemon) policiesAndTokens() error {
	for name, text := range map[string]string{
		"signer": "path \"transit/sign/*\" {\n  capabilities = [\"update\"]\n}\npath \"transit/verify/*\" {\n  capabilities = [\"update\"]\n}\n",
		"reader": "path \"transit/keys\" {\n  capabilities = [\"list\"]\n}\npath \"transit/keys/+\" {\n  capabilities = [\"read\"]\n}\n",
		"nobody": "path \"transit/keys/secret\" {\n  capabilities = [\"deny\"]\n}\n",
	} {
		if _, err := d.must(http.MethodPut, "sys/policies/acl/"+name, map[string]string{"policy": text}); err != nil {
			return err
		}
	}
	if _, err := d.must(http.MethodDelete, "sys/policies/acl/nobody", nil); err != nil {
		return err
	}
	for _, policies := range [][]string{{"signer"}, {"reader", "signer"}} {
		if err := d.token(map[string]any{"policies": policies, "ttl": "768h", "display_name": policies[0], "meta": map[string]string{"of": "a fixture"}}); err != nil {
			return err
		}
	}
	if err := d.token(map[string]any{"policies": []string{"reader"}, "ttl": "768h", "no_parent": true}); err != nil {
		return err
	}
	// The last one is revoked: it must stay dead.
	last := len(d.m.Tokens) - 1
	d.m.Revoked = append(d.m.Revoked, d.m.Tokens[last].Token)
	d.m.Tokens = d.m.Tokens[:last]
	_, err := d.must(http.MethodPost, "auth/token/revoke", map[string]string{"token": d.m.Revoked[0]})
	return err
}

func (d *daemon) token(body map[string]any) error {
	r, err := d.must(http.MethodPost, "auth/token/create", body)
	if err != nil {
		return err
	}
	d.m.Tokens = append(d.m.Tokens, token{
		Token: r.body.Auth.ClientToken, Policies: body["policies"].([]string),
		Expires: time.Now().Add(time.Duration(r.body.Auth.LeaseDuration) * time.Second).UTC().Truncate(time.Second),
	})
	return nil
}

// types are all types of key that any release has had, with the number of
// versions that are made. A release that does not know one is not asked for it.
func types() map[string]int {
	return map[string]int{
		"ecdsa-p256": 3, "ecdsa-p384": 2, "ecdsa-p521": 2, "ed25519": 3, "rsa-2048": 2, "rsa-3072": 2, "rsa-4096": 2,
		"aes256-gcm96": 3, "aes128-gcm96": 2, "chacha20-poly1305": 2, "xchacha20-poly1305": 2,
	}
}

// keys makes one key of each type, and two for what comes.
func (d *daemon) keys() error {
	for _, typ := range slices.Sorted(maps.Keys(types())) {
		r, err := d.send(http.MethodPost, "transit/keys/"+typ, map[string]string{"type": typ})
		if err != nil {
			return err
		}
		if r.body.Code == "unknown_key_type" {
			continue
		}
		if r.status != http.StatusOK {
			return fmt.Errorf("making a key of type %s: status %d: %v", typ, r.status, r.body.Errors)
		}
		d.m.Keys = append(d.m.Keys, key{typ, typ, 1})
		if err := d.samples(&d.m.Keys[len(d.m.Keys)-1]); err != nil {
			return err
		}
	}
	if err := d.makeKey("raised", "aes256-gcm96"); err != nil {
		return err
	}
	return d.makeKey("raised-signer", "ecdsa-p256")
}

func (d *daemon) makeKey(name, typ string) error {
	if _, err := d.must(http.MethodPost, "transit/keys/"+name, map[string]string{"type": typ}); err != nil {
		return err
	}
	d.m.Keys = append(d.m.Keys, key{name, typ, 1})
	return d.samples(&d.m.Keys[len(d.m.Keys)-1])
}

// rotations gives every key its further versions, with samples of each, and
// raises what a key still accepts.
func (d *daemon) rotations() error {
	for i := range d.m.Keys {
		k := &d.m.Keys[i]
		want, plain := types()[k.Name]
		if !plain {
			want = 3
		}
		for k.Latest < want {
			if err := d.rotate(k); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"raised", "raised-signer"} {
		if _, err := d.must(http.MethodPost, "transit/keys/"+name+"/config", map[string]int{"min_decryption_version": 2}); err != nil {
			return err
		}
	}
	return nil
}

func (d *daemon) rotate(k *key) error {
	if _, err := d.must(http.MethodPost, "transit/keys/"+k.Name+"/rotate", nil); err != nil {
		return err
	}
	k.Latest++
	return d.samples(k)
}

// destroy makes keys that are destroyed: one whose name is free, one whose name
// was used again and then destroyed once more.
func (d *daemon) destroy() error {
	for _, k := range []struct {
		name, typ string
		lives     []int // the versions that each has made
	}{{"gone", "ecdsa-p256", []int{3}}, {"gone-twice", "aes256-gcm96", []int{2, 1}}} {
		last := 0
		for _, versions := range k.lives {
			if err := d.liveAndDie("transit/keys/"+k.name, k.typ, versions); err != nil {
				return err
			}
			last += versions
		}
		d.m.Destroyed = append(d.m.Destroyed, destroyed{k.name, k.typ, last})
	}
	return nil
}

func (d *daemon) liveAndDie(path, typ string, versions int) error {
	if _, err := d.must(http.MethodPost, path, map[string]string{"type": typ}); err != nil {
		return err
	}
	for range versions - 1 {
		if _, err := d.must(http.MethodPost, path+"/rotate", nil); err != nil {
			return err
		}
	}
	if _, err := d.must(http.MethodPost, path+"/config", map[string]bool{"deletion_allowed": true}); err != nil {
		return err
	}
	_, err := d.must(http.MethodDelete, path+"?grace=0", nil) // 0.1.0 knew no grace period and ignores the query
	return err
}

// fill makes entries of the smallest kind until a snapshot is due. It is taken
// within a minute; what is written until then is in it too.
func (d *daemon) fill() error {
	jobs := make(chan struct{}, dueEntries)
	for range dueEntries {
		jobs <- struct{}{}
	}
	close(jobs)
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for range jobs {
				if _, errs[i] = d.must(http.MethodDelete, "sys/policies/acl/nobody", nil); errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// moveAudit takes the audit log away, as an operator may: the records of fill are
// many, alike, and pack badly.
func (d *daemon) moveAudit() error {
	if err := d.end(stopped); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(d.dir, "audit")); err != nil {
		return err
	}
	d.m.Processes = nil
	if err := d.start(); err != nil {
		return err
	}
	return d.unseal()
}

// tail writes what no snapshot has.
func (d *daemon) tail() error {
	for i := range d.m.Keys {
		if k := &d.m.Keys[i]; k.Name == "ecdsa-p256" || k.Name == "aes256-gcm96" || k.Name == "raised" {
			if err := d.rotate(k); err != nil {
				return err
			}
		}
	}
	if err := d.makeKey("late", "ed25519"); err != nil {
		return err
	}
	_, err := d.must(http.MethodPut, "sys/policies/acl/late", map[string]string{"policy": "path \"sys/mounts\" {\n  capabilities = [\"read\"]\n}\n"})
	return err
}

// countRecords counts the lines of the audit log that are whole.
func (d *daemon) countRecords() error {
	log, err := os.ReadFile(filepath.Join(d.dir, "audit", "audit.log"))
	d.m.Records = bytes.Count(log, []byte("\n"))
	return err
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
