package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// A share that came before the node knew its log is given again by itself; whatever else
// is wrong is said at once.
func TestAShareIsGivenAgainToANodeThatHasJustStarted(t *testing.T) {
	for _, row := range []struct {
		why   string
		fails int // how often the node says so
		good  bool
		most  int // requests
	}{
		{"the node has just started and does not know its log yet; try again shortly", 5, true, 6},
		{"the cluster has had no leader for 20s", 5, false, 4},
	} {
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked++; asked <= row.fails {
				w.WriteHeader(http.StatusServiceUnavailable)
				_, _ = io.WriteString(w, `{"errors":["`+row.why+`"],"code":"no_leader"}`)
				return
			}
			_, _ = io.WriteString(w, `{"type":"shamir","initialized":true,"sealed":false,"t":1,"n":1}`)
		}))
		cl, err := (&cli{stderr: io.Discard}).connectWith(client.Config{Addresses: []string{server.URL}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = unsealSoon(context.Background(), cl, wire.SecretOf("share"))
		if (err == nil) != row.good || asked > row.most {
			t.Errorf("%s: %v after %d requests", row.why, err, asked)
		}
		cl.Close()
		server.Close()
	}
}
