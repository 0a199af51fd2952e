package apitest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// deletable makes a key that may be deleted.
func deletable(n *apitest.Node, name, typ string) string {
	path := "transit/keys/" + name
	n.Must(path, object{"type": typ})
	n.Must(path+"/config", object{"deletion_allowed": true})
	return path
}

func drop(n *apitest.Node, path, token string) apitest.Reply { return n.Do("DELETE", path, token, nil) }

// deletedKey says when a deleted key was, and will be; "" and "" if it is none.
func deletedKey(n *apitest.Node, name string) (deletion, destroy string) {
	r := n.Do("LIST", "transit/keys?deleted=true", n.Root(), nil)
	return r.Text("data", "key_info", name, "deletion_time"), r.Text("data", "key_info", name, "destroy_time")
}

func TestRefusalsOfDeleteUndeleteAndTrim(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	path := deletable(n, "web", "ed25519")
	deleter := n.Allow("deleter", "transit/keys/*", "delete", "read", "list")
	for what, c := range map[string]struct {
		query, token string
		status       int
		code         string
	}{
		"no duration":           {"?grace=soon", n.Root(), 400, "bad_request"},
		"empty":                 {"?grace=", n.Root(), 400, "bad_request"},
		"negative":              {"?grace=-1", n.Root(), 400, "bad_request"},
		"too long":              {"?grace=366d", n.Root(), 400, "bad_request"},
		"two":                   {"?grace=30d&grace=0", n.Root(), 400, "bad_request"},
		"a broken query":        {"?grace=30d;x", n.Root(), 400, "bad_request"},
		"short, without sudo":   {"?grace=167h", deleter, 403, "permission_denied"},
		"at once, without sudo": {"?grace=0", deleter, 403, "permission_denied"},
	} {
		if r := drop(n, path+c.query, c.token); r.Status != c.status || r.Code() != c.code {
			t.Errorf("grace: %s: %s", what, r)
		}
	}
	wantStatus(t, n.Get(path, n.Root()), 200)
	n.Must("transit/keys/kept", object{"type": "ed25519"})
	wantError(t, drop(n, "transit/keys/kept", n.Root()), 400, "deletion_not_allowed")
	wantError(t, drop(n, "transit/keys/kept?grace=0", n.Root()), 400, "deletion_not_allowed")
	wantError(t, drop(n, "transit/keys/none", n.Root()), 400, "key_not_found")
	wantError(t, n.Post("transit/keys/none/undelete", n.Root(), nil), 400, "key_not_found")
	wantText(t, wantError(t, n.Post(path+"/undelete", n.Root(), nil), 400, "bad_request"), "not deleted")

	wantStatus(t, drop(n, path, deleter), 204) // seven days need no sudo
	wantStatus(t, drop(n, path, deleter), 204) // and once more is no error
	wantText(t, wantError(t, drop(n, path+"?grace=30d", n.Root()), 400, "bad_request"), "deleted already")
	wantError(t, n.Post(path+"/undelete", deleter, nil), 403, "permission_denied")
	n.Must(path+"/undelete", nil)

	trim := func(body any) apitest.Reply { return n.Post(path+"/trim", n.Root(), body) }
	n.Must(path+"/rotate", nil)
	n.Must(path+"/rotate", nil)
	for text, body := range map[string]any{
		"missing": nil, "not positive": object{"min_available_version": 0}, "min_encryption_version": object{"min_available_version": 2},
	} {
		wantText(t, wantError(t, trim(body), 400, "bad_request"), text)
	}
	n.Must(path+"/config", object{"min_decryption_version": 2, "min_encryption_version": 2})
	wantText(t, wantError(t, trim(object{"min_available_version": 3}), 400, "bad_request"), "raise those first")
	wantStatus(t, trim(object{"min_available_version": "2"}), 200)
	wantText(t, wantError(t, trim(object{"min_available_version": 1}), 400, "bad_request"), "never falls")
	wantError(t, n.Post("transit/keys/none/trim", n.Root(), object{"min_available_version": 2}), 400, "key_not_found")
	wantError(t, n.Post(path+"/trim", deleter, object{"min_available_version": 2}), 403, "permission_denied")
	wantError(t, n.Post("transit/sign/web", n.Root(), object{"input": "aGk=", "key_version": 1}), 400, "version_too_old")
	wantError(t, n.Get(path+"?version=1", n.Root()), 400, "version_too_old")
	wantError(t, n.Get(path+"?version=9", n.Root()), 400, "version_too_new")
	for _, query := range []string{"version=0", "version=-1", "version=x", "version=9999999999", "after=-1", "after=x", "limit=0", "limit=1001", "limit=x"} {
		wantError(t, n.Get(path+"?"+query, n.Root()), 400, "bad_request")
	}
}

// Every verb on a key refuses one that is deleted, for a single item and a batch.
func TestADeletedKeyIsRefusedEverywhere(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	types := []string{"ecdsa-p256", "aes256-gcm96", "hmac"}
	for _, typ := range types {
		wantStatus(t, drop(n, deletable(n, typ, typ), n.Root()), 204)
	}
	item := object{"input": "aGk=", "plaintext": "aGk=", "ciphertext": "vault:v1:AAAA", "signature": "vault:v1:AAAA"}
	single := object{"deletion_allowed": true, "min_available_version": 1}
	for name, v := range item {
		single[name] = v
	}
	refused := 0
	for _, route := range routeTable(t) {
		if !strings.Contains(route.pattern, "{name}") || !strings.HasPrefix(route.pattern, "{mount}/") {
			continue
		}
		for _, method := range route.methods {
			for _, typ := range types {
				path := route.fill("{name}", typ, "{kind}", "signing-key")
				switch {
				case strings.HasSuffix(path, "/undelete"), method == "DELETE":
				case strings.Contains(path, "/export/"), strings.Contains(path, "/backup/"):
					wantError(t, n.Do(method, path, n.Root(), nil), 400, "export_refused")
				case method == "GET":
					wantText(t, wantError(t, n.Do(method, path, n.Root(), nil), 404, "not_found"), "undeleted")
				case strings.HasSuffix(path, "/state"): // refuses members that it does not know
					wantText(t, wantError(t, n.Do(method, path, n.Root(), object{"version": 1, "state": "suspended"}), 400, "key_deleted"), "undelete")
					refused++
				default:
					for _, body := range []object{single, {"batch_input": []object{item, item}, "type": typ}} {
						wantText(t, wantError(t, n.Do(method, path, n.Root(), body), 400, "key_deleted"), "undelete")
						refused++
					}
				}
			}
		}
	}
	if refused < 50 {
		t.Errorf("%d refusals were seen", refused)
	}
	wantError(t, n.Do("LIST", "transit/keys", n.Root(), nil), 404, "not_found")
}

// What is deleted is deleted after a restart, until it is undeleted with all its
// versions; and what was undeleted stays.
func TestADeletedKeyComesBackWhole(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	path := deletable(n, "web", "ecdsa-p256")
	signature := n.Must("transit/sign/web", object{"input": "aGk="}).Text("data", "signature")
	n.Must(path+"/rotate", nil)
	before := n.Get(path, n.Root())
	wantStatus(t, drop(n, path+"?grace=48h", n.Root()), 204)
	deletion, destroy := deletedKey(n, "web")
	for _, ending := range []func(){n.Restart, func() { n.Kill(); n.Start() }} {
		ending()
		n.Unseal()
		if from, to := deletedKey(n, "web"); from != deletion || to != destroy || to == "" {
			t.Errorf("deleted %s to %s, was %s to %s", from, to, deletion, destroy)
		}
		wantError(t, n.Post("transit/sign/web", n.Root(), object{"input": "aGk="}), 400, "key_deleted")
	}
	n.Must(path+"/undelete", nil)
	n.Kill()
	n.Start()
	n.Unseal()
	if after := n.Get(path, n.Root()); fmt.Sprint(after.At("data")) != fmt.Sprint(before.At("data")) {
		t.Errorf("before %s, after %s", before, after)
	}
	if r := n.Must("transit/verify/web", object{"input": "aGk=", "signature": signature}); r.At("data", "valid") != true {
		t.Errorf("a signature from before: %s", r)
	}
	wantError(t, n.Do("LIST", "transit/keys?deleted=true", n.Root(), nil), 404, "not_found")
}

// I8: a key whose grace period is over is destroyed, also when the node is killed
// around that moment, and stays so; one that was undeleted in time is not.
func TestDestroyedStaysDestroyed(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.RecordKeys())
	gone := func(name string) bool {
		_, destroy := deletedKey(n, name)
		return destroy == "" && n.Get("transit/keys/"+name, n.Root()).Status == 404
	}
	kill := func() {
		n.Kill()
		n.Start()
		n.Unseal()
	}
	signatures := map[string]string{}
	for _, name := range []string{"before", "after", "now", "kept"} {
		path := deletable(n, name, "ed25519")
		n.Must(path+"/rotate", nil)
		signatures[name] = n.Must("transit/sign/"+name, object{"input": "aGk="}).Text("data", "signature")
	}
	wantStatus(t, drop(n, "transit/keys/kept?grace=1s", n.Root()), 204)
	n.Must("transit/keys/kept/undelete", nil)
	wantStatus(t, drop(n, "transit/keys/now?grace=0", n.Root()), 204)
	if !gone("now") {
		t.Error("a grace period of 0 left something")
	}
	wantStatus(t, drop(n, "transit/keys/before?grace=1s", n.Root()), 204)
	kill() // before it is destroyed
	eventually(t, "before is destroyed", func() bool { return gone("before") })
	wantStatus(t, drop(n, "transit/keys/after?grace=10ms", n.Root()), 204)
	eventually(t, "after is destroyed", func() bool { return gone("after") })
	kill() // right after
	for _, name := range []string{"before", "after", "now"} {
		if !gone(name) {
			t.Errorf("%s is there again", name)
		}
		wantError(t, n.Post("transit/keys/"+name+"/undelete", n.Root(), nil), 400, "key_not_found")
		wantError(t, n.Post("transit/sign/"+name, n.Root(), object{"input": "aGk="}), 400, "key_not_found")
		r := n.Must("transit/keys/"+name, object{"type": "ed25519"})
		if v := number(t, r, "data", "latest_version"); v != 3 {
			t.Errorf("%s begins again with version %d, the tombstone is 2", name, v)
		}
		for _, version := range []int{1, 2} {
			wantError(t, n.Post("transit/sign/"+name, n.Root(), object{"input": "aGk=", "key_version": version}), 400, "version_too_old")
		}
		wantError(t, n.Post("transit/verify/"+name, n.Root(), object{"input": "aGk=", "signature": signatures[name]}), 400, "version_too_old")
	}
	if r := n.Must("transit/verify/kept", object{"input": "aGk=", "signature": signatures["kept"]}); r.At("data", "valid") != true {
		t.Errorf("what was undeleted in time: %s", r)
	}
	byItself := records(t, n, func(r audit.Parsed) bool {
		return r.Operation == "transit/keys/destroy" && r.Outcome == audit.OutcomeOK
	})
	if len(byItself) == 0 || byItself[0].DisplayName != "auto-destroy" || byItself[0].Key == "" {
		t.Errorf("records of the destructions: %+v", byItself)
	}
	// No clear key in any file: what is left of a destroyed one in the log on disk is
	// sealed.
	found, _, err := keyScanner(t, n).Files(n.DataDir(), n.AuditDir())
	if err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
}

func TestAThousandVersions(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	const many = 1000
	n.Must("transit/keys/web", object{"type": "ed25519"})
	first := n.Must("transit/sign/web", object{"input": "aGk="}).Text("data", "signature")
	var last apitest.Reply
	for range many - 1 {
		last = n.Must("transit/keys/web/rotate", nil)
	}
	for what, r := range map[string]apitest.Reply{
		"rotate": last, "read": n.Get("transit/keys/web", n.Root()), "config": n.Must("transit/keys/web/config", object{"deletion_allowed": true}),
	} {
		keys, _ := r.At("data", "keys").(object)
		if len(keys) != 2 || keys["1000"] == nil || keys["999"] == nil || !strings.Contains(fmt.Sprint(r.At("warnings")), "after=0") {
			t.Errorf("%s shows %d versions: warnings %v", what, len(keys), r.At("warnings"))
		}
	}
	newest := n.Get("transit/keys/web?limit=100", n.Root())
	if keys, _ := newest.At("data", "keys").(object); len(keys) != 100 || keys["901"] == nil || newest.At("warnings") != nil {
		t.Errorf("whoever asks for the newest 100 gets %d: %v", len(keys), newest.At("warnings"))
	}
	seen := map[string]bool{}
	for after := 0; ; {
		r := wantStatus(t, n.Get(fmt.Sprintf("transit/keys/web?after=%d&limit=300", after), n.Root()), 200)
		keys, _ := r.At("data", "keys").(object)
		if len(keys) == 0 {
			break
		}
		for range keys {
			after++
			kid := r.Text("data", "keys", fmt.Sprint(after), "kid")
			if kid == "" || seen[kid] {
				t.Fatalf("version %d of a page is missing or a repetition", after)
			}
			seen[kid] = true
		}
	}
	if len(seen) != many {
		t.Errorf("the pages have %d versions", len(seen))
	}
	one := n.Get("transit/keys/web?version=500", n.Root())
	if keys, _ := one.At("data", "keys").(object); len(keys) != 1 || !seen[one.Text("data", "keys", "500", "kid")] {
		t.Errorf("one version: %s", one)
	}
	r := n.Must("transit/sign/web", object{"input": "aGk=", "key_version": 1})
	if r.Text("data", "signature") != first { // ed25519 signs alike each time
		t.Errorf("version 1 signs %s, did sign %s", r, first)
	}
	if r := n.Must("transit/verify/web", object{"input": "aGk=", "signature": first}); r.At("data", "valid") != true {
		t.Errorf("the first signature: %s", r)
	}
	n.Must("transit/keys/web/config", object{"min_decryption_version": 999, "min_encryption_version": 999})
	trimmed := n.Must("transit/keys/web/trim", object{"min_available_version": 999})
	if keys, _ := trimmed.At("data", "keys").(object); len(keys) != 2 || trimmed.At("warnings") != nil {
		t.Errorf("after a trim: %s", trimmed)
	}
}
