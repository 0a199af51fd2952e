package api

import (
	"bytes"
	"encoding/base64"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

// What a batch writes by hand is what the wire types say, byte for byte.
func FuzzBatchAnswer(f *testing.F) {
	f.Add([]byte("result"), uint32(7), true, "reference", "warning", uint8(0b10))
	f.Add([]byte{}, uint32(0), false, "", "", uint8(0))
	f.Add([]byte{0xff, 0}, uint32(1<<32-1), true, "a\"b\\c\x00\x7f\u2028<&>\xff", "\n", uint8(0b111))
	f.Fuzz(func(t *testing.T, raw []byte, version uint32, valid bool, reference, warning string, failed uint8) {
		reference = string(bytes.ToValidUTF8([]byte(reference), []byte("\ufffd"))) // as it comes out of a decoder
		warning = string(bytes.ToValidUTF8([]byte(warning), []byte("\ufffd")))
		text := "vault:v1:" + base64.StdEncoding.EncodeToString(raw)
		items := []wire.SignItem{{Reference: reference}, {}, {Reference: "x"}}
		results := make([]kms.Result, len(items))
		var signs []wire.SignResult
		var verifies []wire.VerifyResult
		var decrypts []wire.DecryptResult
		var macs []wire.HMACResult
		for i := range results {
			r := &results[i]
			*r = kms.Result{Text: text, Plain: raw, Valid: valid, Version: version}
			if failed>>i&1 == 1 {
				*r = kms.Result{Err: kms.ErrBadCiphertext}
			}
			wrong := itemError(r.Err)
			signs = append(signs, wire.SignResult{Signature: r.Text, KeyVersion: int(r.Version), ItemError: wrong, Reference: items[i].Reference})
			verifies = append(verifies, wire.VerifyResult{Valid: r.Valid, ItemError: wrong, Reference: items[i].Reference})
			decrypts = append(decrypts, wire.DecryptResult{Plaintext: wire.BytesOf(r.Plain), ItemError: wrong, Reference: items[i].Reference})
			macs = append(macs, wire.HMACResult{HMAC: r.Text, ItemError: wrong, Reference: items[i].Reference})
		}
		var warnings wire.Warnings
		if warning != "" {
			warnings = wire.Warnings{warning, "second"}
		}
		compare := func(data any, member func([]byte, *kms.Result) []byte) {
			t.Helper()
			want, err := json.Marshal(wire.Envelope[any]{RequestID: "r-1", Data: data, Warnings: warnings})
			if err != nil {
				t.Fatal(err)
			}
			a := answerBatch(results, items, member, func(it *wire.SignItem) string { return it.Reference })
			if got := appendEnvelope(a, "r-1", warnings); !bytes.Equal(got, want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		if version > 0 { // every version is; 0 is left out by the wire type
			compare(wire.BatchData[wire.SignResult]{BatchResults: signs}, versionedMember("signature"))
		}
		compare(wire.BatchData[wire.VerifyResult]{BatchResults: verifies}, validMember)
		compare(wire.BatchData[wire.DecryptResult]{BatchResults: decrypts}, plaintextMember)
		compare(wire.BatchData[wire.HMACResult]{BatchResults: macs}, textMember("hmac"))
	})
}
