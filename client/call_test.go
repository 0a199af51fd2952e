package client

import (
	"context"
	"errors"
	"fmt"

	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-kms/signet/client/wire"
)

const (
	keyBody  = `{"name":"web","type":"ecdsa-p256","keys":{"1":{"name":"P-256","public_key":"","certificate_chain":"","creation_time":"2026-01-02T03:04:05Z","kid":"k","state":"active"}},"latest_version":1}`
	sealBody = `{"type":"shamir","initialized":true,"sealed":true,"t":3,"n":5,"progress":1}`
)

// Every method: what it sends, and that it reads the recorded answer.
func TestEveryCall(t *testing.T) {
	ctx := context.Background()
	secret := wire.SecretOf("other")
	cases := []struct {
		name   string
		answer http.HandlerFunc
		do     func(*Client) (any, error)
		want   seen
		result string // of %v
	}{
		{"init status", reply(200, `{"initialized":true}`), func(c *Client) (any, error) { return c.Sys().InitStatus(ctx) }, seen{"GET", "/v1/sys/init", "", ""}, "true"},
		{"init", reply(200, `{"keys":["aa","bb"],"keys_base64":["qg==","uw=="],"root_token":"hvs.r"}`),
			func(c *Client) (any, error) {
				out, err := c.Sys().Init(ctx, 2, 2)
				return out.Keys[1].Reveal() + out.RootToken.Reveal(), err
			}, seen{"PUT", "/v1/sys/init", "", `{"secret_shares":2,"secret_threshold":2}`}, "bbhvs.r"},
		{"seal status", reply(200, sealBody), func(c *Client) (any, error) { s, err := c.Sys().SealStatus(ctx); return s.Progress, err }, seen{"GET", "/v1/sys/seal-status", "", ""}, "1"},
		{"unseal", reply(200, sealBody), func(c *Client) (any, error) { s, err := c.Sys().Unseal(ctx, secret); return s.T, err }, seen{"PUT", "/v1/sys/unseal", "", `{"key":"other"}`}, "3"},
		{"reset", reply(200, sealBody), func(c *Client) (any, error) { s, err := c.Sys().ResetUnseal(ctx); return s.N, err }, seen{"PUT", "/v1/sys/unseal", "", `{"reset":true}`}, "5"},
		{"verify share", data(`{"index":2,"generation":1}`), func(c *Client) (any, error) { return c.Sys().VerifyShare(ctx, secret) }, seen{"PUT", "/v1/sys/verify-share", "", `{"key":"other"}`}, "{2 1}"},
		{"seal", reply(204, ""), func(c *Client) (any, error) { return nil, c.Sys().Seal(ctx) }, seen{"PUT", "/v1/sys/seal", canary, ""}, "<nil>"},
		{"health", reply(503, `{"initialized":true,"sealed":true,"reason":"sealed"}`), func(c *Client) (any, error) { h, err := c.Sys().Health(ctx); return h.Reason, err }, seen{"GET", "/v1/sys/health", "", ""}, "sealed"},
		{"leader", reply(200, `{"ha_enabled":true,"is_self":true}`), func(c *Client) (any, error) { l, err := c.Sys().Leader(ctx); return l.IsSelf, err }, seen{"GET", "/v1/sys/leader", "", ""}, "true"},
		{"mounts", data(`{"transit/":{"type":"transit"}}`), func(c *Client) (any, error) { m, err := c.Sys().Mounts(ctx); return m["transit/"].Type, err }, seen{"GET", "/v1/sys/mounts", canary, ""}, "transit"},
		{"metrics", reply(200, "# HELP x\n"), func(c *Client) (any, error) { b, err := c.Sys().Metrics(ctx); return string(b), err }, seen{"GET", "/v1/sys/metrics", canary, ""}, "# HELP x\n"},
		{"barrier status", data(`{"term":3,"install_time":"2026-01-02T03:04:05.6Z","encryptions":7}`), func(c *Client) (any, error) { return c.Sys().BarrierStatus(ctx) }, seen{"GET", "/v1/sys/key-status", canary, ""}, "{3 2026-01-02 03:04:05.6 +0000 UTC 7}"},
		{"rotate barrier", reply(204, ""), func(c *Client) (any, error) { return nil, c.Sys().RotateBarrier(ctx) }, seen{"POST", "/v1/sys/rotate", canary, ""}, "<nil>"},
		{"rotation", data(`{"enabled":true,"max_operations":4294967296,"interval":7776000}`), func(c *Client) (any, error) { return c.Sys().Rotation(ctx) }, seen{"GET", "/v1/sys/rotate/config", canary, ""}, "{true 4294967296 7776000}"},
		{"configure rotation", reply(204, ""), func(c *Client) (any, error) {
			return nil, c.Sys().ConfigureRotation(ctx, wire.RotationRequest{Enabled: wire.BoolOf(false), MaxOperations: wire.IntOf(1000), Interval: wire.DurationOf(48 * time.Hour)})
		}, seen{"POST", "/v1/sys/rotate/config", canary, `{"enabled":false,"max_operations":1000,"interval":172800}`}, "<nil>"},
		{"list policies", data(`{"keys":["default","root"]}`), func(c *Client) (any, error) { return c.Sys().ListPolicies(ctx) }, seen{"GET", "/v1/sys/policies/acl?list=true", canary, ""}, "[default root]"},
		{"read policy", data(`{"name":"p","policy":"path {}"}`), func(c *Client) (any, error) { return c.Sys().ReadPolicy(ctx, "p") }, seen{"GET", "/v1/sys/policies/acl/p", canary, ""}, "path {}"},
		{"write policy", reply(204, ""), func(c *Client) (any, error) { return nil, c.Sys().WritePolicy(ctx, "p", "x") }, seen{"PUT", "/v1/sys/policies/acl/p", canary, `{"policy":"x"}`}, "<nil>"},
		{"delete policy", reply(204, ""), func(c *Client) (any, error) { return nil, c.Sys().DeletePolicy(ctx, "p") }, seen{"DELETE", "/v1/sys/policies/acl/p", canary, ""}, "<nil>"},
		{"check", data(`{"allowed":true,"path":"a","rule":{"policy":"p","path":"a","capabilities":["read"]},"others":[{"policy":"q","path":"*","capabilities":["list"],"why":"w"}]}`), func(c *Client) (any, error) {
			d, err := c.Sys().CheckPolicy(ctx, wire.PolicyCheckRequest{Path: "a", Capabilities: []string{"read"}, Token: secret})
			return fmt.Sprint(d.Allowed, *d.Rule, d.Others), err
		}, seen{"POST", "/v1/sys/policies/check", canary, `{"path":"a","capabilities":["read"],"token":"other"}`}, "true {p a [read]} [{{q * [list]} w}]"},
		{"check text", data(`{"valid":true,"rules":3}`), func(c *Client) (any, error) { return c.Sys().CheckPolicyText(ctx, "x") }, seen{"POST", "/v1/sys/policies/check", canary, `{"policy":"x"}`}, "3"},
		{"capabilities of a token", data(`{"a":["read"]}`), func(c *Client) (any, error) { return c.Sys().CapabilitiesOf(ctx, secret, "a") }, seen{"POST", "/v1/sys/capabilities", canary, `{"token":"other","paths":["a"]}`}, "map[a:[read]]"},
		{"capabilities of an accessor", data(`{"a":["read"]}`), func(c *Client) (any, error) { return c.Sys().CapabilitiesOfAccessor(ctx, "acc", "a") }, seen{"POST", "/v1/sys/capabilities-accessor", canary, `{"accessor":"acc","paths":["a"]}`}, "map[a:[read]]"},
		{"capabilities", data(`{"a/b":["read"]}`), func(c *Client) (any, error) { return c.Sys().Capabilities(ctx, "a/b") }, seen{"POST", "/v1/sys/capabilities-self", canary, `{"paths":["a/b"]}`}, "map[a/b:[read]]"},
		{"create token", reply(200, authBody), func(c *Client) (any, error) {
			a, err := c.Token().Create(ctx, wire.TokenCreateRequest{TTL: wire.DurationOf(time.Hour)})
			return a.ClientToken.Reveal(), err
		}, seen{"POST", "/v1/auth/token/create", canary, `{"ttl":3600}`}, "hvs.new"},
		{"create orphan", reply(200, authBody), func(c *Client) (any, error) {
			a, err := c.Token().CreateOrphan(ctx, wire.TokenCreateRequest{})
			return a.Accessor, err
		}, seen{"POST", "/v1/auth/token/create-orphan", canary, `{}`}, "acc"},
		{"lookup self", data(`{"accessor":"acc","ttl":5}`), func(c *Client) (any, error) { d, err := c.Token().LookupSelf(ctx); return d.TTL, err }, seen{"GET", "/v1/auth/token/lookup-self", canary, ""}, "5"},
		{"lookup", data(`{"accessor":"acc"}`), func(c *Client) (any, error) { d, err := c.Token().Lookup(ctx, secret); return d.Accessor, err }, seen{"POST", "/v1/auth/token/lookup", canary, `{"token":"other"}`}, "acc"},
		{"lookup accessor", data(`{"accessor":"acc"}`), func(c *Client) (any, error) {
			d, err := c.Token().LookupAccessor(ctx, "acc")
			return d.Accessor, err
		}, seen{"POST", "/v1/auth/token/lookup-accessor", canary, `{"accessor":"acc"}`}, "acc"},
		{"renew self", reply(200, authBody), func(c *Client) (any, error) { a, err := c.Token().RenewSelf(ctx, 0); return a.LeaseDuration, err }, seen{"PUT", "/v1/auth/token/renew-self", canary, `{"increment":0}`}, "3600"},
		{"renew", reply(200, authBody), func(c *Client) (any, error) {
			a, err := c.Token().Renew(ctx, secret, time.Minute)
			return a.Renewable, err
		}, seen{"PUT", "/v1/auth/token/renew", canary, `{"token":"other","increment":60}`}, "true"},
		{"renew accessor", reply(200, authBody), func(c *Client) (any, error) {
			a, err := c.Token().RenewAccessor(ctx, "acc", time.Minute)
			return a.Accessor, err
		}, seen{"POST", "/v1/auth/token/renew-accessor", canary, `{"accessor":"acc","increment":60}`}, "acc"},
		{"revoke self", reply(204, ""), func(c *Client) (any, error) { return nil, c.Token().RevokeSelf(ctx) }, seen{"PUT", "/v1/auth/token/revoke-self", canary, ""}, "<nil>"},
		{"revoke", reply(204, ""), func(c *Client) (any, error) { return nil, c.Token().Revoke(ctx, secret) }, seen{"PUT", "/v1/auth/token/revoke", canary, `{"token":"other"}`}, "<nil>"},
		{"revoke accessor", reply(204, ""), func(c *Client) (any, error) { return nil, c.Token().RevokeAccessor(ctx, "acc") }, seen{"POST", "/v1/auth/token/revoke-accessor", canary, `{"accessor":"acc"}`}, "<nil>"},
		{"revoke orphan", reply(204, ""), func(c *Client) (any, error) { return nil, c.Token().RevokeOrphan(ctx, secret) }, seen{"PUT", "/v1/auth/token/revoke-orphan", canary, `{"token":"other"}`}, "<nil>"},
		{"create key", data(keyBody), func(c *Client) (any, error) {
			k, err := c.Transit("").CreateKey(ctx, "web", wire.KeyCreateRequest{Type: wire.KeyECDSAP256})
			return k.Keys["1"].KID, err
		}, seen{"POST", "/v1/transit/keys/web", canary, `{"type":"ecdsa-p256"}`}, "k"},
		{"read key on another mount", data(keyBody), func(c *Client) (any, error) {
			k, err := c.Transit("team/a/").ReadKey(ctx, "web")
			return k.Name, err
		}, seen{"GET", "/v1/team/a/keys/web", canary, ""}, "web"},
		{"list keys", data(`{"keys":["a","b"]}`), func(c *Client) (any, error) { return c.Transit("").ListKeys(ctx) }, seen{"GET", "/v1/transit/keys?list=true", canary, ""}, "[a b]"},
		{"list no keys", reply(404, `{"errors":[],"code":"not_found","request_id":"r"}`), func(c *Client) (any, error) { return c.Transit("").ListKeys(ctx) }, seen{"GET", "/v1/transit/keys?list=true", canary, ""}, "[]"},
		{"configure key", data(keyBody), func(c *Client) (any, error) {
			k, err := c.Transit("").ConfigureKey(ctx, "web", wire.KeyConfigRequest{DeletionAllowed: wire.BoolOf(true)})
			return k.Name, err
		}, seen{"POST", "/v1/transit/keys/web/config", canary, `{"deletion_allowed":true}`}, "web"},
		{"rotate key", data(keyBody), func(c *Client) (any, error) {
			k, err := c.Transit("").RotateKey(ctx, "web")
			return k.LatestVersion, err
		}, seen{"POST", "/v1/transit/keys/web/rotate", canary, `{}`}, "1"},
		{"delete key", reply(204, ""), func(c *Client) (any, error) { return nil, c.Transit("").DeleteKey(ctx, "web") }, seen{"DELETE", "/v1/transit/keys/web", canary, ""}, "<nil>"},
		{"sign", data(`{"signature":"vault:v1:AA==","key_version":1}`), func(c *Client) (any, error) {
			return c.Transit("").Sign(ctx, "web", wire.SignRequest{Input: wire.BytesOf(nil)})
		}, seen{"POST", "/v1/transit/sign/web", canary, `{"input":""}`}, "{vault:v1:AA== 1}"},
		{"sign batch", data(`{"batch_results":[{"error":"no","code":"bad_request","reference":"r"}]}`), func(c *Client) (any, error) {
			out, err := c.Transit("").SignBatch(ctx, "web", wire.SignRequest{BatchInput: []wire.SignItem{{Reference: "r"}}})
			return out[0].Code, err
		}, seen{"POST", "/v1/transit/sign/web", canary, `{"batch_input":[{"reference":"r"}]}`}, "bad_request"},
		{"hmac", data(`{"hmac":"vault:v1:AA=="}`), func(c *Client) (any, error) {
			return c.Transit("").HMAC(ctx, "web", wire.HMACRequest{Input: wire.BytesOf(nil), HashAlgorithm: wire.HashSHA3_256})
		}, seen{"POST", "/v1/transit/hmac/web", canary, `{"hash_algorithm":"sha3-256","input":""}`}, "vault:v1:AA=="},
		{"hmac batch", data(`{"batch_results":[{"hmac":"m","reference":"r"}]}`), func(c *Client) (any, error) {
			out, err := c.Transit("").HMACBatch(ctx, "web", wire.HMACRequest{BatchInput: []wire.HMACItem{{Reference: "r"}}})
			return out[0].HMAC, err
		}, seen{"POST", "/v1/transit/hmac/web", canary, `{"batch_input":[{"reference":"r"}]}`}, "m"},
		{"verify hmac", data(`{"valid":true}`), func(c *Client) (any, error) {
			return c.Transit("").VerifyHMAC(ctx, "web", "m", wire.HMACRequest{Input: wire.BytesOf(nil), HashAlgorithm: wire.HashSHA2_512})
		}, seen{"POST", "/v1/transit/verify/web", canary, `{"hash_algorithm":"sha2-512","input":"","hmac":"m"}`}, "true"},
		{"rewrap", data(`{"ciphertext":"vault:v2:AA==","key_version":2}`), func(c *Client) (any, error) {
			return c.Transit("").Rewrap(ctx, "box", wire.RewrapRequest{Ciphertext: "c", KeyVersion: wire.IntOf(2)})
		}, seen{"POST", "/v1/transit/rewrap/box", canary, `{"ciphertext":"c","key_version":2}`}, "{vault:v2:AA== 2}"},
		{"rewrap batch, of which an item failed", reply(400, `{"data":{"batch_results":[{"error":"no","code":"bad_ciphertext","reference":""}]}}`), func(c *Client) (any, error) {
			out, err := c.Transit("").RewrapBatch(ctx, "box", wire.RewrapRequest{BatchInput: []wire.RewrapItem{{Ciphertext: "c"}}})
			return out[0].Code, err
		}, seen{"POST", "/v1/transit/rewrap/box", canary, `{"batch_input":[{"ciphertext":"c"}]}`}, "bad_ciphertext"},
		{"data key", data(`{"plaintext":"aGk=","ciphertext":"c","key_version":1}`), func(c *Client) (any, error) {
			out, err := c.Transit("").DataKey(ctx, "box", wire.DataKeyRequest{Bits: wire.IntOf(128)})
			plain, _ := out.Plaintext.Value()
			return string(plain) + out.Ciphertext, err
		}, seen{"POST", "/v1/transit/datakey/plaintext/box", canary, `{"bits":128}`}, "hic"},
		{"wrapped data key", data(`{"ciphertext":"c","key_version":1}`), func(c *Client) (any, error) {
			out, err := c.Transit("").WrappedDataKey(ctx, "box", wire.DataKeyRequest{})
			return out.Ciphertext, err
		}, seen{"POST", "/v1/transit/datakey/wrapped/box", canary, `{}`}, "c"},
		{"random", data(`{"random_bytes":"aGk="}`), func(c *Client) (any, error) { b, err := c.Transit("").Random(ctx, 2); return string(b), err },
			seen{"POST", "/v1/transit/random", canary, `{"bytes":2,"format":"base64"}`}, "hi"},
		{"hash", data(`{"sum":"00"}`), func(c *Client) (any, error) {
			return c.Transit("").Hash(ctx, wire.HashRequest{Input: wire.BytesOf([]byte("hi"))})
		}, seen{"POST", "/v1/transit/hash", canary, `{"input":"aGk="}`}, "00"},
		{"verify", data(`{"valid":true}`), func(c *Client) (any, error) {
			return c.Transit("").Verify(ctx, "web", wire.VerifyRequest{Signature: "s"})
		}, seen{"POST", "/v1/transit/verify/web", canary, `{"signature":"s"}`}, "true"},
		{"verify batch", data(`{"batch_results":[{"valid":true,"reference":""}]}`), func(c *Client) (any, error) {
			out, err := c.Transit("").VerifyBatch(ctx, "web", wire.VerifyRequest{BatchInput: []wire.VerifyItem{{Signature: "s"}}})
			return out[0].Valid, err
		}, seen{"POST", "/v1/transit/verify/web", canary, `{"batch_input":[{"signature":"s"}]}`}, "true"},
		{"encrypt", data(`{"ciphertext":"vault:v1:AA==","key_version":1}`), func(c *Client) (any, error) {
			return c.Transit("").Encrypt(ctx, "box", wire.EncryptRequest{Plaintext: wire.BytesOf([]byte("hi"))})
		}, seen{"POST", "/v1/transit/encrypt/box", canary, `{"plaintext":"aGk="}`}, "{vault:v1:AA== 1}"},
		{"encrypt batch of which one failed", reply(400, `{"request_id":"r","data":{"batch_results":[{"ciphertext":"c","key_version":1,"reference":""},{"error":"no","reference":""}]}}`), func(c *Client) (any, error) {
			out, err := c.Transit("").EncryptBatch(ctx, "box", wire.EncryptRequest{BatchInput: make([]wire.EncryptItem, 2)})
			return out[0].Ciphertext + out[1].Error, err
		}, seen{"POST", "/v1/transit/encrypt/box", canary, `{"batch_input":[{},{}]}`}, "cno"},
		{"decrypt to nothing", data(`{"plaintext":""}`), func(c *Client) (any, error) {
			return c.Transit("").Decrypt(ctx, "box", wire.DecryptRequest{Ciphertext: "c"})
		}, seen{"POST", "/v1/transit/decrypt/box", canary, `{"ciphertext":"c"}`}, "[]"},
		{"decrypt batch", data(`{"batch_results":[{"plaintext":"aGk=","reference":""}]}`), func(c *Client) (any, error) {
			out, err := c.Transit("").DecryptBatch(ctx, "box", wire.DecryptRequest{BatchInput: []wire.DecryptItem{{Ciphertext: "c"}}})
			b, _ := out[0].Plaintext.Value()
			return string(b), err
		}, seen{"POST", "/v1/transit/decrypt/box", canary, `{"batch_input":[{"ciphertext":"c"}]}`}, "hi"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.answer)
			client, _ := connect(t, Config{}, s)
			result, err := c.do(client)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(result); got != c.result {
				t.Errorf("result %q, want %q", got, c.result)
			}
			if got := s.requests(); len(got) != 1 || got[0] != c.want {
				t.Errorf("sent %+v, want %+v", got, c.want)
			}
		})
	}
}

// A 200 with the wrong content must not pass as a result: a verdict, a token,
// shares or a plaintext that is missing reads as something else.
func TestIncompleteAnswersAreRefused(t *testing.T) {
	ctx := context.Background()
	calls := map[string]func(*Client) error{
		"init":     func(c *Client) error { _, err := c.Sys().Init(ctx, 1, 1); return err },
		"seal":     func(c *Client) error { _, err := c.Sys().SealStatus(ctx); return err },
		"sign":     safely,
		"verify":   func(c *Client) error { _, err := c.Transit("").Verify(ctx, "k", wire.VerifyRequest{}); return err },
		"encrypt":  func(c *Client) error { _, err := c.Transit("").Encrypt(ctx, "k", wire.EncryptRequest{}); return err },
		"rotate":   lastingly,
		"create":   func(c *Client) error { _, err := c.Token().Create(ctx, wire.TokenCreateRequest{}); return err },
		"hmac":     func(c *Client) error { _, err := c.Transit("").HMAC(ctx, "k", wire.HMACRequest{}); return err },
		"rewrap":   func(c *Client) error { _, err := c.Transit("").Rewrap(ctx, "k", wire.RewrapRequest{}); return err },
		"data key": func(c *Client) error { _, err := c.Transit("").DataKey(ctx, "k", wire.DataKeyRequest{}); return err },
		"random":   func(c *Client) error { _, err := c.Transit("").Random(ctx, 2); return err },
		"hash":     func(c *Client) error { _, err := c.Transit("").Hash(ctx, wire.HashRequest{}); return err },
		"decrypt":  func(c *Client) error { _, err := c.Transit("").Decrypt(ctx, "k", wire.DecryptRequest{}); return err },
		"batch": func(c *Client) error {
			_, err := c.Transit("").SignBatch(ctx, "k", wire.SignRequest{BatchInput: make([]wire.SignItem, 2)})
			return err
		},
		"revoke": func(c *Client) error { return c.Token().RevokeSelf(ctx) },
	}
	answers := map[string]http.HandlerFunc{
		"html":          reply(200, "<html>welcome</html>"),
		"wrong type":    reply(200, `[]`),
		"twice":         reply(200, `{"data":{},"data":{}}`),
		"empty object":  reply(200, `{}`),
		"data is empty": data(`{}`),
		"one result":    data(`{"batch_results":[{"signature":"s","reference":""}]}`),
	}
	// A revocation expects nothing in its answer but an object.
	empty := map[string]bool{"revoke/empty object": true, "revoke/data is empty": true, "revoke/one result": true}
	for name, do := range calls {
		for what, answer := range answers {
			s := serve(t, answer)
			c, _ := connect(t, Config{}, s)
			if err := do(c); !errors.Is(err, ErrBadAnswer) && !empty[name+"/"+what] {
				t.Errorf("%s with %s: %v", name, what, err)
			}
		}
	}
}

func TestAnAnswerOfAnotherTypeIsNotRepeatedInTheError(t *testing.T) {
	s := serve(t, reply(200, `{"auth":{"client_token":["canary-answer"],"accessor":"a"}}`))
	c, _ := connect(t, Config{}, s)
	_, err := c.Token().Create(context.Background(), wire.TokenCreateRequest{})
	if !errors.Is(err, ErrBadAnswer) || !errors.Is(err, ErrOutcomeUnknown) || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	var whole atomic.Bool
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat(" ", 1<<20))
		for range 2 * maxAnswer >> 20 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
		whole.Store(true)
	})
	c, _ := connect(t, Config{}, s)
	if err := safely(c); !errors.Is(err, ErrBadAnswer) {
		t.Errorf("got %v", err)
	}
	if whole.Load() || len(s.requests()) != 1 {
		t.Errorf("read to the end, or asked %d times", len(s.requests()))
	}
}

func TestRedirectsDoNotCarryTheTokenAway(t *testing.T) {
	elsewhere := serve(t, data(`{}`))
	s := serve(t, reply(307, "", "Location", elsewhere.URL+"/v1/sys/mounts"))
	c, _ := connect(t, Config{}, s)
	if _, err := c.Sys().Mounts(context.Background()); err == nil || len(elsewhere.requests()) != 0 {
		t.Errorf("followed: %v, %v", err, elsewhere.requests())
	}
}

func TestWarningsReachTheCaller(t *testing.T) {
	var got []string
	s := serve(t, reply(200, `{"data":`+keyBody+`,"warnings":["key web already\u001b[31m existed"]}`))
	c, _ := connect(t, Config{Warn: func(w string) { got = append(got, w) }}, s)
	if err := lastingly(c); err != nil || len(got) != 1 || got[0] != "key web already[31m existed" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestNoTokenIsSaidBeforeAnythingIsSent(t *testing.T) {
	s := serve(t, data(`{}`))
	c, _ := connect(t, Config{Token: StaticToken(Secret{})}, s)
	if err := safely(c); !errors.Is(err, ErrNoToken) || len(s.requests()) != 0 {
		t.Errorf("got %v", err)
	}
	bare, err := New(Config{Addresses: []string{s.URL}})
	if err != nil {
		t.Fatal(err)
	}
	if err := safely(bare); !errors.Is(err, ErrNoToken) {
		t.Errorf("got %v", err)
	}
}

func TestATokenThatIsNoHeaderValueIsNotRepeated(t *testing.T) {
	s := serve(t, data(`{}`))
	c, _ := connect(t, Config{Token: StaticToken(wire.SecretOf(canary + "\r\nX-Evil: 1"))}, s)
	if err := safely(c); err == nil || strings.Contains(err.Error(), canary) || len(s.requests()) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestNamesThatChangeThePathAreRefused(t *testing.T) {
	ctx := context.Background()
	s := serve(t, data(keyBody))
	c, _ := connect(t, Config{}, s)
	for _, name := range []string{"", ".", "..", "../keys/x", "a/b", "a%2fb", "a?b", "a#b", "-a", "a b", "ä", strings.Repeat("a", 129)} {
		errs := []error{c.Sys().WritePolicy(ctx, name, ""), c.Transit("").DeleteKey(ctx, name)}
		_, err := c.Transit("").ReadKey(ctx, name)
		errs = append(errs, err)
		_, err = c.Sys().ReadPolicy(ctx, name)
		errs = append(errs, err)
		if name != "" {
			_, err = c.Transit(name+"/..").ReadKey(ctx, "web")
			errs = append(errs, err)
		}
		for i, err := range errs {
			if !errors.Is(err, ErrBadName) {
				t.Errorf("%q, call %d: %v", name, i, err)
			}
		}
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestErrorsShowNoSecretAndNoControlCharacters(t *testing.T) {
	s := serve(t, reply(400, `{"errors":["line one\nline \u001b[31mtwo\u202e"],"code":"bad_request","request_id":"req-9"}`))
	c, _ := connect(t, Config{}, s)
	err := safely(c)
	want := "POST transit/sign/web: line one line [31mtwo (status 400, bad_request, request req-9)"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// TLS mistakes are final, and each is recognisable by its own type.
func TestTLSMistakesAreNotRepeated(t *testing.T) {
	hits := 0
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits++ }))
	secure.Config.ErrorLog = discard()
	secure.StartTLS()
	defer secure.Close()
	plain := serve(t, data(keyBody))
	for name, address := range map[string]string{
		"unknown authority":          secure.URL,
		"http where https was meant": strings.Replace(plain.URL, "http://", "https://", 1),
	} {
		c, waits := connect(t, Config{Addresses: []string{address}})
		if err := lastingly(c); err == nil || errors.Is(err, ErrOutcomeUnknown) || len(*waits) != 0 {
			t.Errorf("%s: got %v, waits %v", name, err, *waits)
		}
	}
	c, _ := connect(t, Config{Addresses: []string{strings.Replace(secure.URL, "https://", "http://", 1)}})
	if err := lastingly(c); !errors.Is(err, ErrInvalidRequest) || !strings.Contains(err.Error(), "HTTPS server") {
		t.Errorf("https where http was meant: %v", err)
	}
	if hits != 0 || len(plain.requests()) != 0 {
		t.Error("a request came through")
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(400, []byte(`{"errors":["x"],"code":"bad_request","request_id":"r"}`))
	f.Add(503, []byte("\x1b[2Jdown"))
	f.Add(200, []byte(`{"data":{"signature":"s","key_version":1}}`))
	f.Add(400, []byte(`{"data":{"batch_results":[{}]}}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		cl := call{method: "POST", path: "transit/sign/web", effect: true, accept: isBatch}
		got := &answer{status: status, body: body}
		err := cl.judge(got)
		if err == nil {
			err = cl.decode(got, new(wire.Envelope[*wire.SignData]))
		}
		if err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Fatalf("control characters in %q", err)
		}
	})
}

func TestHealthOfAProxyIsAnError(t *testing.T) {
	s := serve(t, reply(503, `<h1>no backend</h1>`))
	c, _ := connect(t, Config{}, s)
	if _, err := c.Sys().Health(context.Background()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
