package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal returns both ends of a pseudo-terminal: what a person sees and types
// at, and what the command has as stdin.
func terminal(t *testing.T) (person, stdin *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { _ = person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	stdin, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close() })
	return person, stdin
}

func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// waitForEcho waits until the terminal echoes, or does not.
func waitForEcho(t *testing.T, f *os.File, want bool) {
	t.Helper()
	for range 1000 {
		if echoes(t, f) == want {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("the terminal's echo did not become %v", want)
}

func TestSecretsAreTypedWithoutEcho(t *testing.T) {
	person, stdin := terminal(t)
	var stderr bytes.Buffer
	c := &cli{stdin: stdin, stderr: &stderr}
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		secret, err := c.readSecret(context.Background(), "share")
		done <- result{secret.Reveal(), err}
	}()
	waitForEcho(t, stdin, false)
	if _, err := person.WriteString(" canary-share \n"); err != nil {
		t.Fatal(err)
	}
	got := <-done
	if got.err != nil || got.text != "canary-share" {
		t.Errorf("got %q, %v", got.text, got.err)
	}
	if stderr.String() != "share (not shown): \n" {
		t.Errorf("prompt %q", stderr.String())
	}
	waitForEcho(t, stdin, true)
	if seen := screen(t, person); strings.Contains(seen, "canary") {
		t.Errorf("the screen shows %q", seen)
	}
}

func TestAnEmptyLineIsNoSecret(t *testing.T) {
	person, stdin := terminal(t)
	c := &cli{stdin: stdin, stderr: &bytes.Buffer{}}
	done := make(chan error, 1)
	go func() {
		_, err := c.readSecret(context.Background(), "token")
		done <- err
	}()
	waitForEcho(t, stdin, false)
	if _, err := person.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !isUsage(err) {
		t.Errorf("got %v", err)
	}
}

// A terminal left without echo is of no use to anybody.
func TestInterruptedPromptPutsTheTerminalBack(t *testing.T) {
	person, stdin := terminal(t)
	c := &cli{stdin: stdin, stderr: &bytes.Buffer{}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := c.readSecret(ctx, "share")
		done <- err
	}()
	waitForEcho(t, stdin, false)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if !echoes(t, stdin) {
		t.Error("the terminal does not echo any more")
	}
	_, _ = person.WriteString("\n") // lets the reader end
}

// screen returns what the terminal has shown so far.
func screen(t *testing.T, person *os.File) string {
	t.Helper()
	fd := int(person.Fd()) // once: each call of Fd makes the file blocking
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := unix.Read(fd, buf)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}
	return string(buf[:max(n, 0)])
}

func TestDestructionIsConfirmedByTheName(t *testing.T) {
	for typed, want := range map[string]bool{"web\n": true, "wep\n": false, "y\n": false, "\n": false} {
		person, stdin := terminal(t)
		var stderr bytes.Buffer
		c := &cli{stdin: stdin, stderr: &stderr}
		if _, err := person.WriteString(typed); err != nil {
			t.Fatal(err)
		}
		err := c.confirm(context.Background(), "this destroys the key web", "web")
		if (err == nil) != want || !strings.Contains(stderr.String(), "type web to go on: ") {
			t.Errorf("typed %q: %v, asked %q", typed, err, stderr.String())
		}
	}
	_, stdin := terminal(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := (&cli{stdin: stdin, stderr: &bytes.Buffer{}}).confirm(ctx, "this", "web"); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
