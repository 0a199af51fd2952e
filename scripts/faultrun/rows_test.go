package faultrun

import (
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// row is one fault.
type row struct {
	name    string
	network bool // it needs namespaces
	prepare []func(*run) []apitest.Option
	inject  func(*run)
}

// rows are all faults, in the order of the table.
func rows() []row {
	disks := []func(*run) []apitest.Option{mounts}
	return []row{
		{name: "kill -9 leader", inject: func(r *run) { r.killLeader(*kills) }},
		{name: "kill -9 follower", inject: killFollower},
		{name: "kill -9 all at once", inject: killAll},
		{name: "SIGSTOP leader past its lease", inject: func(r *run) { r.pause(r.leader(), 6*time.Second) }},
		{name: "SIGSTOP follower", inject: func(r *run) { r.pause(r.others(r.leader())[0], 6*time.Second) }},
		{name: "leader isolated", network: true, inject: func(r *run) { r.isolate(r.leader(), 8*time.Second) }},
		{name: "follower isolated", network: true, inject: func(r *run) { r.isolate(r.others(r.leader())[0], 8*time.Second) }},
		{name: "leader hears nobody", network: true, inject: func(r *run) { r.deaf(r.leader(), 8*time.Second) }},
		{name: "nobody hears the leader", network: true, inject: func(r *run) { r.mute(r.leader(), 8*time.Second) }},
		{name: "follower hears nobody", network: true, inject: func(r *run) { r.deaf(r.others(r.leader())[0], 8*time.Second) }},
		{name: "bridge", network: true, inject: bridge},
		{name: "flapping at 1 Hz", network: true, inject: flap},
		{name: "rolling restart", inject: rolling},
		{name: "unattended rolling restart with the SDK", prepare: []func(*run) []apitest.Option{unattended}, inject: rollingSDK},
		{name: "membership churn", inject: churn},
		{name: "disk full on leader", prepare: disks, inject: func(r *run) { r.full(r.leader(), "data") }},
		{name: "disk full on follower", prepare: disks, inject: func(r *run) { r.full(r.others(r.leader())[0], "data") }},
		{name: "audit disk full on leader", prepare: disks, inject: func(r *run) { r.full(r.leader(), "audit") }},
		{name: "audit disk full on follower", prepare: disks, inject: func(r *run) { r.full(r.others(r.leader())[0], "audit") }},
		{name: "audit log blocked on leader", inject: func(r *run) { n := r.leader(); r.slowSync(n, n.AuditLog(), 20*time.Second, 10*time.Second) }},
		{name: "slow disk on leader", inject: slowLeader},
		{name: "fsync of the log fails on leader", inject: func(r *run) { n := r.leader(); syncFails(r, n, logFile(r, n)) }},
		{name: "fsync of the log fails on follower", inject: func(r *run) { n := r.others(r.leader())[0]; syncFails(r, n, logFile(r, n)) }},
		{name: "fsync of the audit log fails on leader", inject: func(r *run) { n := r.leader(); syncFails(r, n, n.AuditLog()) }},
		{name: "delay and loss", network: true, inject: slowNetwork},
		{name: "torn log on follower", inject: func(r *run) { r.damage(logFile, torn) }},
		{name: "bit flip in log on follower", inject: func(r *run) { r.damage(logFile, flipped) }},
		{name: "bit flip in snapshot on follower", inject: func(r *run) { r.fillLog(); r.damage(snapshotFile, flipped) }},
		{name: "bit flip in roster on follower", inject: func(r *run) { r.damage(rosterFile, flipped) }},
		{name: "clock of leader set by an hour", prepare: []func(*run) []apitest.Option{clocked}, inject: func(r *run) { clocks(r, true) }},
		{name: "clock of follower set by an hour", prepare: []func(*run) []apitest.Option{clocked}, inject: func(r *run) { clocks(r, false) }},
		{name: "slow follower needs a snapshot", inject: lag},
		{name: "snapshot stream cut", network: true, inject: lagCut},
		{name: "restore of an old backup", inject: oldBackup},
		{name: "restore into an empty cluster", prepare: []func(*run) []apitest.Option{revived}, inject: useRevived},
		{name: "revoked is refused everywhere", inject: func(r *run) { revocations(r, *revokes) }},
		{name: "rotations with kills", inject: func(r *run) { rotateIssuers(r, 50, *rotations, "kills", killed) }},
		{name: "rotations with partitions", network: true, inject: func(r *run) { rotateIssuers(r, 5, *rotations/3, "partitions", cutOff) }},
	}
}

// killLeader kills the leader again and again; each is there again before the next.
func (r *run) killLeader(times int) {
	for range times {
		leader := r.leader()
		survivors := r.others(leader)
		at := time.Now()
		leader.Kill()
		r.struck(at, survivors)
		r.revive(leader)
		r.settle()
	}
}

func killFollower(r *run) {
	for i := range 2 {
		n := r.others(r.leader())[i]
		at := time.Now()
		n.Kill()
		r.struck(at, r.others(n))
		r.revive(n)
		r.settle()
	}
}

// killAll kills all nodes at once, and unseals each by itself, in another order.
func killAll(r *run) {
	at := time.Now()
	nodes := r.clients()
	for _, n := range nodes {
		n.Kill()
	}
	for _, n := range nodes {
		n.Start()
	}
	for _, i := range r.rand.Perm(len(nodes)) {
		r.c.Unseal(nodes[i])
		time.Sleep(time.Second)
	}
	r.struck(at, nil)
}

func (r *run) pause(n *apitest.Node, d time.Duration) {
	at := time.Now()
	r.stop(n)
	r.struck(at, r.others(n))
	time.Sleep(time.Until(at.Add(d)))
	r.resume(n)
	r.settle()
}

// during waits until a fault has lasted d, then heals everything.
func (r *run) during(at time.Time, d time.Duration, survivors []*apitest.Node) {
	r.struck(at, survivors)
	time.Sleep(time.Until(at.Add(d)))
	r.net.Heal(r.c.Nodes...)
	r.settle()
}

func (r *run) isolate(n *apitest.Node, d time.Duration) {
	at := time.Now()
	r.net.Isolate(n, r.c.Nodes...)
	r.during(at, d, r.others(n))
}

// deaf lets a node hear nobody.
func (r *run) deaf(n *apitest.Node, d time.Duration) {
	at := time.Now()
	for _, o := range r.others(n) {
		r.net.Cut(o, n)
	}
	r.during(at, d, r.others(n))
}

// mute lets nobody hear a node.
func (r *run) mute(n *apitest.Node, d time.Duration) {
	at := time.Now()
	for _, o := range r.others(n) {
		r.net.Cut(n, o)
	}
	r.during(at, d, r.others(n))
}

// bridge cuts the leader from one follower; the other one reaches both.
func bridge(r *run) {
	leader := r.leader()
	cut := r.others(leader)[r.rand.IntN(2)]
	at := time.Now()
	r.net.Isolate(leader, cut)
	r.during(at, 8*time.Second, nil)
}

// flap isolates the leader of the moment, and heals, twice a second.
func flap(r *run) {
	at := time.Now()
	for range 10 {
		n := r.c.Nodes[r.rand.IntN(len(r.c.Nodes))]
		r.net.Isolate(n, r.c.Nodes...)
		time.Sleep(500 * time.Millisecond)
		r.net.Heal(r.c.Nodes...)
		time.Sleep(500 * time.Millisecond)
	}
	r.struck(at.Add(10*time.Second), nil)
	r.settle()
}

// rolling stops and starts each node in order, the leader last.
func rolling(r *run) {
	leader := r.leader()
	for _, n := range append(r.others(leader), leader) {
		at := time.Now()
		n.Restart()
		r.c.Unseal(n)
		r.struck(at, r.others(n))
		r.settle()
	}
}

// churn adds a replica, gives it a vote, removes it, and removes the leader.
func churn(r *run) {
	more := r.c.Add("n4", r.options()...)
	r.c.Join(more, true)
	r.settle()
	must := func(path, id string) {
		r.t.Helper()
		r.eventually(path+" of "+id, func() bool {
			c := client{r: r}
			asked := r.leader()
			if asked.ID() == id { // no node removes itself
				asked = r.others(asked)[0]
			}
			answer, err := c.ask(asked, "POST", "sys/storage/raft/"+path, r.root, object{"server_id": id})
			if err == nil && answer.Status >= 400 && answer.Status < 500 && answer.Code() != "not_found" && answer.Status != 409 {
				r.t.Fatalf("%s of %s: %s", path, id, answer)
			}
			return err == nil && (answer.Status < 300 || answer.Code() == "not_found")
		})
	}
	must("promote", more.ID())
	r.c.Settle()
	must("remove-peer", more.ID())
	r.leave(more)
	leader := r.leader()
	at := time.Now()
	must("remove-peer", leader.ID())
	r.leave(leader)
	r.struck(at, r.clients())
}

// leave makes a node one that clients know no more, and that is no member.
func (r *run) leave(n *apitest.Node) {
	r.mu.Lock()
	r.gone[n] = true
	r.mu.Unlock()
	time.Sleep(200 * time.Millisecond) // requests of before
	if n.Running() {
		n.Kill()
	}
}

func (r *run) options() []apitest.Option {
	if r.net == nil {
		return nil
	}
	return []apitest.Option{apitest.In(r.net)}
}
