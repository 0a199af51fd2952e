package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

const (
	fewVersions  = 2
	versionLimit = 1.2 // times what it costs with two versions
	versionTurns = 5
	versionConns = 4
)

// versionsPart compares a key with two versions with one that has many.
func (b *bench) versionsPart(ctx context.Context) error {
	n := b.versionsNode
	small := func(i int) string { return fmt.Sprintf("small-%04d", i) }
	b.progress("%d keys with %d versions", b.rotations*versionTurns+1, fewVersions)
	err := repeat(ctx, b.rotations*versionTurns+1, populators, func(ctx context.Context, i int) error {
		if err := n.makeKey(ctx, small(i), "ecdsa-p256"); err != nil {
			return err
		}
		return rotateTo(ctx, n, small(i), fewVersions)
	})
	if err != nil {
		return err
	}
	spare := small(b.rotations * versionTurns)
	t := target{addr: n.addr, pid: n.pid(), token: n.token}
	l := load{conns: versionConns, warm: b.load.warm, length: b.load.length / 2}
	for _, o := range versionOperations() {
		b.progress("%s with %d and with %d versions", o.name, fewVersions, b.versions)
		c, err := b.byVersions(ctx, l, t, o, spare)
		if err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
		b.out.Versions = append(b.out.Versions, c)
	}
	b.progress("rotate with %d and with %d versions", fewVersions, b.versions)
	var turns []turn
	for i := range versionTurns {
		var these turn
		var few, many []exchange
		for j := range b.rotations {
			few = append(few, keyExchange(t, http.MethodPost, small(i*b.rotations+j), "/rotate", fewVersions+1))
			many = append(many, keyExchange(t, http.MethodPost, manyKey, "/rotate", b.versions+1))
		}
		for half, e := range [][]exchange{few, many} {
			if these[half], err = once(ctx, t, e); err != nil {
				return fmt.Errorf("rotate: %w", err)
			}
		}
		turns = append(turns, these)
	}
	b.out.Versions = append(b.out.Versions, compare("rotate", turns, versionLimit))
	return nil
}

// manyKey is the key with many versions.
const manyKey = "many"

func versionOperations() []operation {
	key := func(name, verb string, version int) operation {
		return operation{name: name, verb: verb, keyType: "ecdsa-p256", version: version}
	}
	return []operation{key("read", "", 0), key("read version 1", "", 1), key("sign", "sign", 0), key("sign by version 1", "sign", 1), key("verify by version 1", "verify", 1)}
}

func (b *bench) byVersions(ctx context.Context, l load, t target, o operation, small string) (comparison, error) {
	var both [2][]exchange
	for i, key := range []string{small, manyKey} {
		if o.verb == "" {
			suffix := ""
			if o.version != 0 {
				suffix = fmt.Sprintf("?version=%d", o.version)
			}
			both[i] = []exchange{keyExchange(t, http.MethodGet, key, suffix, fewVersions)}
			continue
		}
		o.key = key
		var err error
		if both[i], err = prepare(ctx, t, o); errors.Is(err, errNotOffered) {
			return comparison{Name: o.name, OK: true, Note: err.Error()}, nil
		} else if err != nil {
			return comparison{}, err
		}
	}
	turns, err := b.turns(ctx, o.name, l, [2]target{t, t}, both)
	return compare(o.name, turns, versionLimit), err
}

// turns measures two conditions by turns.
func (b *bench) turns(ctx context.Context, name string, l load, targets [2]target, both [2][]exchange) ([]turn, error) {
	var turns []turn
	for range b.pairs {
		var these turn
		for i, t := range targets {
			var err error
			if these[i], err = l.run(ctx, t, both[i]); err != nil {
				return nil, err
			}
		}
		b.failed(name, these[0], these[1])
		turns = append(turns, these)
	}
	return turns, nil
}

// keyExchange is a request whose answer describes a key with at least so many
// versions.
func keyExchange(t target, method, key, suffix string, versions int) exchange {
	return exchange{
		request: newRequest(method, t.addr, "/v1/transit/keys/"+key+suffix, t.token, nil),
		form:    []byte(`"latest_version":`), items: 1,
		check: func(body []byte) error {
			var k struct {
				Data struct {
					Latest int `json:"latest_version"`
				} `json:"data"`
			}
			if err := json.Unmarshal(body, &k); err != nil {
				return err
			}
			if k.Data.Latest < versions {
				return fmt.Errorf("%w: a key with %d versions, want %d", errWrong, k.Data.Latest, versions)
			}
			return nil
		},
	}
}

// versionsPolicy allows what this part does.
func versionsPolicy() string {
	return `path "transit/keys/+" { capabilities = ["read"] }
path "transit/keys/+/rotate" { capabilities = ["update"] }
path "transit/sign/+" { capabilities = ["update"] }
path "transit/verify/+" { capabilities = ["update"] }
`
}
