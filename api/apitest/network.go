package apitest

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Network is a network for the nodes of a cluster: each in a network namespace of its
// own, with a router between them. What one sends another can be cut, each way by
// itself; packets vanish then, as behind a cable that was pulled. A node's API listens
// on its loopback, where the harness reaches it whatever is cut.
//
// The namespaces live as long as a file or process of this test holds them, so nothing
// stays behind, however the test ends. Methods may be called from any goroutine.
type Network struct {
	t      testing.TB
	router *os.File

	mu    sync.Mutex
	nodes []*os.File
	cuts  map[[2]int]bool
}

// NewNetwork makes a network without nodes. It skips the test without the right to.
func NewNetwork(t testing.TB) *Network {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("ip (iproute2) is not installed")
	}
	w := &Network{t: t, cuts: map[[2]int]bool{}}
	var err error
	if w.router, err = newNamespace(); err != nil {
		t.Skipf("network namespaces cannot be made here: %v", err)
	}
	t.Cleanup(func() { _ = w.router.Close() })
	err = within(w.router, func() error {
		return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
	})
	if err != nil {
		t.Skipf("packets cannot be forwarded here: %v", err)
	}
	w.ip(w.router, "link set lo up")
	return w
}

// add makes the namespace of the next node and says what its number is.
func (w *Network) add() (int, *os.File) {
	w.t.Helper()
	ns, err := newNamespace()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = ns.Close() })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes = append(w.nodes, ns)
	i := len(w.nodes)
	w.ip(w.router, fmt.Sprintf("link add v%d type veth peer name e0 netns /proc/%d/fd/%d", i, os.Getpid(), ns.Fd()))
	w.ip(w.router, fmt.Sprintf("addr add 10.99.%d.1/24 dev v%d", i, i))
	w.ip(w.router, fmt.Sprintf("link set v%d up", i))
	w.ip(ns, "link set lo up")
	w.ip(ns, fmt.Sprintf("addr add %s/24 dev e0", networkHost(i)))
	w.ip(ns, "link set e0 up")
	w.ip(ns, fmt.Sprintf("route add default via 10.99.%d.1", i))
	return i, ns
}

func networkHost(i int) string { return fmt.Sprintf("10.99.%d.2", i) }

func (w *Network) ip(ns *os.File, args string) {
	w.t.Helper()
	err := within(ns, func() error {
		out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip %s: %w: %s", args, err, out)
		}
		return nil
	})
	if err != nil {
		w.t.Error(err)
	}
}

// Cut makes what from sends to vanish from now on.
func (w *Network) Cut(from, to *Node) { w.set(from, to, true) }

// Mend undoes Cut.
func (w *Network) Mend(from, to *Node) { w.set(from, to, false) }

// Isolate cuts a node from all others, both ways.
func (w *Network) Isolate(n *Node, others ...*Node) {
	for _, o := range others {
		if o != n {
			w.Cut(n, o)
			w.Cut(o, n)
		}
	}
}

// Heal mends everything.
func (w *Network) Heal(nodes ...*Node) {
	for _, a := range nodes {
		for _, b := range nodes {
			w.Mend(a, b)
		}
	}
}

func (w *Network) set(from, to *Node, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	way := [2]int{from.place, to.place}
	if w.cuts[way] == cut {
		return
	}
	w.cuts[way] = cut
	verb := "del"
	if cut {
		verb = "add"
	}
	w.ip(w.router, fmt.Sprintf("rule %s from %s to %s blackhole", verb, networkHost(from.place), networkHost(to.place)))
}

// newNamespace makes a network namespace that lives as long as the file is open.
func newNamespace() (*os.File, error) {
	runtime.LockOSThread()
	old, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	defer func() { _ = old.Close() }()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	ns, err := os.Open("/proc/thread-self/ns/net")
	if back := unix.Setns(int(old.Fd()), unix.CLONE_NEWNET); back != nil {
		return nil, back // the thread stays locked, and nobody else gets it
	}
	runtime.UnlockOSThread()
	return ns, err
}

// within calls do on a thread that is in ns. Sockets and processes that it makes stay
// there. The thread goes on afterwards: a process that it started dies with it.
func within(ns *os.File, do func() error) error {
	if ns == nil {
		return do()
	}
	runtime.LockOSThread()
	old, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer func() { _ = old.Close() }()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	err = do()
	if back := unix.Setns(int(old.Fd()), unix.CLONE_NEWNET); back != nil {
		return back
	}
	runtime.UnlockOSThread()
	return err
}

// dial is a dialer for the node's namespace.
func (n *Node) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = within(n.space, func() error {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// apiFrom is the URL at which n reaches the API of other while the test goes on. In a
// network a port on n's loopback leads to the other's: tokens cross it in clear.
func (n *Node) apiFrom(other *Node) string {
	n.t.Helper()
	if n.space == nil {
		return other.URL()
	}
	var l net.Listener
	err := within(n.space, func() (err error) {
		l, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = in.Close() }()
				out, err := other.dial(context.Background(), "tcp", other.o.listen)
				if err != nil {
					return
				}
				go func() {
					_, _ = io.Copy(out, in)
					_ = out.Close()
				}()
				_, _ = io.Copy(in, out)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// Through leads connections of one node to the cluster port of another through carry,
// which copies between the two ends and returns when both are closed. Open ones break,
// and break again when stop is called.
func (w *Network) Through(from, to *Node, carry func(in, out net.Conn)) (stop func()) {
	w.t.Helper()
	host := networkHost(to.place)
	// Packets to the other end on the loopback of from, where this listens.
	w.ip(from.space, "addr add "+host+"/32 dev lo")
	var l net.Listener
	err := within(from.space, func() (err error) {
		l, err = net.Listen("tcp", to.clusterAddr)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	var mu sync.Mutex
	open, stopped := map[net.Conn]bool{}, false
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			var out net.Conn
			err = within(w.router, func() (err error) {
				out, err = (&net.Dialer{}).DialContext(w.t.Context(), "tcp", to.clusterAddr)
				return err
			})
			mu.Lock()
			if err != nil || stopped {
				_ = in.Close()
				if out != nil {
					_ = out.Close()
				}
				mu.Unlock()
				continue
			}
			open[in], open[out] = true, true
			mu.Unlock()
			wg.Go(func() { carry(in, out) })
		}
	})
	return func() {
		_ = l.Close()
		mu.Lock()
		stopped = true
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		w.ip(from.space, "addr del "+host+"/32 dev lo")
		wg.Wait()
	}
}
