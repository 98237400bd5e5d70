package measure

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

func newBell(t *testing.T) *Bell {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("a named pipe that is open for reading and writing, and /proc, are Linux's")
	}
	bell, err := NewBell()
	if err != nil {
		t.Fatal(err)
	}
	return bell
}

func TestBell(t *testing.T) {
	bell := newBell(t)
	dir := filepath.Dir(bell.path)
	defer func() {
		bell.Close()
		if _, err := os.Stat(dir); err == nil {
			t.Error("the pipe is left")
		}
	}()
	begin := time.Now()
	pids := map[int]bool{}
	for range 2 {
		line := bell.Command("exec sleep 60")
		cmd := exec.Command(line[0], line[1:]...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
		pids[cmd.Process.Pid] = true
	}
	rings, err := bell.Wait(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, ring := range rings {
		if !pids[ring.PID] || ring.At.Before(begin) || ring.At.After(time.Now()) {
			t.Errorf("heard %+v of %v", ring, pids)
		}
		delete(pids, ring.PID)
	}
	ctx, done := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer done()
	if _, err := bell.Wait(ctx, 1); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("without a ring: %v", err)
	}
}

// TestGone: a process that nobody has waited for yet is gone all the same.
func TestGone(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes are looked at in Linux's /proc")
	}
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	ctx, done := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer done()
	if _, err := Gone(ctx, cmd.Process.Pid); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it runs: %v", err)
	}
	killed := time.Now()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	at, err := Gone(t.Context(), cmd.Process.Pid)
	if err != nil || at.Before(killed) {
		t.Errorf("gone at %v, %v; killed at %v", at, err, killed)
	}
}
