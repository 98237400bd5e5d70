package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// stand is a running `taskcluster-local rehearse`: what the tool starts for a dry run.
type stand struct {
	Env       []string          `json:"env"`
	Variables map[string]string `json:"variables"`

	cmd   *exec.Cmd
	stdin io.Closer // its end ends the program
}

// open starts the program, with its files in dir, and waits until it is ready.
func open(ctx context.Context, bin, dir string) (*stand, error) {
	s := &stand{cmd: exec.CommandContext(ctx, filepath.Join(bin, "taskcluster-local"), "rehearse", "--data", dir)} //nolint:gosec // ours
	var err error
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, s)
	}
	if err != nil {
		_ = s.close() // it has failed already
		return nil, fmt.Errorf("the played clouds do not start: %w", err)
	}
	return s, nil
}

func (s *stand) close() error {
	_ = s.stdin.Close() // it may have ended
	return s.cmd.Wait()
}

// variables are the arguments that give packer those of the targets' templates.
func (s *stand) variables(targets []string) []string {
	var args []string
	for name, value := range s.Variables {
		of, _, _ := strings.Cut(name, "_")
		if name == "ssh_port" || slices.Contains(targets, of) {
			args = append(args, "-var", name+"="+value)
		}
	}
	return args
}
