package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// daemon is the release's server on one directory.
type daemon struct {
	binary, dir string
	m           *manifest
	reads       []string  // paths, for the questions
	cmd         *exec.Cmd // nil when none runs
	url         string
	log         bytes.Buffer // stderr of all processes; read when none runs
}

// start runs the server and waits for its line "signet ready".
func (d *daemon) start() error {
	config := filepath.Join(d.dir, "signet.hcl")
	text := fmt.Sprintf("data_dir = %q\nlistener \"tcp\" {\n  address = \"127.0.0.1:0\"\n  tls_disable = true\n}\naudit {\n  path = %q\n}\n",
		filepath.Join(d.dir, "data"), filepath.Join(d.dir, "audit"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	cmd := exec.Command(d.binary, "server", "--config", config)
	cmd.Stderr = &d.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	d.cmd = cmd
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return fmt.Errorf("the server was never ready: %w", err)
		}
		if fields := strings.Fields(line); len(fields) == 4 && fields[0] == "signet" && fields[1] == "ready" {
			d.url = strings.TrimPrefix(fields[2], "addr=")
			go func() { _, _ = io.Copy(io.Discard, lines) }() // ends with the process
			return nil
		}
	}
}

// end stops the process in the way that how says, and notes it.
func (d *daemon) end(how string) error {
	signal := syscall.SIGTERM
	if how == killed {
		signal = syscall.SIGKILL
	}
	http.DefaultClient.CloseIdleConnections()
	if err := d.cmd.Process.Signal(signal); err != nil {
		return err
	}
	err := d.cmd.Wait()
	d.cmd = nil
	d.m.Processes = append(d.m.Processes, how)
	if how == killed {
		return nil // that it says so is what was asked for
	}
	return err
}

// restart ends the process, starts the next one and unseals it.
func (d *daemon) restart(how string) error {
	if err := d.end(how); err != nil {
		return err
	}
	if err := d.start(); err != nil {
		return err
	}
	return d.unseal()
}

// abandon kills what still runs after an error.
func (d *daemon) abandon() {
	if d.cmd != nil {
		_ = d.end(killed)
	}
}

// reply is a whole answer.
type reply struct {
	status int
	body   struct {
		Code   string          `json:"code"`
		Errors []string        `json:"errors"`
		Data   json.RawMessage `json:"data"`
		Auth   struct {
			ClientToken   string `json:"client_token"`
			LeaseDuration int64  `json:"lease_duration"`
		} `json:"auth"`
		Keys      []string `json:"keys"`
		RootToken string   `json:"root_token"`
		Sealed    *bool    `json:"sealed"`
	}
}

// send makes one request as root.
func (d *daemon) send(method, path string, body any) (*reply, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(method, d.url+"/v1/"+path, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	if body == nil {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	req.Header.Set("X-Vault-Token", d.m.RootToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	all, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	r := &reply{status: resp.StatusCode}
	if len(all) > 0 {
		err = json.Unmarshal(all, &r.body)
	}
	return r, err
}

// must is send that takes nothing but a success.
func (d *daemon) must(method, path string, body any) (*reply, error) {
	r, err := d.send(method, path, body)
	if err == nil && r.status > 299 {
		err = fmt.Errorf("%s %s: status %d: %s", method, path, r.status, strings.Join(r.body.Errors, "; "))
	}
	return r, err
}

// ask notes the answer to a question, whatever it is.
func (d *daemon) ask(method, path string, body map[string]any) error {
	r, err := d.send(method, path, body)
	if err != nil {
		return err
	}
	d.m.Answers = append(d.m.Answers, answer{method, path, body, r.status, r.body.Code, r.body.Data})
	return nil
}

// awaitSnapshot waits until raft has taken a snapshot, which it looks for once or
// twice a minute.
func (d *daemon) awaitSnapshot() error {
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		found, err := filepath.Glob(filepath.Join(d.dir, "data", "raft", "snapshots", "*", "state.bin"))
		if err != nil {
			return err
		}
		for _, name := range found {
			if !strings.HasSuffix(filepath.Dir(name), ".tmp") {
				return nil
			}
		}
	}
	return errors.New("raft has taken no snapshot")
}
