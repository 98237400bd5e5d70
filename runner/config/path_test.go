package config_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/runner/config"
)

// TestAWorkerForAnotherMachine is found out before the machine registers, which some can only once.
func TestAWorkerForAnotherMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the worker is a program for Linux")
	}
	dir := t.TempDir()
	worker := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 64)...)
	worker[18] = 243                                                                  // riscv64
	if err := os.WriteFile(filepath.Join(dir, "worker"), worker, 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	path := filepath.Join(dir, "runner.yml")
	text := "worker: {implementation: generic-worker, configPath: " + dir + "/w.json, path: " + dir + "/worker}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := config.Load(t.Context(), path, options(dir))
	if err == nil || !strings.Contains(err.Error(), "worker.path: the worker "+dir+"/worker cannot be started: it is a program for linux/riscv64") {
		t.Errorf("%v", err)
	}
}
