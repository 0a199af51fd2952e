package api

import (
	"bytes"
	"encoding/base64"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

// What the answers about tokens write by hand is what the wire types say, byte for
// byte; claims and header go out as they are.
func FuzzJWTAnswer(f *testing.F) {
	f.Add([]byte("token"), []byte(`{"sub":"user:1"}`), int64(1790000000), "reference", "warning", uint8(0b10))
	f.Add([]byte{}, []byte(`{ "n" : 9007199254740993 , "f":1.0}`), int64(0), "", "", uint8(0))
	f.Add([]byte{0xff, 0}, []byte(`{}`), int64(253402300799), "a\"b\\c\x00\u2028<&>", "\n", uint8(0b111))
	f.Fuzz(func(t *testing.T, raw, claims []byte, at int64, reference, warning string, failed uint8) {
		reference = string(bytes.ToValidUTF8([]byte(reference), []byte("\ufffd")))
		warning = string(bytes.ToValidUTF8([]byte(warning), []byte("\ufffd")))
		if !jsontext.Value(claims).IsValid() || jsontext.Value(claims).Kind() != '{' || at < 0 || at > 253402300799 {
			return
		}
		text := base64.RawURLEncoding.EncodeToString(raw) + "x"
		expires := time.Unix(at, 0).UTC()
		var warnings wire.Warnings
		if warning != "" {
			warnings = wire.Warnings{warning, "second"}
		}
		compare := func(answer selfWriting, data any) {
			t.Helper()
			want, err := json.Marshal(wire.Envelope[any]{RequestID: "r-1", Data: data, Warnings: warnings})
			if err != nil {
				t.Fatal(err)
			}
			got := appendEnvelope(answer, "r-1", warnings)
			if !bytes.Contains(got, []byte(`"active":true`)) && !bytes.Equal(got, want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			var a, b any
			if json.Unmarshal(got, &a) != nil || json.Unmarshal(want, &b) != nil {
				t.Fatalf("no JSON: %s", got)
			}
			if again, _ := json.Marshal(a, json.Deterministic(true)); !bytes.Equal(again, mustMarshal(t, b)) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if bytes.Contains(got, []byte(`"active":true`)) && !bytes.Contains(got, claims) {
				t.Errorf("%s is changed in %s", claims, got)
			}
		}
		refs := []string{reference, "", "x"}
		one := kms.IssuedJWT{Token: []byte(text), JTI: text, KID: "k", Expires: expires}
		two := kms.JWTVerdict{Active: true, Claims: claims, Header: []byte(`{"alg":"ES256"}`)}
		compare(issuedJWT{&one}, wire.JWTSignData{Token: wire.SecretOf(text), JTI: text, KID: "k", ExpiresAt: expires})
		compare(verdict{&two}, wire.JWTVerifyData{Active: true, Claims: claims, Header: two.Header})
		compare(verdict{&kms.JWTVerdict{Reason: "expired"}}, wire.JWTVerifyData{Reason: wire.ReasonExpired})
		compare(opened{&two}, wire.JWTDecryptData{Active: true, Signed: true, Encrypted: true, Claims: claims, Header: two.Header})
		compare(opened{&kms.JWTVerdict{Reason: "malformed"}}, wire.JWTDecryptData{Reason: wire.ReasonMalformed})
		var signs []wire.JWTSignResult
		var verifies []wire.JWTVerifyResult
		issued, verdicts := []kms.IssuedJWT{one, one, one}, []kms.JWTVerdict{two, {Reason: "revoked"}, two}
		for i := range refs {
			if failed>>i&1 == 1 {
				issued[i], verdicts[i] = kms.IssuedJWT{Err: kms.ErrClaimNotAllowed}, kms.JWTVerdict{Err: kms.ErrBadRequest}
				signs = append(signs, wire.JWTSignResult{ItemError: itemError(kms.ErrClaimNotAllowed), Reference: refs[i]})
				verifies = append(verifies, wire.JWTVerifyResult{ItemError: itemError(kms.ErrBadRequest), Reference: refs[i]})
				continue
			}
			signs = append(signs, wire.JWTSignResult{Token: wire.SecretOf(text), JTI: text, KID: "k", ExpiresAt: expires, Reference: refs[i]})
			v := verdicts[i]
			verifies = append(verifies, wire.JWTVerifyResult{JWTVerifyData: wire.JWTVerifyData{Active: v.Active, Reason: wire.JWTReason(v.Reason), Claims: v.Claims, Header: v.Header}, Reference: refs[i]})
		}
		ref := func(i int) string { return refs[i] }
		compare(batchOf[kms.IssuedJWT]{issued, appendIssued, func(r *kms.IssuedJWT) error { return r.Err }, ref}, wire.BatchData[wire.JWTSignResult]{BatchResults: signs})
		compare(batchOf[kms.JWTVerdict]{verdicts, appendVerdict, func(r *kms.JWTVerdict) error { return r.Err }, ref}, wire.BatchData[wire.JWTVerifyResult]{BatchResults: verifies})
	})
}

func mustMarshal(t *testing.T, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return out
}
