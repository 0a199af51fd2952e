package api

import (
	"strings"
	"testing"
)

// A node that stops serves on, says in its health that it goes, and sends each client
// away with the answer.
func TestANodeThatStopsSaysSo(t *testing.T) {
	s := newServer(t)
	if w := do(s, "GET", "/v1/sys/health", "", ""); w.Code != 200 || w.Header().Get("Connection") != "" {
		t.Fatalf("before: %d %v", w.Code, w.Header())
	}
	s.Drain()
	for _, path := range []string{"/v1/sys/health", "/v1/sys/health?standbyok=true&perfstandbyok=true&activecode=200&sealedcode=200"} {
		w := do(s, "GET", path, "", "")
		if w.Code != 503 || !strings.Contains(w.Body.String(), `"reason":"stopping"`) || !strings.Contains(w.Body.String(), `"sealed":false`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for path, want := range map[string]int{"/v1/auth/token/lookup-self": 200, "/v1/sys/seal-status": 200, "/v1/nothing": 404} {
		if w := do(s, "GET", path, rootToken, ""); w.Code != want || w.Header().Get("Connection") != "close" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
}
