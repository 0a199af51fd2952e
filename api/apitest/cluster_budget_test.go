package apitest_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// The limits of the build below, in place of 2^32, 2^31 and blocks of 2^12 to 2^20.
const (
	fewEncryptions  = 1 << 16
	halfOfThem      = 1 << 11 // less than half: to rotate takes as long as ever
	encryptionBlock = 256
)

// fewer is a release whose keys are used up a million times sooner.
var fewer = apitest.Changed(
	apitest.Edit{File: "kms/state/key.go", Old: "MaxEncryptions    = 1 << 32", New: fmt.Sprint("MaxEncryptions    = ", fewEncryptions)},
	apitest.Edit{File: "kms/state/key.go", Old: "RotateEncryptions = 1 << 31", New: fmt.Sprint("RotateEncryptions = ", halfOfThem)},
	apitest.Edit{File: "kms/budget.go", Old: "firstBlock = 1 << 12", New: "firstBlock = 64"},
	apitest.Edit{File: "kms/budget.go", Old: "maxBlock   = 1 << 20", New: fmt.Sprint("maxBlock   = ", encryptionBlock)},
)

// encryptions is what several clients made with one key, on all nodes at once.
type encryptions struct {
	mu    sync.Mutex
	made  map[int]int // by version
	spent int         // refused, since the version is used up
	other []string    // refused for something else
}

// encrypt encrypts so many at a time on all nodes, until each client was refused or has
// seen the version last.
func encrypt(ctx context.Context, c *apitest.Cluster, key string, many, last int) *encryptions {
	var batch []object
	for range many {
		batch = append(batch, object{"plaintext": b64("hi")})
	}
	done := &encryptions{made: map[int]int{}}
	var wg sync.WaitGroup
	for _, n := range c.Nodes {
		for range 2 {
			wg.Go(func() {
				for ctx.Err() == nil {
					r, err := n.SendContext(ctx, "POST", "transit/encrypt/"+key, c.Nodes[0].Root(), object{"batch_input": batch})
					if err == nil && (r.Status == 200 || r.Status == 400) && done.note(r, last) {
						return
					}
					time.Sleep(10 * time.Millisecond) // it may be killed, or without a leader
				}
			})
		}
	}
	wg.Wait()
	return done
}

// note counts an answer, and says whether it is the client's last.
func (e *encryptions) note(r apitest.Reply, last int) (over bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	results, _ := r.At("data", "batch_results").([]any)
	for _, one := range results {
		item, _ := one.(map[string]any)
		text, _ := item["ciphertext"].(string)
		number, _, _ := strings.Cut(strings.TrimPrefix(text, "vault:v"), ":")
		switch v, err := strconv.Atoi(number); {
		case err == nil:
			e.made[v]++
			over = over || v >= last
		case item["code"] == "encryptions_spent":
			e.spent++
			over = true
		default:
			e.other = append(e.other, fmt.Sprint(item))
		}
	}
	return over
}

// Three nodes that encrypt under one key at the same time book what they make, so that
// the limit of its nonces holds for all of them together; at half of it the key rotates,
// once, before anybody is refused, and when the leader is killed meanwhile too.
func TestNodesDoNotUseAKeyUpTogether(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3, apitest.Runs(fewer.Path(t)))
	root := c.Nodes[0].Root()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()

	// One that does not rotate by itself.
	o := outsider{t, c.Leader()}
	o.n.Must("transit/keys/from-elsewhere/import", object{"type": "aes256-gcm96", "ciphertext": o.wrapped(randomBytes(32))})
	done := encrypt(ctx, c, "from-elsewhere", 200, 2)
	if made := done.made[1]; made > fewEncryptions || made < fewEncryptions-encryptionBlock || done.spent == 0 || len(done.other) > 0 {
		t.Errorf("%d encryptions of %d, %d refused, %v", made, fewEncryptions, done.spent, done.other)
	}

	c.Leader().Must("transit/keys/box", object{"type": "aes256-gcm96"})
	latest := func() int {
		r, err := c.Nodes[0].Send("GET", "transit/keys/box", root, nil)
		if err != nil || r.Status != 200 {
			return 0
		}
		return int(number(t, r, "data", "latest_version"))
	}
	const last = 4
	ended := make(chan *encryptions, 1)
	go func() { ended <- encrypt(ctx, c, "box", 10, last) }()
	c.Eventually("the key rotates", func() bool { return latest() >= 2 })
	leader := c.Leader()
	leader.Kill()
	leader.Start()
	c.Unseal(leader)
	done = <-ended
	if ctx.Err() != nil {
		t.Fatalf("version %d is not reached: %v", last, done.made)
	}
	if done.spent > 0 || len(done.other) > 0 {
		t.Errorf("%d encryptions were refused as too many, others as %v", done.spent, done.other)
	}

	booked, total := map[int]int{}, 0
	for _, n := range c.Nodes {
		records, err := n.Audit()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if r.Operation == "transit/reserve-encryptions" && r.Type == "intent" && r.Key == "box" {
				count, _ := strconv.Atoi(r.Fields["count"])
				booked[int(r.KeyVersion)] += count
				total += count
			}
		}
	}
	for v, made := range done.made {
		if made > booked[v] || made > fewEncryptions {
			t.Errorf("%d encryptions under version %d, of which %d were booked", made, v, booked[v])
		}
	}
	if got := latest(); got > 1+total/halfOfThem {
		t.Errorf("%d versions for %d encryptions that were booked: one was rotated twice", got, total)
	}
	t.Logf("made %v, booked %v", done.made, booked)
}
