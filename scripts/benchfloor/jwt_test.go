package main

import (
	"strings"
	"testing"
	"time"
)

// What the floor issues it verifies, and nothing else.
func TestTokensOfTheFloor(t *testing.T) {
	_, post := floor(t)
	post2 := func(path, body string) reply { return post("/jwt/"+path, body) }
	sign := func(body string) reply { return post2("sign/"+issuerName+"/access", body) }
	verify := func(token, audience string) reply {
		return post2("verify/"+issuerName, `{"token":"`+token+`","audience":"`+audience+`"}`)
	}
	got := parse[issued](t, sign(`{"sub":"user:1","aud":"a","ttl":"10m","claims":{"role":"clerk","n":9007199254740993}}`))
	if len(got.JTI) != 22 || got.KID != issuerKID || time.Until(got.Expires) < 9*time.Minute {
		t.Errorf("%+v", got)
	}
	if v := parse[checked](t, verify(got.Token, "a")); !v.Active || !strings.Contains(string(v.Claims), `"n":9007199254740993`) || !strings.Contains(string(v.Header), "at+jwt") {
		t.Errorf("%+v", v)
	}
	other := parse[issued](t, sign(`{"sub":"user:2","aud":"a","ttl":"10m"}`))
	mixed := strings.Split(got.Token, ".")
	mixed[1] = strings.Split(other.Token, ".")[1]
	for name, r := range map[string]reply{
		"audience": verify(got.Token, "b"), "payload of another": verify(strings.Join(mixed, "."), "a"), "no token": verify("x", "a"),
		"no ttl": sign(`{"sub":"user:1"}`), "a claim of the issuer": sign(`{"ttl":"1m","claims":{"iss":"x"}}`), "no JSON": sign(`{`),
	} {
		if r.status != 400 {
			t.Errorf("%s: status %d, %s", name, r.status, r.body)
		}
	}
}
