//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/local/clouds/host"
)

// TestExamplePools: each example makes a pool whose machine boots, and may be given again.
func TestExamplePools(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nexec sleep 1000\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	env := start(t, "--data", t.TempDir(), "--machines", "--start-worker", program, "--generic-worker", program).env
	for name, value := range env {
		t.Setenv(name, value)
	}
	files, err := filepath.Glob(filepath.Join("..", "..", "examples", "pools", "*.yml"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		pool := "local/" + strings.TrimSuffix(filepath.Base(file), ".yml")
		for _, want := range []string{"made", "changed"} {
			if out, err := runCommand(t, "pool", pool, file); err != nil || out != "worker pool "+pool+" "+want+"\n" {
				t.Errorf("%s: %q, %v", file, out, err)
			}
		}
	}
	listMachines(t, "one machine for each pool", func(m []host.Info) bool { return len(m) == len(files) })
}

func TestPoolsThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		"[1]":             "must be a mapping",
		"providerId: ec2": "needs the keys providerId and config",
		"a: b: c":         "1",
		"config: {}":      "needs the keys",
	} {
		file := filepath.Join(t.TempDir(), "pool.yml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readPool(file); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
