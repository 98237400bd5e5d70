package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/build"
)

// rehearsal is a running `taskcluster-local rehearse`: the APIs of the three clouds on loopback.
type rehearsal struct {
	URL       string            `json:"url"`
	Env       []string          `json:"env"`
	Variables map[string]string `json:"variables"`

	cmd   *exec.Cmd
	stdin io.Closer    // its end ends the program
	said  bytes.Buffer // on standard error; to be read once the program has ended
}

// patience is how long the program may take to end, or to answer.
const patience = 10 * time.Second

// rehearse starts the program, with its files in dir, and waits until it is ready or ctx ends.
// After that only close ends it: when ctx ends, packer still cleans up in the clouds.
func rehearse(ctx context.Context, dir string) (*rehearsal, error) {
	path, err := player()
	if err != nil {
		return nil, err
	}
	r := &rehearsal{cmd: exec.Command(path, "rehearse", "--data", dir)} //nolint:gosec,noctx // the program beside this one; see close
	ownGroup(r.cmd)
	r.cmd.Stderr = &r.said
	if r.stdin, err = r.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("dry run: %w", err)
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("dry run: %w", err)
	}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("dry run: %w", err)
	}
	// It is not killed where that can be helped: it may have started an sshd, which it ends too.
	stop := context.AfterFunc(ctx, func() {
		if r.cmd.Process.Signal(syscall.SIGTERM) != nil {
			_ = r.cmd.Process.Kill()
		}
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if stop() && err == nil {
		err = json.Unmarshal(line, r)
	}
	if ctx.Err() != nil {
		_ = r.close() // it was ended by us
		return nil, fmt.Errorf("dry run: %w: %w", build.ErrInterrupted, context.Cause(ctx))
	}
	if err != nil {
		return nil, cmp.Or(r.close(), fmt.Errorf("dry run: taskcluster-local is not ready: %w", err))
	}
	return r, nil
}

// player finds taskcluster-local: beside this program, or on PATH.
func player() (string, error) {
	own, err := ownFolder()
	if err != nil {
		return "", err
	}
	if path, err := exec.LookPath(filepath.Join(own, "taskcluster-local")); err == nil {
		return path, nil
	}
	path, err := exec.LookPath("taskcluster-local")
	if err != nil {
		return "", fmt.Errorf("dry run: taskcluster-local, which plays the clouds, is neither in %s nor on PATH", own)
	}
	return path, nil
}

// close ends the program and waits. The error has what the program said of it.
func (r *rehearsal) close() error {
	_ = r.stdin.Close() // it may have ended
	timer := time.AfterFunc(patience, func() { _ = r.cmd.Process.Kill() })
	defer timer.Stop()
	if err := r.cmd.Wait(); err != nil {
		return fmt.Errorf("dry run: taskcluster-local: %w: %s", err, bytes.TrimSpace(r.said.Bytes()))
	}
	return nil
}

// leftovers is an error that names what the builds have left in the clouds, interrupted ones too.
func (r *rehearsal) leftovers(ctx context.Context, targets []packer.Target) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+"/reports", nil)
	if err != nil {
		return fmt.Errorf("dry run: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("dry run: %w", err)
	}
	defer response.Body.Close()
	var reports map[packer.Target]struct {
		Leftovers []struct {
			Kind string `json:"kind"`
			ID   string `json:"id"`
		} `json:"leftovers"`
	}
	if err := json.NewDecoder(response.Body).Decode(&reports); err != nil {
		return fmt.Errorf("dry run: %w", err)
	}
	var all []error
	for _, t := range targets {
		for _, left := range reports[t].Leftovers {
			all = append(all, fmt.Errorf("dry run: %s: the build left %s %s behind", t, left.Kind, left.ID))
		}
	}
	return errors.Join(all...)
}

// variables are those that the templates of the targets have.
func (r *rehearsal) variables(targets []packer.Target) map[string]string {
	picked := map[string]string{}
	for name, value := range r.Variables {
		of, _, _ := strings.Cut(name, "_")
		if name == "ssh_port" || slices.Contains(targets, packer.Target(of)) {
			picked[name] = value
		}
	}
	return picked
}

// environment is this process's own with the rehearsal's on top.
func (r *rehearsal) environment() []string { return slices.Concat(os.Environ(), r.Env) }
