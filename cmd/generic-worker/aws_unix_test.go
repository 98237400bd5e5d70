//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/aws"
	runnerconfig "github.com/workerkit/workerkit/runner/config"
)

// standIn copies the program beside a start-worker that says how it was called.
func standIn(t *testing.T) (program string) {
	t.Helper()
	built, err := binary()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, built)
	}
	dir := t.TempDir()
	program = filepath.Join(dir, "generic-worker")
	if err := os.Link(built, program); err != nil {
		data, err := os.ReadFile(built)
		if err == nil {
			err = os.WriteFile(program, data, 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "start-worker"), []byte("#!/bin/sh\necho \"called with $*\"\nexit 42\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return program
}

// TestConfigureForAWS: the program becomes start-worker, with a configuration that it takes.
func TestConfigureForAWS(t *testing.T) {
	program, dir := standIn(t), t.TempDir()
	run := exec.Command(program, "run", "--configure-for-aws", "--config", "my.config")
	run.Dir = dir
	out, err := run.CombinedOutput()
	if run.ProcessState == nil || run.ProcessState.ExitCode() != 42 || !strings.Contains(string(out), "called with "+runnerFile) {
		t.Fatalf("%v: %s", err, out)
	}
	path := filepath.Join(dir, runnerFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v", err)
	}
	text := func() (string, error) { return "x", nil }
	c, warnings, err := runnerconfig.Load(t.Context(), path, runnerconfig.Options{
		Kinds: []providers.Kind{aws.Kind()}, Facts: func() providers.Facts { return providers.Facts{} },
		Host: runnerconfig.Host{Name: text, Serial: text, MAC: text}, ProviderFile: filepath.Join(dir, "none"), StateFile: filepath.Join(dir, "state"),
	})
	if err != nil || len(warnings) > 0 || c.Place.Kind.Name != "aws" {
		t.Errorf("start-worker does not take it: %v, %q, %+v", err, warnings, c.Place.Kind)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var runner struct{ Worker map[string]string }
	if err := yaml.Unmarshal(data, &runner); err != nil {
		t.Fatal(err)
	}
	if runner.Worker["path"] != program || filepath.Base(runner.Worker["configPath"]) != "my.config" || !filepath.IsAbs(runner.Worker["configPath"]) {
		t.Errorf("%s", data)
	}
}

// TestConfigureForAWSUnderARunner is what a script of release 11 that start-worker calls has left: it
// changes nothing.
func TestConfigureForAWSUnderARunner(t *testing.T) {
	run := exec.Command(standIn(t), "run", "--configure-for-aws", "--with-worker-runner", "--config", "nothing")
	run.Dir = t.TempDir()
	out, _ := run.CombinedOutput()
	if run.ProcessState == nil || run.ProcessState.ExitCode() != exitUnreadable || strings.Contains(string(out), "called with") {
		t.Errorf("%s", out)
	}
}

func TestNoRunnerForAWS(t *testing.T) {
	program := standIn(t)
	if err := os.Remove(filepath.Join(filepath.Dir(program), "start-worker")); err != nil {
		t.Fatal(err)
	}
	run := exec.Command(program, "run", "--configure-for-aws")
	run.Dir, run.Env = t.TempDir(), []string{"PATH=" + t.TempDir()}
	out, _ := run.CombinedOutput()
	if run.ProcessState == nil || run.ProcessState.ExitCode() != exitUnreadable || !strings.Contains(string(out), "neither beside this program nor on PATH") {
		t.Errorf("%s", out)
	}
}
