package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	startLimit = 60 * time.Second // until the ready line
	stopLimit  = 60 * time.Second // from SIGTERM until it is killed
)

// process is a server that this program has started, and ends.
type process struct {
	cmd   *exec.Cmd
	addr  string        // host:port, of its ready line
	ready time.Duration // from its start to that line
	log   string        // the file with what it says
}

// start runs a server in dir and returns when it says that it is ready. When ctx
// ends, it is killed.
func start(ctx context.Context, dir, binary string, args ...string) (*process, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, binary, args...), log: filepath.Join(dir, "log")}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	p.cmd.Dir, p.cmd.Stderr = dir, log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	late := time.AfterFunc(startLimit, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	in := bufio.NewReader(stdout)
	for p.addr == "" {
		line, err := in.ReadString('\n')
		p.ready = time.Since(begin)
		p.addr = readyAddr(line)
		if err != nil && p.addr == "" {
			_ = p.cmd.Wait()
			return nil, fmt.Errorf("%s did not start: %s", filepath.Base(binary), p.said())
		}
	}
	go func() { _, _ = io.Copy(io.Discard, in) }() // ends with the process
	return p, nil
}

// readyAddr finds host:port in "<program> ready addr=http://<host>:<port> …".
func readyAddr(line string) string {
	_, rest, ok := strings.Cut(line, " ready addr=http://")
	if !ok {
		return ""
	}
	addr, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	return addr
}

// said is the end of what a server has written.
func (p *process) said() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b[max(0, len(b)-1000):]))
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop asks it to end, and waits. A server that does not is killed, and that is
// an error.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			return nil
		}
		return err
	}
	late := time.AfterFunc(stopLimit, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("%s did not end well: %w: %s", filepath.Base(p.cmd.Path), err, p.said())
	}
	return nil
}

// kill ends it as a crash would.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
