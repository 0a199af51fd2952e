package api

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/signet-kms/signet/kms"
)

// What a header cannot carry unchanged is left out, and what it can is not touched.
func TestPlainHeader(t *testing.T) {
	for in, want := range map[string]string{
		"user:1": "user:1", "a b, c; d=\"e\"": "a b, c; d=\"e\"", "": "", "100%": "100%",
		"user:1\r\nX-Signet-Scope: admin": "", "a\nb": "", "a\x00": "", "a\tb": "", "\x7f": "", "é": "", "\xff": "", "\u2028": "",
		" user:1": "", "user:1 ": "", "\u00a0user:1": "",
	} {
		if got := plainHeader(in); got != want {
			t.Errorf("%q becomes %q", in, got)
		}
	}
}

func TestDemandsOfAQuery(t *testing.T) {
	got, err := queryDemands("audience=api%3A%2F%2Forders&scope=a+b&typ=at%2Bjwt&profile=access&max_age=1h")
	want := kms.JWTDemand{Audience: "api://orders", Scope: "a b", Typ: "at+jwt", Profile: "access", MaxAge: 3600e9}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = queryDemands(""); err != nil || got != (kms.JWTDemand{}) {
		t.Errorf("%+v, %v", got, err)
	}
	for query, want := range map[string]error{
		"audience=a&audience=b": errFormTwice, "audience=a&%61udience=a": errFormTwice, "audience=%zz": errFormSyntax, "audience=%ff": errFormSyntax,
		"audience=": errDemandEmpty, "audience": errDemandEmpty, "scope=a&audience=": errDemandEmpty,
		"aud=a": errDemandName, "Audience=a": errDemandName, "single_use=true": errDemandName, "list=1": errDemandName,
		"typ=at+jwt": errDemandTyp, "max_age=x": errDemandAge, "max_age=-1": errDemandAge, "max_age=0": errDemandAge,
	} {
		if _, err := queryDemands(query); err != want {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestDemandsOfHeaders(t *testing.T) {
	got, err := headerDemands(http.Header{"X-Signet-Audience": {"api"}, "X-Signet-Scope": {"a b"}, "X-Signet-Type": {"at+jwt"}})
	if err != nil || got != (kms.JWTDemand{Audience: "api", Scope: "a b", Typ: "at+jwt"}) {
		t.Errorf("%+v, %v", got, err)
	}
	for name, h := range map[string]http.Header{
		"none": {}, "an empty audience": {"X-Signet-Audience": {""}}, "two audiences": {"X-Signet-Audience": {"api", "mine"}},
		"scope alone": {"X-Signet-Scope": {"a"}}, "two scopes": {"X-Signet-Audience": {"api"}, "X-Signet-Scope": {"a", ""}},
		"an empty type": {"X-Signet-Audience": {"api"}, "X-Signet-Type": {""}}, "two types": {"X-Signet-Audience": {"api"}, "X-Signet-Type": {"JWT", "JWT"}},
	} {
		if _, err := headerDemands(h); err != errDemandHeader {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBearer(t *testing.T) {
	for _, c := range []struct {
		lines     []string
		token     string
		presented bool
	}{
		{nil, "", false}, {[]string{""}, "", false}, {[]string{"Basic Zm9v"}, "", false}, {[]string{"Bearerabc"}, "", false},
		{[]string{"Bearer abc"}, "abc", true}, {[]string{"bEARER abc"}, "abc", true}, {[]string{"Bearer   abc "}, "abc", true},
		{[]string{"Bearer"}, "", true}, {[]string{"Bearer "}, "", true},
		{[]string{"Bearer abc", "Bearer abc"}, "", true}, {[]string{"Basic Zm9v", "Bearer abc"}, "", true},
		{[]string{"Bearer abc, Bearer def"}, "abc, Bearer def", true},
	} {
		if token, presented := bearerOf(http.Header{"Authorization": c.lines}); token != c.token || presented != c.presented {
			t.Errorf("%q: %q, %t", c.lines, token, presented)
		}
	}
}

// Whatever an end user asks for, a gateway's path stays the gateway's, and is never
// taken for the form that the gateway does not use.
func FuzzGatewayPath(f *testing.F) {
	for _, seed := range []string{"/", "//", "/?audience=mine", "/..", "/%2e%2e/x", "/../../sys/health", "/a%2fb", `/a\b`, "/a%5cb", "/a%2Bb(c)", "/%00", "/ä", "*", "", "?audience=mine", "/.%2e/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, asked string) {
		u, err := url.ParseRequestURI(gatewayPath + "acme" + asked)
		if err != nil {
			return
		}
		r := &http.Request{Method: "GET", URL: u, Header: http.Header{}}
		rq := &request{s: &Server{}, r: r}
		err = rq.s.screen(rq)
		switch path, _, _ := strings.Cut(asked, "?"); {
		case err != nil:
		case strings.HasPrefix(path, "/"):
			if !rq.behind || r.URL.Path != gatewayPath+"acme" || rq.origin.Path != "jwt/authorize/acme" || rq.origin.Method != "POST" {
				t.Errorf("%q is %s %q, behind %t", asked, rq.origin.Method, rq.origin.Path, rq.behind)
			}
		case rq.behind && !strings.Contains(path, "/"):
			t.Errorf("%q is taken for a path behind", asked)
		}
	})
}

// A gateway's path with a second spelling is refused: its demands would be looked for
// in another place.
func TestGatewayPathsHaveOneSpelling(t *testing.T) {
	s := newServer(t)
	do(s, "POST", "/v1/jwt/issuers/acme", rootToken, `{"issuer":"https://acme.example"}`)
	for target, want := range map[string]int{
		"/v1/jwt/authorize/acme": 401, "/v1/jwt/authorize/acme?audience=a": 401,
		"//v1/jwt/authorize/acme": 400, "/v1//jwt/authorize/acme": 400, "/v1/jwt/authorize//acme": 400, "/v1/jwt/authorize//acme/": 400, "/v1//jwt/authorize/acme/?audience=a": 400,
		"/v1/jwt/authorize/%61cme": 400, "/v1/jwt/authorize/acme/": 400, "/v1/jwt/authorize/acme//": 400, "/v1/jwt/authorize/acme/x?audience=a": 400,
		"/v1/jwt/authorize/acme?list=true": 405, "/v1/jwt/authorize/": 404, "/v1/jwt/authorize/.acme/x": 404, "/v1/jwt/authorize/acme*": 400,
	} {
		if w := do(s, "GET", target, rootToken, ""); w.Code != want {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	for _, method := range []string{"PUT", "CONNECT", "OPTIONS", "HEAD", "DELETE", "PROPFIND"} {
		if w := do(s, method, "/v1/jwt/authorize/acme", rootToken, ""); w.Code != 405 {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
}

// FuzzDemands: no query and no header makes demands that cannot stand in a challenge.
func FuzzDemands(f *testing.F) {
	s := newServer(f)
	do(s, "POST", "/v1/jwt/issuers/acme", rootToken, `{"issuer":"https://acme.example"}`)
	f.Add("audience=a&scope=a+b", "a", "a b", "Bearer x")
	f.Add("scope=%22", "a", `a" , x="`, "bearer")
	f.Add("typ=at%2Bjwt&max_age=1h&profile=access", "", "\t", "Basic x")
	f.Fuzz(func(t *testing.T, query, audience, scope, authorization string) {
		for _, target := range []string{"/v1/jwt/authorize/acme?" + query, "/v1/jwt/authorize/acme/?" + query} {
			u, err := url.ParseRequestURI(target)
			if err != nil {
				return
			}
			r := httptest.NewRequest("GET", "/", nil)
			r.URL = u
			r.Header.Set("X-Vault-Token", rootToken)
			r.Header["Authorization"] = []string{authorization}
			if strings.Contains(target, "/?") {
				r.Header["X-Signet-Audience"], r.Header["X-Signet-Scope"] = []string{audience}, []string{scope}
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != 400 && w.Code != 401 && w.Code != 405 {
				t.Errorf("%q: %d %s", target, w.Code, w.Body)
			}
			for _, challenge := range w.Header()["Www-Authenticate"] {
				if plainHeader(challenge) == "" || w.Code != 401 {
					t.Errorf("%d with %q", w.Code, challenge)
				}
			}
		}
	})
}
