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
// what the cluster costs while nobody asks it anything.
func (b *bench) clusterSign(ctx context.Context) error {
	o := operations()[0]
	b.progress("cluster-sign: starting a lone node and a cluster")
	n, c, err := b.startBoth(ctx, "cluster-sign", signAudit, benchPolicy([]operation{o}, false))
	if err != nil {
		return err
	}
	defer c.kill()
	defer func() { _ = n.kill() }()
	lone, err := b.prepared(ctx, n, o)
	if err != nil {
		return err
	}
	if err := c.nodes[0].makeKey(ctx, o.key, o.key); err != nil {
		return err
	}
	var all [][]exchange
	for _, t := range c.targets() {
		e, err := prepare(ctx, t, o)
		if err != nil {
			return err
		}
		all = append(all, e)
	}
	var loneCPU, allCPU, loneRate, allRate, ratios []float64
	for i := range b.pairs {
		b.progress("cluster-sign: pair %d of %d", i+1, b.pairs)
		one, err := b.load.run(ctx, n.target(), lone)
		if err != nil {
			return err
		}
		three, err := b.load.runAll(ctx, c.targets(), all)
		if err != nil {
			return err
		}
		b.failed("cluster-sign", one, three)
		loneCPU, allCPU = append(loneCPU, one.CPU), append(allCPU, three.CPU)
		loneRate, allRate = append(loneRate, one.Rate), append(allRate, three.Rate)
		ratios = append(ratios, quotient(one.CPU, three.CPU))
	}
	b.clusterFigure(figure{Name: "cluster-sign: signatures a CPU second, three nodes together ÷ a lone node", Unit: "ratio", Value: spreadOf(ratios), Least: signLeast})
	b.clusterFigure(figure{Name: "cluster-sign: CPU of a signature, a lone node", Unit: "µs", Value: spreadOf(loneCPU)})
	b.clusterFigure(figure{Name: "cluster-sign: CPU of a signature, three nodes together", Unit: "µs", Value: spreadOf(allCPU)})
	b.clusterFigure(figure{Name: "cluster-sign: signatures a second, a lone node", Unit: "/s", Value: spreadOf(loneRate)})
	b.clusterFigure(figure{Name: "cluster-sign: signatures a second, three nodes together", Unit: "/s", Value: spreadOf(allRate)})
	return b.clusterIdle(ctx, n, c)
}

// clusterIdle measures what nodes cost while nobody asks them anything.
func (b *bench) clusterIdle(ctx context.Context, n *node, c *cluster) error {
	b.progress("cluster-sign: idle for %v", idleTime)
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
	if err := sleep(ctx, idleTime); err != nil {
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
