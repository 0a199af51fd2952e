package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// A key with more versions than a page, the oldest of which were trimmed.
func TestReadAllWalksThePages(t *testing.T) {
	const oldest, latest = 1200, 3300
	pages := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages++
		after, _ := strconv.Atoi(r.URL.Query().Get("after"))
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		var versions bytes.Buffer
		for n, left := max(after+1, oldest), limit; n <= latest && left > 0; n, left = n+1, left-1 {
			if versions.Len() > 0 {
				versions.WriteByte(',')
			}
			fmt.Fprintf(&versions, `"%d":%d`, n, 1700000000+n)
		}
		fmt.Fprintf(w, `{"request_id":"r","data":{"name":"web","keys":{%s},"latest_version":%d,"min_available_version":%d}}`, &versions, latest, oldest)
	}))
	defer server.Close()
	cl, err := client.New(client.Config{Addresses: []string{server.URL}, Token: client.StaticToken(wire.SecretOf("token"))})
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	key, err := readAll(context.Background(), cl.Transit(""), "web")
	if err != nil || len(key.Keys) != latest-oldest+1 || pages != 3 {
		t.Fatalf("%d versions in %d pages, %v", len(key.Keys), pages, err)
	}
	for n := oldest; n <= latest; n++ {
		if _, there := key.Keys[strconv.Itoa(n)]; !there {
			t.Fatalf("version %d is missing", n)
		}
	}
	pages = 0
	var stderr bytes.Buffer
	newest, err := (&cli{stderr: &stderr}).readNewest(context.Background(), cl.Transit(""), "web")
	if err != nil || len(newest.Keys) != 100 || pages != 1 || stderr.String() != "signet: the newest 100 of 2101 versions; see all with --all-versions\n" {
		t.Errorf("%d versions in %d pages, %v; %q", len(newest.Keys), pages, err, stderr.String())
	}
}

// Every command that takes the key sends one request that changes something, and
// none that only reads takes it.
func TestCommandsThatTakeAnIdempotencyKey(t *testing.T) {
	taken := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Flags().Lookup(idempotencyFlag) != nil {
			taken++
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRootCommand(&cli{}))
	if taken != len(writing()) {
		t.Errorf("%d commands take --idempotency-key, %d write", taken, len(writing()))
	}
}
