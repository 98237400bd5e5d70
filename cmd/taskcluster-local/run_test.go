package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/internal/version"
	"github.com/workerkit/workerkit/local/tasks"
)

func TestOutcome(t *testing.T) {
	for state, want := range map[string]int{"completed": 0, "failed": 1, "exception": 2} {
		err := outcome(tc.TaskStatus{State: state})
		var exit *exitError
		switch {
		case want == 0 && err == nil:
		case errors.As(err, &exit) && exit.code == want && exit.err == nil:
		default:
			t.Errorf("%s: %v, want exit code %d and no further words", state, err, want)
		}
	}
}

// TestRunSaysInOneLineWhyItCannot: exit code 3, whatever the reason.
func TestRunSaysInOneLineWhyItCannot(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yml")
	if err := os.WriteFile(bad, []byte("payload: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(t.TempDir(), "good.yml")
	if err := os.WriteFile(good, []byte("command: [['true']]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir())
	t.Setenv("TASKCLUSTER_ROOT_URL", "")
	for name, c := range map[string]struct {
		args []string
		want string
		root string
	}{
		"no file":         {[]string{"run"}, "give one task file", ""},
		"two files":       {[]string{"run", good, good}, "give one task file", ""},
		"unknown flag":    {[]string{"run", "--fast", good}, "--fast", ""},
		"absent file":     {[]string{"run", good + "x"}, "good.ymlx", ""},
		"bad YAML":        {[]string{"run", bad}, bad + ":", ""},
		"missing program": {[]string{"run", good}, "nor on PATH", ""},
		"not a folder":    {[]string{"run", "--artifacts", good, good}, "--artifacts: mkdir " + good, ""},
		"not a URL":       {[]string{"run", "--task-queue", "a/b", good}, "TASKCLUSTER_ROOT_URL must be a URL", "garbage"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TASKCLUSTER_ROOT_URL", c.root)
			command := newCommand()
			command.SetArgs(c.args)
			command.SetOut(&strings.Builder{})
			command.SetErr(&strings.Builder{})
			err := command.ExecuteContext(t.Context())
			var exit *exitError
			if !errors.As(err, &exit) || exit.code != exitNotRun {
				t.Fatalf("got %v, want exit code %d", err, exitNotRun)
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line with %q", err, c.want)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	for _, c := range []struct {
		run  tc.RunStatus
		want string
	}{
		{tc.RunStatus{ID: 0, State: "running", Worker: "g/w"}, "task T run 0 running on g/w"},
		{tc.RunStatus{ID: 1, State: "completed", Reason: "completed"}, "task T run 1 completed"},
		{tc.RunStatus{ID: 2, State: "exception", Reason: "internal-error"}, "task T run 2 exception/internal-error"},
	} {
		if got := describe("T", c.run); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestVersion(t *testing.T) {
	command, out := newCommand(), &strings.Builder{}
	command.SetArgs([]string{"--version"})
	command.SetOut(out)
	if err := command.ExecuteContext(t.Context()); err != nil || !strings.HasPrefix(out.String(), "taskcluster-local version "+version.String()) {
		t.Errorf("%q, %v", out, err)
	}
}

// TestNoEngineForContainers: nothing is started for a task of docker-worker that no engine would run.
func TestNoEngineForContainers(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("containers are for Linux: elsewhere it is the worker that says so")
	}
	bin, file, folder := t.TempDir(), filepath.Join(t.TempDir(), "task.yml"), filepath.Join(t.TempDir(), "data")
	for _, name := range []string{"taskcluster-local", "start-worker", "generic-worker"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, []byte("payload: {image: busybox}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(bin, "none"))
	t.Setenv("TASKCLUSTER_ROOT_URL", "")
	command := newCommand()
	command.SetArgs([]string{"run", "--data", folder, file})
	command.SetErr(&strings.Builder{})
	err := command.ExecuteContext(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the task is for docker-worker") || !strings.Contains(err.Error(), "there is no such socket") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was started: %v", err)
	}
}

// TestMachineForContainers: only a payload of docker-worker has the worker look for Docker.
func TestMachineForContainers(t *testing.T) {
	for payload, want := range map[string]bool{
		`{"image": "busybox", "command": ["true"]}`: true, `{"image": {"type": "task-image"}}`: true,
		`{"command": [["true"]]}`: false, `[]`: false, ``: false,
	} {
		_, got := machineConfig(tasks.Definition{"payload": json.RawMessage(payload)})["d2gConfig"]
		if got != want {
			t.Errorf("%s: %v", payload, got)
		}
	}
}
