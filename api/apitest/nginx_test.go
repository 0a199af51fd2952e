package apitest_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

const nginxConf = "testdata/gateway/nginx.conf"

// nginx is a real one in front of an application.
type nginx struct {
	t    *testing.T
	url  string
	seen chan http.Header // what the application got
}

// startNginx runs the committed configuration, with its three addresses replaced.
func startNginx(t *testing.T, n *apitest.Node, gateway string) *nginx {
	t.Helper()
	binary := tool(t, "nginx")
	conf, err := os.ReadFile(nginxConf)
	if err != nil {
		t.Fatal(err)
	}
	x := &nginx{t: t, seen: make(chan http.Header, 1)}
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x.seen <- r.Header
		_, _ = io.WriteString(w, "the application")
	}))
	t.Cleanup(app.Close)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "signet-token.conf"), fmt.Appendf(nil, "proxy_set_header X-Vault-Token %q;\n", gateway))
	listen := freeAddress(t)
	site := strings.NewReplacer("127.0.0.1:8200", n.Address(), "127.0.0.1:8080", listen, "127.0.0.1:9000", app.Listener.Addr().String()).Replace(string(conf))
	writeFile(t, filepath.Join(dir, "site.conf"), []byte(site))
	writeFile(t, filepath.Join(dir, "nginx.conf"), []byte("pid nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\n  access_log off;\n"+
		"  client_body_temp_path body;\n  proxy_temp_path proxy;\n  fastcgi_temp_path fastcgi;\n  uwsgi_temp_path uwsgi;\n  scgi_temp_path scgi;\n  include site.conf;\n}\n"))
	log := &strings.Builder{}
	cmd := exec.Command(binary, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", "stderr", "-g", "daemon off; master_process off;")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-exited
		if t.Failed() {
			t.Logf("log of nginx:\n%s", log)
		}
	})
	eventually(t, "nginx listens", func() bool {
		select {
		case <-exited:
			t.Fatal("nginx ended")
		default:
		}
		conn, err := net.Dial("tcp", listen)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	x.url = "http://" + listen
	return x
}

// freeAddress is one that nobody listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// ask sends a request through nginx, and says what came back and what the application
// saw: nil if it was not asked. headers are lines.
func (x *nginx) ask(method, path string, headers ...string) (*http.Response, http.Header) {
	x.t.Helper()
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(x.url, "http://"), 5*time.Second)
	if err != nil {
		x.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(60 * time.Second))
	lines := append([]string{method + " " + path + " HTTP/1.1", "Host: shop.example", "Connection: close", "Content-Length: 0"}, headers...)
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		x.t.Fatal(err)
	}
	r := readResponse(x.t, conn, method)
	select {
	case h := <-x.seen:
		return r, h
	default: // it is seen before it is answered
		return r, nil
	}
}

func (x *nginx) refuses(what string, status int, challenge, path string, headers ...string) {
	x.t.Helper()
	r, seen := x.ask("GET", path, headers...)
	if r.StatusCode != status || r.Header.Get("WWW-Authenticate") != challenge || seen != nil {
		x.t.Errorf("%s: status %d, challenge %q, the application saw %v", what, r.StatusCode, r.Header.Get("WWW-Authenticate"), seen)
	}
}

func TestNginxInFront(t *testing.T) {
	t.Parallel()
	tool(t, "nginx")
	n := apitest.New(t, apitest.Durability("os"))
	gateway := guarded(t, n)
	x := startNginx(t, n, gateway)
	good, short, revoked := minted(n, "access", nil), minted(n, "access", object{"ttl": 1}), minted(n, "access", nil)
	n.Must("jwt/revoke/acme", object{"token": revoked})
	eventually(t, "a token of one second expires", func() bool {
		return n.Must("jwt/verify/acme", object{"token": short}).Text("data", "reason") == "expired"
	})
	bearer := func(token string) string { return "Authorization: Bearer " + token }

	claims := string(part(t, good, 1))
	for _, path := range []string{"/", "/orders/1?audience=api://other", "/a%2Fb/%2e%2e/c", "/_signet/x"} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			r, seen := x.ask(method, path, bearer(good), "X-Signet-Subject: root", "x-signet-scope: admin", "X-Signet-Client-Id: root", "X-Signet-Jti: 1", "X-Signet-Expires: 9", "X-Signet-Claims: e30",
				"X_Signet_Subject: root", "X.Signet.Subject: root", "X-Vault-Token: "+n.Root(), "X-Signet-Audience: api://other", "X-Vault-Namespace: x", "X-Forwarded-Uri: /")
			if r.StatusCode != 200 || seen == nil {
				t.Fatalf("%s %s: status %d, the application saw %v", method, path, r.StatusCode, seen)
			}
			for name, want := range map[string]string{"X-Signet-Subject": "user:1", "X-Signet-Scope": "orders:read", "X-Signet-Claims": url64(claims)} {
				if got := seen[name]; len(got) != 1 || got[0] != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if text := fmt.Sprint(seen); strings.Contains(text, "X-Signet-Subject:[root]") || strings.Contains(text, "X_signet") || strings.Contains(text, "X.signet") || strings.Contains(text, gateway) || seen["Authorization"] != nil ||
				seen.Get("X-Signet-Jti") == "1" || seen.Get("X-Signet-Expires") == "9" || !strings.HasPrefix(seen.Get("X-Signet-Client-Id"), "token:") {
				t.Errorf("the application saw %s", text)
			}
		}
	}
	x.refuses("no token", 401, noToken, "/")
	x.refuses("expired", 401, badToken, "/", bearer(short))
	x.refuses("revoked", 401, badToken, "/", bearer(revoked))
	x.refuses("another audience", 401, badToken, "/?audience=api://other", bearer(minted(n, "access", object{"aud": "api://other"})))
	x.refuses("another type", 401, badToken, "/", bearer(minted(n, "id", nil)))
	x.refuses("no scope", 403, "", "/?scope=orders:write", bearer(minted(n, "access", object{"scope": "orders:write"})))
	x.refuses("forged", 401, noToken, "/", "X-Signet-Subject: root", "X-Vault-Token: "+n.Root())
	x.refuses("the question itself", 404, "", "/_signet", bearer(good))
	// Of two headers nginx passes on none, the first, or both joined: never only the second.
	if r, seen := x.ask("GET", "/", bearer("x"), bearer(good)); r.StatusCode < 400 || seen != nil {
		t.Errorf("two headers: status %d", r.StatusCode)
	}

	// What the operator has to look at is no 2xx, and not the user's fault.
	n.Must("sys/policies/acl/gateway", object{"policy": `path "jwt/authorize/acme" { capabilities = ["deny"] }`})
	x.refuses("a gateway without its policy", 403, "", "/", bearer(good))
	n.Must("sys/policies/acl/gateway", object{"policy": `path "jwt/authorize/acme" { capabilities = ["update"] }`})
	n.Must("sys/seal", nil)
	x.refuses("sealed", 500, "", "/", bearer(good))
	n.Unseal()
	n.Must("auth/token/revoke", object{"token": gateway})
	x.refuses("a gateway whose token is revoked", 403, "", "/", bearer(good))
	n.Stop()
	x.refuses("down", 500, "", "/", bearer(good))
}

// What the README shows of nginx is what runs here.
func TestTheReadmeShowsTheConfigurationOfNginx(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	conf, err := os.ReadFile(nginxConf)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(readme), "auth_request") && !strings.Contains(string(readme), string(conf)) {
		t.Error("README.md does not show " + nginxConf + " as it is")
	}
}
