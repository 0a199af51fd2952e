package wrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-kms/signet/seal"
)

const (
	maxOutput = 16 << 10 // bytes of stdout
	maxStderr = 8 << 10
	// afterKill is how long the pipes of a killed command may stay open.
	afterKill = time.Second
)

// ExecConfig names two commands, each a path and its arguments.
type ExecConfig struct {
	Name    string // tells two of them apart; "" is exec
	Wrap    []string
	Unwrap  []string
	Timeout time.Duration // of one run; 0 is 10 s
}

// Exec wraps with a command, which gets on stdin what it is to wrap, or to unwrap,
// and gives the result on stdout. It is safe for concurrent use.
//
// No shell is between: the arguments are what they are. What it wraps is text of 64
// characters without a line break; the wrapped form is any 1 to 16,384 bytes; blanks
// around the unwrapped text are no harm. A command that ends with another status
// than 0, says nothing or too much, or does not end in time has failed, and is
// killed with everything that it started.
type Exec struct {
	name         string
	wrap, unwrap []string
	timeout      time.Duration
}

var _ seal.Wrapper = (*Exec)(nil)

// NewExec checks a configuration; it runs nothing. Errors: *FieldError.
func NewExec(c ExecConfig) (*Exec, error) {
	e := &Exec{name: c.Name, wrap: c.Wrap, unwrap: c.Unwrap, timeout: c.Timeout}
	if e.name == "" {
		e.name = "exec"
	}
	if e.timeout == 0 {
		e.timeout = defaultTimeout
	}
	if e.timeout < time.Second || e.timeout > time.Minute {
		return nil, wrong("timeout", "want 1s to 1m")
	}
	if seal.CheckName(e.name) != nil {
		return nil, wrong("name", "want 1 to 128 letters, digits, dots, hyphens, underscores and slashes")
	}
	for field, command := range map[string][]string{"wrap": c.Wrap, "unwrap": c.Unwrap} {
		if err := checkCommand(field, command); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// checkCommand refuses a command that somebody else may exchange.
func checkCommand(field string, command []string) error {
	if len(command) == 0 || !filepath.IsAbs(command[0]) {
		return wrong(field, "want a list: the absolute path of a command, from /, then its arguments")
	}
	info, err := os.Stat(command[0])
	switch {
	case err != nil:
		return wrong(field, "%v", err)
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0:
		return wrong(field, "%s is no file that can be executed (mode %04o)", command[0], info.Mode().Perm())
	case info.Mode().Perm()&0o022 != 0:
		return wrong(field, "%s can be written by others (mode %04o), who would get the root key; run chmod go-w on it", command[0], info.Mode().Perm())
	}
	for dir := filepath.Dir(command[0]); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		switch {
		case err != nil:
			return wrong(field, "%v", err)
		case info.Mode().Perm()&0o002 != 0 && info.Mode()&os.ModeSticky == 0:
			return wrong(field, "anybody can put another command into %s (mode %04o), which would get the root key; run chmod o-w on it", dir, info.Mode().Perm())
		case dir == filepath.Dir(dir):
			return nil
		}
	}
}

// Type is "exec".
func (e *Exec) Type() string { return "exec" }

// Name is what the configuration calls it, or exec.
func (e *Exec) Name() string { return e.name }

// Wrap runs the wrapping command. Errors: *Failure.
func (e *Exec) Wrap(ctx context.Context, secret, _ []byte) (seal.Wrapping, error) {
	out, err := e.run(ctx, "wrap", e.wrap, secret)
	return seal.Wrapping{Blob: out}, err
}

// Unwrap runs the unwrapping command. Errors: *Failure.
func (e *Exec) Unwrap(ctx context.Context, w seal.Wrapping, _ []byte) ([]byte, error) {
	return e.run(ctx, "unwrap", e.unwrap, w.Blob)
}

func (e *Exec) run(ctx context.Context, what string, command []string, stdin []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	stdout := &bounded{most: maxOutput, overflow: cancel}
	stderr := &bounded{most: maxStderr, overflow: func() {}}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), stdout, stderr
	cmd.Dir, cmd.Env, cmd.WaitDelay = "/", environment(), afterKill
	inOneGroup(cmd)
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		killGroup(cmd) // it ended and left somebody behind who holds its pipes
	}
	out := stdout.take()
	if err == nil && len(out) > 0 && !stdout.over {
		return out, nil
	}
	defer clear(out)
	f := &Failure{detail: readable(stderr.take(), stdin, out)}
	ended := (*exec.ExitError)(nil)
	switch {
	case stdout.over:
		f.text = fmt.Sprintf("its %s command gave more than %d bytes and was stopped", what, maxOutput)
	case ctx.Err() != nil:
		f.text, f.cause = fmt.Sprintf("its %s command did not end within %s and was stopped", what, e.timeout), ctx.Err()
	case errors.As(err, &ended) && ended.Exited():
		f.text = fmt.Sprintf("its %s command ended with status %d", what, ended.ExitCode())
	case errors.As(err, &ended):
		f.text = fmt.Sprintf("its %s command was killed by a signal", what)
	case err != nil:
		f.text = fmt.Sprintf("its %s command could not be run: %v", what, err)
	default:
		f.text = fmt.Sprintf("its %s command said nothing", what)
	}
	return nil, f
}

// environment is this process's own, without what is meant for clients: a command
// that calls the cloud needs its settings, and no token of ours.
func environment() []string {
	var out []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SIGNET_") && !strings.HasPrefix(v, "VAULT_") && !strings.HasPrefix(v, "BAO_") {
			out = append(out, v)
		}
	}
	return out
}

// bounded keeps the first bytes, and calls overflow when there are more. It has
// its whole capacity from the start: growing would leave copies behind.
type bounded struct {
	most     int
	overflow func()
	kept     []byte
	over     bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.kept == nil {
		b.kept = make([]byte, 0, b.most)
	}
	n := min(len(p), b.most-len(b.kept))
	b.kept = append(b.kept, p[:n]...)
	if n < len(p) && !b.over {
		b.over = true
		b.overflow()
	}
	return len(p), nil // what is too much is dropped, until the command is stopped
}

func (b *bounded) take() []byte { return b.kept }
