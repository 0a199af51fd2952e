package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/signet-kms/signet/client/wire"
)

// The whole rule of who may be repeated. times is how many requests arrive when
// the server always answers like this (4 attempts); unknown is whether the
// error says so.
func TestWhoIsRepeated(t *testing.T) {
	type want struct {
		times   int
		unknown bool
	}
	cases := []struct {
		name          string
		step          http.HandlerFunc
		safe, lasting want
		is            error
	}{
		{"sealed", refuse(503, wire.Sealed), want{1, false}, want{1, false}, ErrSealed},
		{"no leader", refuse(503, wire.NoLeader), want{4, false}, want{4, false}, ErrUnavailable},
		{"no lease", refuse(503, wire.NoLease), want{4, false}, want{4, false}, ErrUnavailable},
		{"audit unavailable", refuse(503, wire.AuditUnavailable), want{4, false}, want{4, false}, ErrUnavailable},
		{"overloaded", refuse(503, wire.Overloaded), want{4, false}, want{4, false}, ErrUnavailable},
		{"rate limited", refuse(429, wire.RateLimited), want{4, false}, want{4, false}, ErrRateLimited},
		{"not initialized", refuse(503, wire.NotInitialized), want{1, false}, want{1, false}, ErrNotInitialized},
		{"a proxy's 503", reply(503, "<h1>down</h1>"), want{4, false}, want{4, true}, ErrUnavailable},
		{"a proxy's 502", reply(502, ""), want{4, false}, want{4, true}, ErrUnavailable},
		{"a proxy's 504", reply(504, ""), want{4, false}, want{4, true}, ErrUnavailable},
		{"a proxy's 429", reply(429, ""), want{4, false}, want{4, false}, ErrRateLimited},
		{"internal", refuse(500, wire.Internal), want{1, false}, want{1, true}, nil},
		{"a bare 500", reply(500, "oops"), want{1, false}, want{1, true}, ErrBadAnswer},
		{"outcome unknown", refuse(409, wire.OutcomeUnknown), want{1, false}, want{4, true}, nil},
		{"wrong request", refuse(400, wire.BadRequest), want{1, false}, want{1, false}, ErrInvalidRequest},
		{"denied", refuse(403, wire.PermissionDenied), want{1, false}, want{1, false}, ErrPermissionDenied},
		{"missing", refuse(404, wire.NotFound), want{1, false}, want{1, false}, ErrNotFound},
		{"an unheard-of code", refuse(503, "from_the_future"), want{1, false}, want{1, true}, ErrUnavailable},
		{"broken connection", hangUp, want{4, false}, want{4, true}, ErrUnavailable},
		{"broken answer", cutOff, want{4, false}, want{4, true}, ErrUnavailable},
		{"redirect", reply(307, "", "Location", "/v1/elsewhere"), want{1, false}, want{1, true}, ErrBadAnswer},
	}
	for _, c := range cases {
		for _, kind := range []struct {
			name string
			do   func(*Client) error
			want want
		}{{"safe", safely, c.safe}, {"lasting", lastingly, c.lasting}} {
			t.Run(c.name+"/"+kind.name, func(t *testing.T) {
				s := serve(t, c.step)
				client, waits := connect(t, Config{}, s)
				err := kind.do(client)
				if n := len(s.requests()); n != kind.want.times {
					t.Errorf("%d requests, want %d", n, kind.want.times)
				}
				if err == nil || (c.is != nil && !errors.Is(err, c.is)) {
					t.Errorf("got %v, want one that is %v", err, c.is)
				}
				if errors.Is(err, ErrOutcomeUnknown) != kind.want.unknown {
					t.Errorf("outcome unknown is %v: %v", !kind.want.unknown, err)
				}
				if len(*waits) != kind.want.times-1 {
					t.Errorf("waits %v", *waits)
				}
			})
		}
	}
}

func TestRepeatedUntilItSucceeds(t *testing.T) {
	s := serve(t, refuse(503, wire.NoLeader), refuse(503, wire.AuditUnavailable), data(`{"name":"web","keys":{}}`))
	c, waits := connect(t, Config{}, s)
	if err := lastingly(c); err != nil {
		t.Fatal(err)
	}
	if len(s.requests()) != 3 || len(*waits) != 2 {
		t.Errorf("requests %v, waits %v", s.requests(), *waits)
	}
}

func TestConnectionRefusedIsRepeatedAndProvesThatNothingHappened(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + l.Addr().String()
	_ = l.Close()
	for _, do := range []func(*Client) error{safely, lastingly} {
		c, waits := connect(t, Config{Addresses: []string{address}})
		err := do(c)
		if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOutcomeUnknown) || len(*waits) != 3 {
			t.Errorf("got %v after waits %v", err, *waits)
		}
	}
}

func TestTimeoutOfAWriteIsUnknownAndNotRepeated(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	})
	defer close(release)
	c, _ := connect(t, Config{Timeout: 100 * time.Millisecond}, s)
	err := lastingly(c)
	if !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	err = safely(c)
	if errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if n := len(s.requests()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

func TestCancelledContextIsNotRepeated(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := serve(t, func(http.ResponseWriter, *http.Request) { cancel() }, hangUp)
	c, waits := connect(t, Config{}, s)
	_, err := c.Sys().SealStatus(ctx)
	if !errors.Is(err, ErrUnavailable) || len(*waits) != 0 || len(s.requests()) != 1 {
		t.Errorf("got %v, waits %v", err, *waits)
	}
}

func TestRetryAfterIsHonouredAndBounded(t *testing.T) {
	for header, want := range map[string]time.Duration{"3": 3 * time.Second, "86400": 5 * time.Second} {
		s := serve(t, refuse(503, wire.NoLeader, "Retry-After", header), data(`{"signature":"vault:v1:AA==","key_version":1}`))
		c, waits := connect(t, Config{}, s)
		if err := safely(c); err != nil {
			t.Fatal(err)
		}
		if len(*waits) != 1 || (*waits)[0] != want {
			t.Errorf("Retry-After %s: waits %v, want %v", header, *waits, want)
		}
	}
}

// A rate limit says when it has room: earlier is never asked, in particular not
// because the client waits at most so long.
func TestARateLimitIsNotAskedTooEarly(t *testing.T) {
	for header, want := range map[string]struct {
		least, most time.Duration
		requests    int
	}{
		"3":     {3 * time.Second, 3*time.Second + 100*time.Millisecond, 2},
		"5":     {5 * time.Second, 5 * time.Second, 2},
		"6":     {requests: 1},
		"86400": {requests: 1},
		"":      {0, 100 * time.Millisecond, 2},
	} {
		for _, do := range []func(*Client) error{safely, lastingly} {
			s := serve(t, refuse(429, wire.RateLimited, "Retry-After", header), data(`{"name":"web","keys":{},"signature":"vault:v1:AA=="}`))
			c, waits := connect(t, Config{}, s)
			err := do(c)
			if n := len(s.requests()); n != want.requests {
				t.Errorf("Retry-After %q: %d requests, want %d (%v)", header, n, want.requests, err)
			}
			refused := (*Error)(nil)
			if want.requests == 1 && (!errors.As(err, &refused) || !errors.Is(err, ErrRateLimited) || refused.RetryAfter < 6*time.Second) {
				t.Errorf("Retry-After %q: %v does not say when to come again", header, err)
			}
			for _, w := range *waits {
				if w < want.least || w > want.most {
					t.Errorf("Retry-After %q: waited %v", header, w)
				}
			}
		}
	}
	// Another node is asked at once.
	busy, free := serve(t, refuse(429, wire.RateLimited, "Retry-After", "60")), serve(t, data(`{"signature":"vault:v1:AA==","key_version":1}`))
	c, _ := connect(t, Config{}, busy, free)
	if err := safely(c); err != nil {
		t.Error(err)
	}
}

// An answer now says more than a deadline exceeded later.
func TestNoWaitBeyondTheDeadline(t *testing.T) {
	s := serve(t, refuse(503, wire.NoLeader, "Retry-After", "4"))
	c, waits := connect(t, Config{Timeout: 3 * time.Second}, s)
	if err := safely(c); !errors.Is(err, ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || len(*waits) != 0 {
		t.Errorf("got %v, waits %v", err, *waits)
	}
}

func TestOtherAddressesAreAskedBeforeWaiting(t *testing.T) {
	good := data(`{"signature":"vault:v1:AA==","key_version":1}`)
	sealed, electing, serving := serve(t, refuse(503, wire.Sealed)), serve(t, refuse(503, wire.NoLeader)), serve(t, good)
	c, waits := connect(t, Config{Retry: Retry{Attempts: 2}}, sealed, electing, serving)
	for range 2 {
		if err := safely(c); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range *waits {
		if w != 0 {
			t.Errorf("waited %v although another address was not asked yet", w)
		}
	}
	// The second call goes straight to the one that served.
	if a, b, d := len(sealed.requests()), len(electing.requests()), len(serving.requests()); a != 1 || b != 1 || d != 2 {
		t.Errorf("requests %d, %d, %d", a, b, d)
	}
}

func TestAllAddressesSealed(t *testing.T) {
	one, two := serve(t, refuse(503, wire.Sealed)), serve(t, refuse(503, wire.Sealed))
	c, _ := connect(t, Config{}, one, two)
	if err := safely(c); !errors.Is(err, ErrSealed) || len(one.requests()) != 1 || len(two.requests()) != 1 {
		t.Errorf("got %v", err)
	}
}

// What a node says of itself is told, and not that others are dead.
func TestAnAnswerSaysMoreThanARefusedConnection(t *testing.T) {
	for _, first := range []bool{true, false} {
		alive, dead := serve(t, refuse(503, wire.NoLeader)), serve(t, nil)
		dead.Close()
		servers := []*server{alive, dead}
		if !first {
			servers = []*server{dead, alive}
		}
		for attempts := 2; attempts <= 5; attempts++ {
			c, _ := connect(t, Config{Retry: Retry{Attempts: attempts}}, servers...)
			for name, call := range map[string]func(*Client) error{"a safe call": safely, "a lasting one": lastingly} {
				said := (*Error)(nil)
				if err := call(c); !errors.As(err, &said) || said.Code != wire.NoLeader || errors.Is(err, ErrOutcomeUnknown) {
					t.Errorf("%s in %d attempts: %v", name, attempts, err)
				}
			}
		}
	}
	// An attempt that may have had its effect is not hidden by it.
	alive, breaks := serve(t, refuse(503, wire.NoLeader)), serve(t, hangUp)
	c, _ := connect(t, Config{Retry: Retry{Attempts: 2}}, alive, breaks)
	if err := lastingly(c); !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("got %v", err)
	}
}

func TestOneAttemptMeansOne(t *testing.T) {
	one, two := serve(t, refuse(503, wire.NoLeader)), serve(t, refuse(503, wire.NoLeader))
	c, _ := connect(t, Config{Retry: Retry{Attempts: 1}}, one, two)
	if err := safely(c); err == nil || len(one.requests()) != 1 || len(two.requests()) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestBackOffGrowsWithinItsBounds(t *testing.T) {
	r := Retry{MinWait: 100 * time.Millisecond, MaxWait: time.Second}
	for n, full := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		full *= time.Millisecond
		for range 200 {
			if d := backOff(r, n); d < full/2 || d > full {
				t.Fatalf("attempt %d: %v is outside of %v to %v", n, d, full/2, full)
			}
		}
	}
	if d := backOff(r, 1000); d > time.Second {
		t.Errorf("got %v", d)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"1", "-1", "99999999999999999999", "Wed, 21 Oct 2065 07:28:00 GMT", ""} {
		f.Add(s)
	}
	now := time.Unix(1_700_000_000, 0)
	f.Fuzz(func(t *testing.T, text string) {
		if d := retryAfter(http.Header{"Retry-After": {text}}, now); d < 0 {
			t.Fatalf("%q gave %v", text, d)
		}
	})
}
