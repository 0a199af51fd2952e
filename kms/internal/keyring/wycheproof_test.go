package keyring

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"

	"github.com/signet-kms/signet/kms/jose"
)

// stricter are the cases that Wycheproof calls valid and that are refused here, by
// file and tcId.
func stricter() map[string][]int {
	return map[string][]int{
		"json_web_signature_test.json": {
			346, 350, // the JWK is bound to PS256 and the token says PS384: one key, one alg
			347, 351, // the alg of the JWK is "ES521", which no registry has
			372, 373, // "?" stands in the base64url, which RFC 7515, section 2, does not skip
		},
		"json_web_encryption_test.json": {
			100, 101, 102, 103, 104, 105, 112, 128, // RSA1_5 is not implemented
			135, // zip: nothing is decompressed
		},
	}
}

// contradicted are the cases of the signature file that the vectors call invalid
// although they are, byte for byte and under the same key, the case that they call
// valid: the "=" that their comments speak of is missing in the file. With it they
// are refused, which TestWycheproofJOSE checks.
func contradicted() map[int]int { return map[int]int{367: 357, 370: 357} }

type vectorFile struct {
	TestGroups []struct {
		Public, Private json.RawMessage
		Tests           []vectorCase
	}
}

type vectorCase struct {
	TcID            int
	Comment, Result string
	JWS, JWE        vectorToken
	PT              *string
}

// vectorToken is a token, or the text of a JSON serialization.
type vectorToken string

func (v *vectorToken) UnmarshalJSON(raw []byte) error {
	if raw[0] == '{' {
		*v = vectorToken(raw)
		return nil
	}
	return json.Unmarshal(raw, (*string)(v))
}

func readVectors(t testing.TB, name string) *vectorFile {
	t.Helper()
	raw, err := fs.ReadFile(wycheproof.TestVectors, name)
	if err != nil {
		t.Fatal(err)
	}
	f := &vectorFile{}
	if err := json.Unmarshal(raw, f); err != nil {
		t.Fatal(err)
	}
	return f
}

func vectorFiles() []string {
	return []string{"json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json", "json_web_encryption_test.json"}
}

// TestWycheproofJOSE puts all 649 cases through the code that verifies and decrypts:
// 632 end as the vector says, the 15 of stricter are refused, and the 2 of
// contradicted end as their twin does. No other that the vectors call invalid is
// accepted.
func TestWycheproofJOSE(t *testing.T) {
	w := newBench(t)
	agree, refused, twins := 0, 0, 0
	for _, name := range vectorFiles() {
		valid := map[int]vectorCase{}
		for _, g := range readVectors(t, name).TestGroups {
			for _, c := range g.Tests {
				err := w.vector(t, g.Public, g.Private, c)
				switch twin, is := contradicted()[c.TcID]; {
				case c.Result == "valid" && slices.Contains(stricter()[name], c.TcID):
					if err == nil {
						t.Errorf("%s, case %d is accepted: take it off the list", name, c.TcID)
					}
					refused++
				case is && name == vectorFiles()[0]:
					w.twin(t, g.Private, c, valid[twin])
					twins++
				case (c.Result == "valid") != (err == nil):
					t.Errorf("%s, case %d, %s: %s in the vectors, here %v", name, c.TcID, c.Comment, c.Result, err)
				default:
					agree++
				}
				if err == nil {
					valid[c.TcID] = c
				}
			}
		}
	}
	if agree != 632 || refused != 15 || twins != 2 {
		t.Errorf("%d cases end as the vector says, %d are refused on purpose, %d contradict a valid one; want 632, 15 and 2", agree, refused, twins)
	}
}

// twin checks that c is the valid case over again, and puts the padding in that
// the comment of c means.
func (w *bench) twin(t *testing.T, key json.RawMessage, c, valid vectorCase) {
	t.Helper()
	if c.JWS != valid.JWS || valid.JWS == "" {
		t.Errorf("case %d is not the same as case %d any more: take it off the list", c.TcID, valid.TcID)
	}
	parts := strings.Split(string(c.JWS), ".")
	for i := range parts {
		padded := slices.Clone(parts)
		padded[i] += "=="[:(4-len(parts[i])%4)%4]
		if padded[i] == parts[i] {
			padded[i] += "="
		}
		if _, err := w.verifyVector(t, key, strings.Join(padded, ".")); !errors.Is(err, jose.ErrMalformed) {
			t.Errorf("case %d with padding in segment %d: %v", c.TcID, i, err)
		}
	}
}

func (w *bench) vector(t testing.TB, public, private json.RawMessage, c vectorCase) error {
	if c.JWE != "" {
		plaintext, err := w.decryptVector(t, private, string(c.JWE))
		if err == nil && c.PT != nil && hex.EncodeToString(plaintext) != *c.PT {
			t.Errorf("case %d: decrypted to %x", c.TcID, plaintext)
		}
		return err
	}
	if public == nil {
		public = private
	}
	_, err := w.verifyVector(t, public, string(c.JWS))
	return err
}
