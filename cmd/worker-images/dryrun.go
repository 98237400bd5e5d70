package main

import (
	"bufio"
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
	"time"

	"github.com/workerkit/workerkit/packer"
)

// rehearsal is a running `taskcluster-local rehearse`: the APIs of the three clouds on loopback.
type rehearsal struct {
	URL       string            `json:"url"`
	Env       []string          `json:"env"`
	Variables map[string]string `json:"variables"`

	cmd   *exec.Cmd
	stdin io.Closer // its end ends the program
}

// rehearse starts it, with its files in dir. Close it in any case.
func rehearse(ctx context.Context, dir string, stderr io.Writer) (*rehearsal, error) {
	own, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("dry run: %w", err)
	}
	path, err := exec.LookPath(filepath.Join(filepath.Dir(own), "taskcluster-local"))
	if err != nil {
		path, err = exec.LookPath("taskcluster-local")
	}
	if err != nil {
		return nil, fmt.Errorf("dry run: taskcluster-local, which plays the clouds, is neither in %s nor on PATH", filepath.Dir(own))
	}
	r := &rehearsal{cmd: exec.CommandContext(ctx, path, "rehearse", "--data", dir)} //nolint:gosec // the program beside this one
	r.cmd.Cancel = func() error { return r.stdin.Close() }
	r.cmd.WaitDelay = 10 * time.Second
	r.cmd.Stderr = stderr
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
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, r)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("dry run: taskcluster-local is not ready: %w", err), r.close())
	}
	return r, nil
}

// close ends it and waits.
func (r *rehearsal) close() error {
	_ = r.stdin.Close() // closed already when the context has ended
	if err := r.cmd.Wait(); err != nil {
		return fmt.Errorf("dry run: taskcluster-local: %w", err)
	}
	return nil
}

// leftovers is an error that names what the builds have left in the clouds.
func (r *rehearsal) leftovers(ctx context.Context, targets []packer.Target) error {
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
