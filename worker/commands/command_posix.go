//go:build !windows

package commands

import (
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/task"
)

// command is a program and its arguments, executed without a shell.
type command []string

func commandFragment() payload.Fragment {
	return payload.Fragment{
		Required: []string{"command"},
		Properties: map[string]any{"command": map[string]any{
			"title":       "Commands to run",
			"description": "The commands, executed one after the other without a shell until one fails: each a program and its arguments.",
			"type":        "array", "minItems": 1,
			"items": map[string]any{"type": "array", "minItems": 1, "items": map[string]any{"type": "string"}},
		}},
	}
}

func decodeCommands(run *task.Run) ([]command, error) {
	var p struct {
		Command []command `json:"command"`
	}
	err := run.Decode(&p)
	return p.Command, err
}

// String is the command as one would type it into a shell.
func (c command) String() string {
	words := make([]string, len(c))
	for i, word := range c {
		words[i] = quote(word)
	}
	return strings.Join(words, " ")
}

func quote(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// process says how to start the command. A relative path counts from the task directory, a
// bare name is looked up in the PATH of the task.
func (s *sandbox) process(_ int, c command) (proc.Command, error) {
	path := c[0]
	switch {
	case !strings.Contains(path, "/"):
		found, err := lookPath(path, s.env, s.run.Dir)
		if err != nil {
			return proc.Command{}, err
		}
		path = found
	case !filepath.IsAbs(path):
		path = filepath.Join(s.run.Dir, path)
	}
	return proc.Command{Path: path, Args: c, Dir: s.run.Dir, Env: s.env, User: s.config.User}, nil
}

// lookPath is exec.LookPath with the PATH of env.
func lookPath(name string, env []string, dir string) (string, error) {
	for _, entry := range env {
		list, ok := strings.CutPrefix(entry, "PATH=")
		if !ok {
			continue
		}
		for _, folder := range filepath.SplitList(list) {
			if !filepath.IsAbs(folder) {
				folder = filepath.Join(dir, folder)
			}
			if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
				return path, nil
			}
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}

// Variable is what names a variable: names differ by case.
func Variable(name string) string { return name }

// What becomes of a task that uses too much memory, and what the limit of processes is about.
const (
	overMemory  = "was killed by the system"
	limitedKind = "processes and threads"
)
