package jose

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func headerWith(t testing.TB, more string) *EncHeader {
	t.Helper()
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"dir","enc":"A128GCM","cty":"JWT","kid":"k"` + more + `}`))
	e, err := ParseEncrypted(header + ".." + strings.Repeat("A", 16) + ".AA." + strings.Repeat("A", 22))
	if err != nil {
		t.Fatal(err)
	}
	return &e.Header
}

func TestReplicatedClaims(t *testing.T) {
	claims, err := ParseClaims([]byte(`{"iss":"a","sub":"u\u0073er","aud":["x","y"],"exp":9007199254740991,"n":9007199254740993,"o":{"a":1,"b":[true,null]},"kid":"other","nested":"\"}"}`))
	if err != nil {
		t.Fatal(err)
	}
	for more, good := range map[string]bool{
		``: true, `,"iss":"a"`: true, `,"sub":"user"`: true, `,"\u0073ub":"us\u0065r"`: true, `,"aud":[ "x", "y" ]`: true, `,"exp":9007199254740991`: true,
		`,"n":9007199254740993`: true, `,"o":{"a":1,"b":[true,null]}`: true, `,"note":1`: true, `,"nested":"\"}"`: true, `,"x5t":"k"`: true,
		`,"iss":"b"`: false, `,"sub":"admin"`: false, `,"\u0073ub":"admin"`: false, `,"aud":["x"]`: false, `,"aud":"x"`: false, `,"aud":["y","x"]`: false,
		`,"exp":9007199254740990`: false, `,"n":9007199254740992`: false, `,"n":"9007199254740993"`: false, `,"n":null`: false, `,"o":{"a":1,"b":[true]}`: false,
		`,"o":{}`: false, `,"scope":"s"`: false, `,"client_id":"c"`: false, `,"nbf":1`: false, `,"jti":"j"`: false, `,"nested":"\""`: false,
	} {
		if err := headerWith(t, more).CheckReplicated(claims); (err == nil) != good || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", more, err)
		}
	}
}

func FuzzReplicatedClaims(f *testing.F) {
	f.Add(`{"exp":1,"sub":"u"}`, `,"sub":"u"`)
	f.Add(`{"exp":1,"a":{"b":[1.0,"\ud83d\ude00"]}}`, `,"a":{"b":[1.0,"😀"]}`)
	f.Fuzz(func(t *testing.T, payload, more string) {
		claims, err := ParseClaims([]byte(payload))
		if err != nil {
			return
		}
		header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"dir","enc":"A128GCM"` + more + `}`))
		e, err := ParseEncrypted(header + ".." + strings.Repeat("A", 16) + ".AA." + strings.Repeat("A", 22))
		if err != nil {
			return
		}
		if e.Header.CheckReplicated(claims) != nil {
			return
		}
		// What passed agrees about each claim that the server reads.
		if again, err := ParseClaims([]byte(`{"exp":1` + strings.TrimSuffix(more, "}") + `}`)); err == nil {
			if again.Subject != "" && again.Subject != claims.Subject || again.Issuer != "" && again.Issuer != claims.Issuer {
				t.Errorf("%s beside %s", more, payload)
			}
		}
	})
}
