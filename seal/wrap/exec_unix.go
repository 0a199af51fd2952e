//go:build unix

package wrap

import (
	"os/exec"
	"syscall"
)

// inOneGroup makes a command and what it starts one group, which is killed as a
// whole: a shell's children outlive it otherwise, and hold its pipes.
func inOneGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// killGroup ends what a command that ended has left.
func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
