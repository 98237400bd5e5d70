//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/local/session"
	"github.com/workerkit/workerkit/local/tasks"
)

// The tests of this file run the real programs as child processes, as a person does.

// programs builds what `make build` does, without its flags.
func programs(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs all programs; left out by -short")
	}
	dir := t.TempDir()
	for _, name := range []string{"taskcluster-local", "start-worker", "generic-worker"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, name), "../"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, out)
		}
	}
	return dir
}

// program prepares taskcluster-local, without the environment's own deployment.
func program(t *testing.T, bin string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "taskcluster-local"), args...)
	cmd.Env = append(os.Environ(), "TASKCLUSTER_ROOT_URL=", "TMPDIR="+t.TempDir())
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	return cmd
}

// ended is what a program said and left.
type ended struct {
	code           int
	stdout, stderr string
}

func finish(t *testing.T, cmd *exec.Cmd) ended {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	nothingLeft(t, cmd)
	return ended{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// nothingLeft checks that no process of the programs runs any more, and that the temporary
// folder is empty.
func nothingLeft(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	for _, name := range []string{"taskcluster-local", "start-worker", "generic-worker"} {
		if left := processes(t, filepath.Join(filepath.Dir(cmd.Path), name)); len(left) > 0 {
			t.Errorf("%s still runs: %q", name, left)
		}
	}
	var tmp string
	for _, variable := range cmd.Env {
		if value, ok := strings.CutPrefix(variable, "TMPDIR="); ok {
			tmp = value
		}
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// processes lists the command lines that hold text.
func processes(t *testing.T, text string) []string {
	t.Helper()
	var all []string
	if runtime.GOOS == "linux" { // where ps may not be installed
		files, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil || len(files) == 0 {
			t.Fatalf("no processes in /proc: %v", err)
		}
		for _, file := range files {
			data, _ := os.ReadFile(file) // it may have ended since
			all = append(all, strings.ReplaceAll(string(data), "\x00", " "))
		}
	} else {
		out, err := exec.Command("ps", "-axo", "command").Output()
		if err != nil {
			t.Fatal(err)
		}
		all = strings.Split(string(out), "\n")
	}
	return slices.DeleteFunc(all, func(line string) bool { return !strings.Contains(line, text) })
}

// TestMachineThatEnds: what a worker said before it ended under the task is shown, and kept.
func TestMachineThatEnds(t *testing.T) {
	bin := programs(t)
	script := []byte("#!/bin/sh\necho the cause >&2\necho the last word >&2\nexit 1\n")
	if err := os.WriteFile(filepath.Join(bin, "start-worker"), script, 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	cmd := program(t, bin, "run", task(t, "command: [['true']]\nmaxRunTime: 60\n"))
	out, err := cmd.CombinedOutput()
	text := string(out)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitNotRun || !strings.Contains(text, errEnded.Error()) ||
		!strings.Contains(text, "\n  the cause\n  the last word\n") {
		t.Fatalf("%v\n%s", err, text)
	}
	_, path, _ := strings.Cut(text, "(its log: ")
	path, _, _ = strings.Cut(path, ")")
	if data, err := os.ReadFile(path); err != nil || !strings.Contains(string(data), "the cause") {
		t.Errorf("its log: %q, %v\n%s", data, err, text)
	}
}

func task(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "task.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPrograms(t *testing.T) {
	bin := programs(t)
	t.Run("demo", func(t *testing.T) { demoRuns(t, bin) })
	t.Run("run", func(t *testing.T) { runResults(t, bin) })
	t.Run("interrupt", func(t *testing.T) { runInterrupted(t, bin) })
	t.Run("deployment", func(t *testing.T) { runOnADeployment(t, bin) })
	t.Run("runner killed", func(t *testing.T) { runnerKilled(t, bin) })
}

func demoRuns(t *testing.T, bin string) {
	got := finish(t, program(t, bin, "demo"))
	if got.code != 0 || got.stderr != "" {
		t.Errorf("exit code %d, standard error %q", got.code, got.stderr)
	}
	if strings.Count(got.stdout, "  yes\n") != len(demoTasks())+len(demoClouds()) || strings.Contains(got.stdout, "\x1b") {
		t.Errorf("standard output:\n%s", got.stdout)
	}
}

func runResults(t *testing.T, bin string) {
	for name, c := range map[string]struct {
		task string
		code int
		log  string // in standard output
	}{
		"completed": {"command: [[/bin/sh, -c, 'echo to-stdout; echo kept > f']]\nartifacts: [{type: file, path: f, name: public/f}]\n", 0, "\nto-stdout\n"},
		"failed":    {"command: [[/bin/sh, -c, 'echo going; exit 9']]\n", 1, "Exit Code: 9"},
		"exception": {"command: [[/bin/true]]\nmaxRunTime: soon\n", 2, "maxRunTime"},
	} {
		t.Run(name, func(t *testing.T) {
			artifacts := filepath.Join(t.TempDir(), "a")
			got := finish(t, program(t, bin, "run", "--artifacts", artifacts, task(t, c.task)))
			if got.code != c.code || strings.Count(got.stdout, c.log) == 0 {
				t.Errorf("exit code %d, want %d; %q wanted in\n%s\n%s", got.code, c.code, c.log, got.stdout, got.stderr)
			}
			if strings.Count(got.stdout, "Task ID: ") != 1 {
				t.Errorf("the log was shown more than once, or not at all:\n%s", got.stdout)
			}
			log, err := os.ReadFile(filepath.Join(artifacts, "public", "logs", "live_backing.log"))
			if err != nil || string(log) != got.stdout {
				t.Errorf("the stored log (%v) is not what was shown:\n%s", err, log)
			}
			if data, _ := os.ReadFile(filepath.Join(artifacts, "public", "f")); c.code == 0 && string(data) != "kept\n" {
				t.Errorf("artifact: %q", data)
			}
		})
	}
}

// runInterrupted: Ctrl-C cancels the task, and leaves no program and no command behind.
func runInterrupted(t *testing.T, bin string) {
	cmd := program(t, bin, "run", task(t, "command: [[/bin/sh, -c, 'echo \"it runs\"; exec sleep 4711.4711']]\n"))
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = writer, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Close()
	var log strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(log.String(), "\nit runs\n") {
		n, err := reader.Read(buffer)
		log.Write(buffer[:n])
		if err != nil {
			t.Fatalf("%v after\n%s\n%s", err, log.String(), stderr.String())
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitException || !strings.Contains(stderr.String(), "canceled") {
		t.Errorf("exit code %d, standard error:\n%s", code, stderr.String())
	}
	if left := processes(t, "sleep 4711.4711"); len(left) > 0 {
		t.Errorf("the task's command still runs: %q", left)
	}
	nothingLeft(t, cmd)
}

// runOnADeployment: with a root URL in the environment nothing is started.
func runOnADeployment(t *testing.T, bin string) {
	found, err := session.FindIn(bin)
	if err != nil {
		t.Fatal(err)
	}
	s, err := session.Open(t.Context(), found, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := bootMachine(t.Context(), s, "some/queue", machineConfig(nil)); err != nil {
		t.Fatal(err)
	}
	c := s.Credentials()()
	cmd := program(t, bin, "run", "--task-queue", "some/queue", task(t, "command: [[/bin/echo, there]]\n"))
	cmd.Env = append(cmd.Env, "TASKCLUSTER_ROOT_URL="+s.RootURL, "TASKCLUSTER_CLIENT_ID="+c.ClientID, "TASKCLUSTER_ACCESS_TOKEN="+c.AccessToken.Reveal())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil || !strings.Contains(stdout.String(), "\nthere\n") {
		t.Errorf("%v\n%s\n%s", err, stdout.String(), stderr.String())
	}
	if strings.Contains(stderr.String(), "starting") {
		t.Errorf("something was started:\n%s", stderr.String())
	}
}

// runnerKilled: a start-worker that dies by SIGKILL leaves no worker behind, and the queue hears
// at once that the task is to be tried again.
func runnerKilled(t *testing.T, bin string) {
	found, err := session.FindIn(bin)
	if err != nil {
		t.Fatal(err)
	}
	s, err := session.Open(t.Context(), found, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }() // the machine did not end well, as it says
	machine, err := bootMachine(t.Context(), s, "some/queue", machineConfig(nil))
	if err != nil {
		t.Fatal(err)
	}
	definition := tasks.Definition{"payload": json.RawMessage(`{"command":[["/bin/sleep","4712.4712"]],"maxRunTime":300}`)}
	if err := definition.Fill(tasks.Defaults{Queue: "some/queue", Name: "sleeps", Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	taskID := slugid.Nice()
	if err := s.Tasks().Create(t.Context(), taskID, definition.JSON()); err != nil {
		t.Fatal(err)
	}
	soon(t, "the task runs", func() bool { return len(processes(t, "sleep 4712.4712")) > 0 })
	if err := syscall.Kill(machine.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	soon(t, "the run is handed back", func() bool {
		status, err := s.Tasks().Status(t.Context(), taskID)
		return err == nil && len(status.Runs) == 2 && status.Runs[0].State == "exception" && status.Runs[0].Reason == "worker-shutdown"
	})
	soon(t, "nothing is left", func() bool {
		return len(processes(t, "sleep 4712.4712"))+len(processes(t, found.GenericWorker)) == 0
	})
}

// soon waits for half a minute.
func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}
