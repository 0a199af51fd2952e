package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	rotators    = 64 // writers at once
	rotatedType = "aes256-gcm96"
	rotateLeast = 0.7 // of the writes of a bare handler with the same raft
)

// clusterRotate compares writes with those of a bare handler that syncs a line,
// proposes as many bytes to the same raft, and syncs a line; alone and three.
func (b *bench) clusterRotate(ctx context.Context) error {
	b.progress("cluster-rotate: starting a lone node and a cluster")
	n, c, err := b.startBoth(ctx, "cluster-rotate", "sync", `path "transit/*" { capabilities = ["create", "read", "update"] }`)
	if err != nil {
		return err
	}
	defer c.kill()
	defer func() { _ = n.kill() }()
	leader, _, err := c.leader(ctx)
	if err != nil {
		return err
	}
	entry, record, err := b.writeSizes(ctx, n)
	if err != nil {
		return err
	}
	b.progress("cluster-rotate: a rotation proposes %d bytes, and writes two lines of %d", entry, record)
	for _, size := range []int{1, clusterSize} {
		node, name := n, "a lone node"
		if size > 1 {
			node, name = leader, "the leader of three"
		}
		if err := b.rotateAgainstFloor(ctx, node, name, size, entry, record); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) rotateAgainstFloor(ctx context.Context, n *node, name string, size, entry, record int) error {
	f, err := b.startRaftFloor(ctx, size, entry, record)
	if err != nil {
		return err
	}
	defer f.kill()
	floor, err := f.leader(ctx)
	if err != nil {
		return err
	}
	l := b.load
	l.conns, l.own = rotators, b.rotated()
	there := make([]exchange, l.conns*l.own)
	for i := range there {
		there[i] = rotation(floor.addr, "none", "floor")
	}
	var rates, floors, ratios, p50, cpu, bareCPU []float64
	for i := range b.pairs {
		b.progress("cluster-rotate: %s, pair %d of %d", name, i+1, b.pairs)
		here, err := freshKeys(ctx, n, i, len(there))
		if err != nil {
			return err
		}
		node, err := l.run(ctx, n.target(), here)
		if err != nil {
			return err
		}
		bare, err := l.run(ctx, target{addr: floor.addr, pid: floor.pid()}, there)
		if err != nil {
			return fmt.Errorf("the bare handler: %w", err)
		}
		b.failed("cluster-rotate", node, bare)
		rates, floors, ratios = append(rates, node.Rate), append(floors, bare.Rate), append(ratios, quotient(node.Rate, bare.Rate))
		p50, cpu, bareCPU = append(p50, node.P50/1000), append(cpu, node.CPU), append(bareCPU, bare.CPU)
	}
	b.clusterFigure(figure{Name: fmt.Sprintf("cluster-rotate: %d writers at %s ÷ a bare handler with the same raft", rotators, name), Unit: "ratio", Value: spreadOf(ratios), Least: rotateLeast})
	b.clusterFigure(figure{Name: "cluster-rotate: rotations a second, " + name, Unit: "/s", Value: spreadOf(rates)})
	b.clusterFigure(figure{Name: "cluster-rotate: writes a second, the bare handler", Unit: "/s", Value: spreadOf(floors)})
	b.clusterFigure(figure{Name: "cluster-rotate: p50 of a rotation, " + name, Unit: "ms", Value: spreadOf(p50)})
	b.clusterFigure(figure{Name: "cluster-rotate: CPU of a rotation, " + name, Unit: "µs", Value: spreadOf(cpu)})
	b.clusterFigure(figure{Name: "cluster-rotate: CPU of a write, the bare handler", Unit: "µs", Value: spreadOf(bareCPU)})
	return nil
}

func rotation(addr, token, key string) exchange {
	return keyExchange(target{addr: addr, token: token}, "POST", key, "/rotate", fewVersions)
}

// rotated is how many keys a writer has, which it rotates in turn: so many that they
// have few versions in the end, since answers list those.
func (b *bench) rotated() int { return max(1, min(16, int(8*b.load.length.Seconds()))) }

// freshKeys makes the keys of all writers and returns the requests that rotate them.
func freshKeys(ctx context.Context, n *node, turn, keys int) ([]exchange, error) {
	out := make([]exchange, keys)
	return out, repeat(ctx, len(out), rotators, func(ctx context.Context, i int) error {
		name := fmt.Sprintf("rotated-%d-%d", turn, i)
		out[i] = rotation(n.addr, n.token, name)
		return n.makeKey(ctx, name, rotatedType)
	})
}

// writeSizes has a lone node rotate a key and returns how long its proposals and
// the lines of its audit log are, in bytes.
func (b *bench) writeSizes(ctx context.Context, n *node) (entry, record int, err error) {
	const times = 40
	if err := n.makeKey(ctx, "measured", rotatedType); err != nil {
		return 0, 0, err
	}
	before, err := lines(filepath.Join(n.dir, "audit", "audit.log"))
	if err != nil {
		return 0, 0, err
	}
	if err := rotateTo(ctx, n, "measured", 1+times); err != nil {
		return 0, 0, err
	}
	after, err := lines(filepath.Join(n.dir, "audit", "audit.log"))
	if err != nil {
		return 0, 0, err
	}
	if after.lines-before.lines < 2*times {
		return 0, 0, errors.New("a rotation leaves no two records")
	}
	record = (after.bytes - before.bytes) / (after.lines - before.lines)
	// A copy, since the node has its log open. Nothing is written to it meanwhile.
	log, err := os.ReadFile(filepath.Join(n.dir, "data", "raft", "raft.db"))
	if err != nil {
		return 0, 0, err
	}
	copied := filepath.Join(b.dir, "raft.db")
	if err := os.WriteFile(copied, log, 0o600); err != nil {
		return 0, 0, err
	}
	said, err := exec.CommandContext(ctx, b.floor, "-entry-size", copied).Output()
	if err == nil {
		entry, err = strconv.Atoi(strings.TrimSpace(string(said)))
	}
	if err != nil {
		return 0, 0, fmt.Errorf("how long a proposal is: %w", err)
	}
	return entry, record, os.Remove(copied)
}

type extent struct{ lines, bytes int }

func lines(file string) (extent, error) {
	text, err := os.ReadFile(file)
	return extent{strings.Count(string(text), "\n"), len(text)}, err
}

// raftFloor is bare handlers with one raft.
type raftFloor []*process

func (b *bench) startRaftFloor(ctx context.Context, size, entry, record int) (raftFloor, error) {
	dir := filepath.Join(b.dir, fmt.Sprintf("raftfloor%d", size))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	cert := filepath.Join(dir, "cert.pem")
	if err := exec.CommandContext(ctx, b.floor, "-make-cert", cert).Run(); err != nil {
		return nil, fmt.Errorf("the bare handler's certificate: %w", err)
	}
	peers := ""
	if size > 1 {
		addresses, err := freeAddresses(size)
		if err != nil {
			return nil, err
		}
		for i, a := range addresses {
			addresses[i] = fmt.Sprintf("f%d=%s", i, a)
		}
		peers = strings.Join(addresses, ",")
	}
	var f raftFloor
	for i := range size {
		id := fmt.Sprintf("f%d", i)
		p, err := start(ctx, filepath.Join(dir, id), b.floor, "-raft", id, "-raft-peers", peers, "-raft-dir", filepath.Join(dir, id, "data"),
			"-raft-cert", cert, "-raft-entry", fmt.Sprint(entry), "-raft-record", fmt.Sprint(record))
		if err != nil {
			f.kill()
			return nil, err
		}
		f = append(f, p)
	}
	return f, nil
}

func (f raftFloor) leader(ctx context.Context) (leader *process, err error) {
	err = until(ctx, "looking for the bare handler's leader", func() error {
		for _, p := range f {
			if leads(ctx, p.addr) {
				leader = p
				return nil
			}
		}
		return errors.New("it has no leader")
	})
	return leader, err
}

func (f raftFloor) kill() {
	for _, p := range f {
		_ = p.kill() // it has nothing to lose
	}
}
