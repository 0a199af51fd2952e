package apitest_test

import (
	"net/http"
	"syscall"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

// A leader is frozen while a follower waits for its answer: its connections stay, and
// say nothing. The write is decided with the leader that is elected next, while the
// first one is still frozen: it does not wait for it until the request's time is over,
// and it does not end with nobody knowing.
func TestAWriteGoesOnWhenTheLeaderFreezes(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	root, home, through, third := c.Nodes[0].Root(), c.Leader(), c.Followers()[0], c.Followers()[1]
	token := through.NewToken("default")
	for _, n := range c.Nodes {
		wantStatus(t, n.Get("auth/token/lookup-self", token), 200)
	}

	// The leader waits, before it answers, until the third node's lease is over.
	third.Signal(syscall.SIGSTOP)
	defer third.Signal(syscall.SIGCONT)
	answers := make(chan apitest.Reply, 1)
	go func() {
		defer close(answers)
		r, err := through.Send(http.MethodPost, "auth/token/revoke", root, object{"token": token})
		if err != nil {
			t.Error(err)
			return
		}
		answers <- r
	}()
	c.Eventually("the revocation is committed", func() bool {
		return through.Get("auth/token/lookup-self", token).Status == 403
	})
	home.Signal(syscall.SIGSTOP)
	defer home.Signal(syscall.SIGCONT)
	third.Signal(syscall.SIGCONT)

	if r := <-answers; r.Status != 204 {
		t.Errorf("through %s, while the leader of before is frozen: %s", through.ID(), r)
	}
	wantStatus(t, third.Get("auth/token/lookup-self", token), 403)
	c.Eventually("another node leads, and writes", func() bool {
		r, err := through.Send(http.MethodPost, "transit/keys/after", root, object{"type": "ed25519"})
		return err == nil && r.Status == 200
	})
	home.Signal(syscall.SIGCONT)
	c.Settle()
}
