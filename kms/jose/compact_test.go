package jose

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
)

// enc64 is base64url as RFC 7515 has it, written without the code under test.
func enc64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// jws is a compact token of a header in clear.
func jws(header, payload, sig string) string {
	return enc64(header) + "." + enc64(payload) + "." + enc64(sig)
}

func TestParse(t *testing.T) {
	token := jws(`{"alg":"ES256","kid":"k1","typ":"at+jwt","cty":"x","other":[1,{"a":null}]}`, `{"sub":"x"}`, "signature")
	got, err := Parse(token)
	if err != nil {
		t.Fatal(err)
	}
	h := got.Header
	if h.Alg != ES256 || h.KID != "k1" || h.Typ != "at+jwt" || h.Cty != "x" || !strings.HasPrefix(string(h.Raw), `{"alg":`) {
		t.Errorf("header %+v", h)
	}
	if string(got.Payload) != `{"sub":"x"}` || string(got.Signature) != "signature" || string(got.SigningInput)+"."+enc64("signature") != token {
		t.Errorf("%+v", got)
	}
	empty, err := Parse(jws(`{"alg":"ES256"}`, "", "s"))
	if err != nil || len(empty.Payload) != 0 {
		t.Errorf("an empty payload: %v", err)
	}
}

// The parts share one buffer: whoever appends to one must not write into another.
func TestPartsDoNotRunIntoEachOther(t *testing.T) {
	token, err := Parse(jws(`{"alg":"ES256"}`, "payload", "signature"))
	if err != nil {
		t.Fatal(err)
	}
	_ = append(token.Payload, "XXXX"...)
	_ = append(token.Header.Raw, "XXXX"...)
	if string(token.Signature) != "signature" || string(token.Payload) != "payload" {
		t.Errorf("%q, %q", token.Payload, token.Signature)
	}
}

// Any byte but those of base64url, in any place, refuses the token.
func TestEveryOtherByteIsRefusedEverywhere(t *testing.T) {
	token := jws(`{"alg":"ES256"}`, "payload!", "signature")
	for i := 0; i <= len(token); i++ {
		for c := range 256 {
			b := byte(c)
			if b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b == '-' || b == '_' {
				continue
			}
			inserted := token[:i] + string([]byte{b}) + token[i:]
			if _, err := Parse(inserted); !errors.Is(err, ErrMalformed) {
				t.Fatalf("byte %#x inserted at %d: %v", b, i, err)
			}
			if i == len(token) || token[i] == b {
				continue
			}
			if _, err := Parse(token[:i] + string([]byte{b}) + token[i+1:]); !errors.Is(err, ErrMalformed) {
				t.Fatalf("byte %#x put at %d: %v", b, i, err)
			}
		}
	}
}

// Each segment has one spelling: the bits behind its last byte are zero.
func TestTrailingBitsAreZero(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, payload := range []string{"x", "xx"} {
		for _, sig := range []string{"s", "ss"} {
			parts := strings.Split(jws(`{"alg":"ES256"} `, payload, sig), ".")
			for i, part := range parts {
				last := strings.IndexByte(alphabet, part[len(part)-1])
				spare := map[int]int{2: 16, 3: 4, 0: 1}[len(part)%4]
				for bits := 1; bits < spare; bits++ {
					changed := slices.Clone(parts)
					changed[i] = part[:len(part)-1] + alphabet[last+bits:last+bits+1]
					if _, err := Parse(strings.Join(changed, ".")); !errors.Is(err, ErrMalformed) {
						t.Errorf("segment %d of %v: %v", i, changed, err)
					}
				}
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := jws(`{"alg":"ES256"}`, "x", "s")
	if _, err := Parse(good); err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"nothing": "", "a dot": ".", "two dots": "..", "one segment": "YQ", "two segments": good[:strings.LastIndexByte(good, '.')],
		"four segments": good + ".YQ", "a dot behind": good + ".", "a dot before": "." + good, "five segments": good + ".YQ.YQ",
		"no header":    good[strings.IndexByte(good, '.'):],
		"no signature": good[:strings.LastIndexByte(good, '.')+1], "a space before": " " + good, "a line break behind": good + "\n",
		"bearer":            "Bearer " + good,
		"one letter over":   good + "AAA",
		"JSON, flattened":   `{"protected":"` + enc64(`{"alg":"ES256"}`) + `","payload":"YQ","signature":"YQ"}`,
		"JSON with dots":    `{"a":".."}`,
		"longer than 64KiB": jws(`{"alg":"ES256"}`, strings.Repeat("x", MaxToken*3/4), "s"),
		"header too long":   jws(`{"alg":"ES256","x":"`+strings.Repeat("x", MaxHeader)+`"}`, "x", "s"),
	} {
		if got, err := Parse(token); !errors.Is(err, ErrMalformed) || got != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALongTokenIsRead(t *testing.T) {
	token := jws(`{"alg":"ES256"}`, strings.Repeat("x", 48000), "s")
	if len(token) > MaxToken {
		t.Fatal(len(token))
	}
	if _, err := Parse(token); err != nil {
		t.Error(err)
	}
}

// A refusal names no byte of the token.
func TestErrorsDoNotQuoteTheToken(t *testing.T) {
	for _, header := range []string{`{"alg":"SECRET"}`, `{"alg":"ES256","kid":7777777}`, `{"alg":"ES256","SECRET":1,"SECRET":2}`, `SECRET`, `{"alg":"ES256","crit":["SECRET"]}`} {
		_, err := Parse(jws(header, "SECRET", "s"))
		if err == nil || strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "777") {
			t.Errorf("%s: %v", header, err)
		}
	}
}

func TestParseKnownTrustsEqualBytesAlone(t *testing.T) {
	p := NewProtected(ES256, "k1", "at+jwt", "")
	known := func(segment string) *Header {
		if segment == p.Segment() {
			return p.Header()
		}
		return nil
	}
	own := string(AppendSignature(p.AppendSigningInput(nil, []byte("x")), []byte("s")))
	other := jws(`{"alg":"ES384","kid":"k2"}`, "x", "s")
	for _, token := range []string{own, other} {
		want, err1 := Parse(token)
		got, err2 := ParseKnown(token, known)
		if err1 != nil || err2 != nil || got.Header.Alg != want.Header.Alg || got.Header.KID != want.Header.KID || string(got.Header.Raw) != string(want.Header.Raw) {
			t.Errorf("%+v, %v; %+v, %v", got, err2, want, err1)
		}
	}
	for _, bad := range []string{own + "=", own + ".x", "x." + own[strings.IndexByte(own, '.')+1:]} {
		if _, err := ParseKnown(bad, known); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
