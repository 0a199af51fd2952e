package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// clusterRow is a part about a cluster; each has nodes of its own.
type clusterRow struct {
	name string
	run  func(*bench, context.Context) error
}

// clusterRows is what -part cluster stands for.
func clusterRows() []clusterRow {
	return []clusterRow{
		{"cluster-sign", (*bench).clusterSign},
		{"failover", (*bench).failover},
		{"barrier", (*bench).barrier},
		{"cluster-rotate", (*bench).clusterRotate},
		{"unseal", (*bench).clusterUnseal},
	}
}

func clusterRowNames() []string {
	var names []string
	for _, r := range clusterRows() {
		names = append(names, r.name)
	}
	return names
}

// allOfCluster puts the names of the rows where "cluster" stands.
func allOfCluster(names []string) []string {
	if i := slices.Index(names, "cluster"); i >= 0 {
		return slices.Concat(names[:i], clusterRowNames(), names[i+1:])
	}
	return names
}

func (b *bench) clusterParts(ctx context.Context) error {
	for _, r := range clusterRows() {
		if !b.has(r.name) {
			continue
		}
		if err := r.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

func (b *bench) clusterFigure(f figure) {
	f.OK = f.reached()
	b.out.Cluster = append(b.out.Cluster, f)
}

// startBoth starts a lone node and a cluster that allow the same.
func (b *bench) startBoth(ctx context.Context, row, durability, policy string) (*node, *cluster, error) {
	n, err := startNode(ctx, b.signet, filepath.Join(b.dir, row, "lone"), durability, policy)
	if err != nil {
		return nil, nil, err
	}
	c, err := startCluster(ctx, b.signet, filepath.Join(b.dir, row), durability, policy)
	if err != nil {
		_ = n.kill()
		return nil, nil, err
	}
	return n, c, nil
}

const (
	signLeast  = 0.9              // of a lone node's signatures for each CPU second
	signAudit  = "os"             // what signs does not wait for the disk
	idleSettle = 2 * time.Second  // after a load, before idleness is measured
	idleTime   = 10 * time.Second // of which the ticks of /proc are a thousandth
)

// clusterSign compares what a signature costs a lone node and all of a cluster, and
// what the cluster costs while nobody asks it anything. Three lone nodes stand
// beside them, to tell what being a cluster costs from what three processes cost.
func (b *bench) clusterSign(ctx context.Context) error {
	o := operations()[0]
	b.progress("cluster-sign: starting three lone nodes and a cluster")
	n, c, err := b.startBoth(ctx, "cluster-sign", signAudit, benchPolicy([]operation{o}, false))
	if err != nil {
		return err
	}
	lone := []*node{n}
	defer c.kill()
	defer func() {
		for _, n := range lone {
			_ = n.kill()
		}
	}()
	for i := range clusterSize - 1 {
		n, err := startNode(ctx, b.signet, filepath.Join(b.dir, "cluster-sign", fmt.Sprint("lone", i)), signAudit, benchPolicy([]operation{o}, false))
		if err != nil {
			return err
		}
		lone = append(lone, n)
	}
	turns, err := b.signTurns(ctx, o, lone, c)
	if err != nil {
		return err
	}
	ratio := func(i int) spread {
		return over(turns, func(t [3]result) float64 { return quotient(t[0].CPU, t[i].CPU) })
	}
	b.clusterFigure(figure{Name: fmt.Sprintf("cluster-sign: signatures a CPU second with %d connections, the cluster ÷ a lone node", clusterSize*b.load.conns), Unit: "ratio", Value: ratio(1), Least: signLeast})
	b.clusterFigure(figure{Name: "cluster-sign: the same, three lone nodes ÷ a lone node", Unit: "ratio", Value: ratio(2)})
	for i, name := range []string{"a lone node", "the cluster", "three lone nodes"} {
		b.clusterFigure(figure{Name: "cluster-sign: CPU of a signature, " + name, Unit: "µs", Value: over(turns, func(t [3]result) float64 { return t[i].CPU })})
		b.clusterFigure(figure{Name: "cluster-sign: signatures a second, " + name, Unit: "/s", Value: over(turns, func(t [3]result) float64 { return t[i].Rate })})
	}
	return b.clusterIdle(ctx, n, c)
}

// signTurns measures the first of the lone nodes, the cluster, and all lone nodes,
// by turns, under the same load.
func (b *bench) signTurns(ctx context.Context, o operation, lone []*node, c *cluster) ([][3]result, error) {
	for _, n := range append(lone[:len(lone):len(lone)], c.nodes[0]) {
		if err := n.makeKey(ctx, o.key, o.key); err != nil {
			return nil, err
		}
	}
	var targets [3][]target
	var exchanges [3][][]exchange
	for i, nodes := range [][]*node{lone[:1], c.nodes, lone} {
		for _, n := range nodes {
			e, err := prepare(ctx, n.target(), o)
			if err != nil {
				return nil, err
			}
			targets[i], exchanges[i] = append(targets[i], n.target()), append(exchanges[i], e)
		}
	}
	var turns [][3]result
	for i := range b.pairs {
		b.progress("cluster-sign: turn %d of %d", i+1, b.pairs)
		var t [3]result
		l := b.load
		l.conns *= clusterSize // each node of the cluster has what a lone one has elsewhere
		for j := range t {
			var err error
			if t[j], err = l.runAll(ctx, targets[j], exchanges[j]); err != nil {
				return nil, err
			}
		}
		b.failed("cluster-sign", t[:]...)
		turns = append(turns, t)
	}
	return turns, nil
}

// clusterIdle measures what nodes cost while nobody asks them anything.
func (b *bench) clusterIdle(ctx context.Context, n *node, c *cluster) error {
	long := min(idleTime, 5*b.load.length)
	b.progress("cluster-sign: idle for %v", long)
	leader, others, err := c.leader(ctx)
	if err != nil {
		return err
	}
	if err := sleep(ctx, idleSettle); err != nil {
		return err
	}
	nodes := append([]*node{n, leader}, others...)
	used := make([]time.Duration, len(nodes))
	begin := time.Now()
	for i, n := range nodes {
		if used[i], err = cpuTime(n.pid()); err != nil {
			return err
		}
	}
	if err := sleep(ctx, long); err != nil {
		return err
	}
	took := time.Since(begin)
	var cost []float64 // ms of CPU in a second
	for i, n := range nodes {
		now, err := cpuTime(n.pid())
		if err != nil {
			return err
		}
		cost = append(cost, 1000*(now-used[i]).Seconds()/took.Seconds())
	}
	b.clusterFigure(figure{Name: "idle: CPU of a lone node", Unit: "ms/s", Value: spreadOf(cost[:1])})
	b.clusterFigure(figure{Name: "idle: CPU of a cluster's leader", Unit: "ms/s", Value: spreadOf(cost[1:2])})
	b.clusterFigure(figure{Name: "idle: CPU of a follower", Unit: "ms/s", Value: spreadOf(cost[2:])})
	return nil
}
