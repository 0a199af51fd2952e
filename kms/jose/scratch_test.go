package jose

import "testing"

const tok = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6MDEyMzQ1Njc4OTBBQkNERUYiLCJ0eXAiOiJhdCtqd3QifQ.eyJzdWIiOiJ4In0.AAAA"

func TestX(t *testing.T) {
	p := NewProtected(ES256, "k\"id", "at+jwt", "")
	s := p.AppendSigningInput(nil, []byte(`{}`))
	s = AppendSignature(s, []byte("abc"))
	x, err := Parse(string(s))
	t.Logf("%s %+v %v", s, x, err)
	for _, bad := range []string{`{"alg":"ES256"} x`, `{"alg":"ES256"`, `{"alg":"ES256","a":{"b":1,"b":2}}`, `{"alg":"ES256","\u0061lg":"ES256"}`, "\ufeff{}", `{"alg":"ES256","a":"\ud800"}`, "{\"alg\":\"ES256\"}\x00", `{"alg":"ES256",}`, `{"alg":"ES256"}{}`, "{\"alg\":\"ES256\"} \n"} {
		var h Header
		t.Log(bad, h.parse([]byte(bad)))
	}
}
func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(tok); err != nil {
			b.Fatal(err)
		}
	}
}
