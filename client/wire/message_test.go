package wire

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The exact bytes of answers, since clients read them by name and by type.
func TestAnswersOnTheWire(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89, time.UTC)
	cases := []struct {
		name string
		in   any
		want string
	}{
		{"envelope of a signature", Envelope[*SignData]{RequestID: "r", Data: &SignData{Signature: "vault:v1:AA==", KeyVersion: 1}},
			`{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":{"signature":"vault:v1:AA==","key_version":1},"wrap_info":null,"warnings":null,"auth":null}`},
		{"envelope without data, with warning and auth", Envelope[*SignData]{Warnings: Warnings{"w"}, Auth: &Auth{ClientToken: SecretOf("t"), Policies: []string{"p"}}},
			`{"request_id":"","lease_id":"","renewable":false,"lease_duration":0,"data":null,"wrap_info":null,"warnings":["w"],"auth":{"client_token":"t","accessor":"","policies":["p"],"token_policies":[],"identity_policies":[],"metadata":{},"lease_duration":0,"renewable":false,"orphan":false,"entity_id":"","token_type":"","num_uses":0,"mfa_requirement":null}}`},
		{"missing on GET", ErrorBody{Code: KeyNotFound, RequestID: "r"}, `{"errors":[],"code":"key_not_found","request_id":"r"}`},
		{"empty plaintext", DecryptData{Plaintext: BytesOf(nil)}, `{"plaintext":""}`},
		{"plaintext never missing", DecryptData{}, `{"plaintext":""}`},
		{"asymmetric version", KeyVersion{Name: "P-256", PublicKey: "pem", CreationTime: at, KID: "k", State: StateActive},
			`{"name":"P-256","public_key":"pem","certificate_chain":"","creation_time":"2026-03-04T05:06:07.000000089Z","kid":"k","state":"active"}`},
		{"symmetric version", KeyVersion{CreationTime: at}, `1772600767`},
		{"key", KeyData{Name: "n", Type: KeyAES256GCM, Keys: KeyVersions{"1": {CreationTime: at}}},
			`{"name":"n","type":"aes256-gcm96","keys":{"1":1772600767},"latest_version":0,"min_available_version":0,"min_decryption_version":0,"min_encryption_version":0,"auto_rotate_period":0,"deletion_allowed":false,"derived":false,"exportable":false,"allow_plaintext_backup":false,"imported_key":false,"supports_encryption":false,"supports_decryption":false,"supports_signing":false,"supports_derivation":false}`},
		{"item with error", SignResult{ItemError: ItemError{Error: "e", Code: BadRequest}, Reference: "x"}, `{"error":"e","code":"bad_request","reference":"x"}`},
		{"verify item", VerifyResult{}, `{"valid":false,"reference":""}`},
		{"leader without a leader", Leader{},
			`{"ha_enabled":false,"is_self":false,"leader_address":"","leader_cluster_address":"","raft_committed_index":0,"raft_applied_index":0}`},
		{"leader", Leader{ActiveTime: at},
			`{"ha_enabled":false,"is_self":false,"active_time":"2026-03-04T05:06:07.000000089Z","leader_address":"","leader_cluster_address":"","raft_committed_index":0,"raft_applied_index":0}`},
		{"token that never expires", TokenData{IssueTime: at},
			`{"id":"","accessor":"","policies":[],"path":"","meta":{},"display_name":"","num_uses":0,"orphan":false,"creation_time":0,"creation_ttl":0,"expire_time":null,"issue_time":"2026-03-04T05:06:07.000000089Z","ttl":0,"explicit_max_ttl":0,"entity_id":"","type":"","renewable":false}`},
		{"seal status", SealStatus{Type: "shamir", Sealed: true, Initialized: true, T: 3, N: 5, Progress: 1},
			`{"type":"shamir","initialized":true,"sealed":true,"t":3,"n":5,"progress":1,"nonce":"","version":"","build_date":"","migration":false,"recovery_seal":false,"cluster_name":"","cluster_id":"","storage_type":""}`},
		{"init", InitResponse{Keys: []Secret{SecretOf("a")}, KeysBase64: []Secret{SecretOf("b")}, RootToken: SecretOf("c")},
			`{"keys":["a"],"keys_base64":["b"],"root_token":"c"}`},
		{"issued token", JWTSignData{Token: SecretOf("a.b.c"), JTI: "j", KID: "k", ExpiresAt: at.Truncate(time.Second)},
			`{"token":"a.b.c","jti":"j","kid":"k","expires_at":"2026-03-04T05:06:07Z"}`},
		{"issued token with error", JWTSignResult{ItemError: ItemError{Error: "e", Code: ClaimNotAllowed}, Reference: "x"}, `{"error":"e","code":"claim_not_allowed","reference":"x"}`},
		{"active token", JWTVerifyData{Active: true, Claims: jsontext.Value(`{"n":9007199254740993}`), Header: jsontext.Value(`{"alg":"ES256"}`)},
			`{"active":true,"claims":{"n":9007199254740993},"header":{"alg":"ES256"}}`},
		{"inactive token", JWTVerifyResult{JWTVerifyData: JWTVerifyData{Reason: ReasonExpired}}, `{"active":false,"reason":"expired","reference":""}`},
	}
	for _, c := range cases {
		out, err := json.Marshal(c.in, json.Deterministic(true))
		if err != nil || string(out) != c.want {
			t.Errorf("%s:\n got %s, %v\nwant %s", c.name, out, err, c.want)
		}
	}
}

func TestKeyVersionsComeBack(t *testing.T) {
	in := KeyData{Keys: KeyVersions{
		"1": {Name: "ed25519", PublicKey: "AA==", CreationTime: time.Unix(5, 6).UTC(), KID: "k", State: StateActive},
		"2": {CreationTime: time.Unix(7, 0).UTC()},
	}}
	out, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var back KeyData
	if err := json.Unmarshal(out, &back); err != nil || !reflect.DeepEqual(in, back) {
		t.Errorf("got %+v, %v", back, err)
	}
	for _, bad := range []string{`{"keys":{"1":"x"}}`, `{"keys":{"1":1.5}}`, `{"keys":{"1":null}}`, `{"keys":{"1":{"name":1}}}`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func TestSignRequestAsVaultClientsSendIt(t *testing.T) {
	// Numbers and truth values as text, an old name, a misspelt member, null.
	const in = `{"input":"aGk=","key_version":"0","prehashed":"true","salt_length":32,"algorithm":"sha2-512","signature_algoritm":"pss","context":null}`
	var r SignRequest
	if err := json.Unmarshal([]byte(in), &r); err != nil {
		t.Fatal(err)
	}
	input, err := r.Input.Value()
	if err != nil || string(input) != "hi" || r.KeyVersion != IntOf(0) || r.Prehashed != BoolOf(true) ||
		r.SaltLength != StringOf("32") || r.Algorithm != HashSHA2_512 || r.SignatureAlgorithm != "" || r.Context.IsSet() || r.BatchInput != nil {
		t.Errorf("got %+v, input %q, %v", r, input, err)
	}
}

func TestNamesAreCaseSensitive(t *testing.T) {
	var r SignRequest
	if err := json.Unmarshal([]byte(`{"Input":"aGk=","KEY_VERSION":3}`), &r); err != nil || r.Input.IsSet() || r.KeyVersion.Set {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestBatchInputPresence(t *testing.T) {
	cases := []struct {
		in          string
		ok, present bool
		items       int
	}{
		{`{}`, true, false, 0},
		{`{"batch_input":null}`, true, false, 0},
		{`{"batch_input":[]}`, true, true, 0},
		{`{"batch_input":[{"input":""},{"input":"aGk=","reference":"r"}]}`, true, true, 2},
		{`{"batch_input":"aGk="}`, false, false, 0},
		{`{"batch_input":{"input":"aGk="}}`, false, false, 0},
		{`{"batch_input":["aGk="]}`, false, false, 0},
		{`{"batch_input":5}`, false, false, 0},
	}
	for _, c := range cases {
		var s SignRequest
		err := json.Unmarshal([]byte(c.in), &s)
		if (err == nil) != c.ok || (c.ok && ((s.BatchInput != nil) != c.present || len(s.BatchInput) != c.items)) {
			t.Errorf("%s: got %+v, %v", c.in, s.BatchInput, err)
		}
	}
}

// One bad item must not spoil the others.
func TestBadBase64InABatchIsTheItemsOwn(t *testing.T) {
	var r EncryptRequest
	if err := json.Unmarshal([]byte(`{"batch_input":[{"plaintext":"!"},{"plaintext":"aGk="}]}`), &r); err != nil {
		t.Fatal(err)
	}
	if _, err := r.BatchInput[0].Plaintext.Value(); err == nil {
		t.Error("the first item should have an error")
	}
	if got, err := r.BatchInput[1].Plaintext.Value(); err != nil || string(got) != "hi" {
		t.Errorf("got %q, %v", got, err)
	}
}

// Codes is what the error table of the server is checked against, so it must
// not forget one.
func TestCodesAreCompleteAndSnakeCase(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		declared = append(declared, Code(text))
		return true
	})
	if len(declared) < 40 || !slices.Equal(declared, Codes()) {
		t.Errorf("declared %d: %v\nCodes %d: %v", len(declared), declared, len(Codes()), Codes())
	}
	seen := map[Code]bool{}
	for _, c := range Codes() {
		if !regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`).MatchString(string(c)) || seen[c] {
			t.Errorf("%q is not snake_case, or twice", c)
		}
		seen[c] = true
	}
}

// A code in this list lets a client repeat a write; one too many doubles writes.
func TestNothingHappened(t *testing.T) {
	var got []Code
	for _, c := range append(Codes(), "", "unheard_of") {
		if c.NothingHappened() {
			got = append(got, c)
		}
	}
	if want := []Code{Sealed, NoLeader, NoLease, AuditUnavailable, StorageFull, Overloaded, RateLimited}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func FuzzSignRequest(f *testing.F) {
	f.Add([]byte(`{"input":"aGk=","batch_input":[{"input":"","reference":"r"}],"key_version":"1"}`))
	f.Add([]byte(`{"prehashed":1,"salt_length":"hash","batch_input":[]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var a, b SignRequest
		if json.Unmarshal(raw, &a) != nil {
			return
		}
		out, err := json.Marshal(a)
		if err != nil {
			return // an input that is no base64
		}
		if err := json.Unmarshal(out, &b); err != nil {
			t.Fatalf("%q → %s: %v", raw, out, err)
		}
		again, err := json.Marshal(b)
		if err != nil || string(again) != string(out) {
			t.Fatalf("%s → %s, %v", out, again, err)
		}
	})
}
