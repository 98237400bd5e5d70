//go:build unix

package awake

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// started waits for the process whose id is in a file.
func started(t *testing.T, path string) (pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			return pid
		}
	}
	t.Fatal("it was not started")
	return 0
}

// TestKeep: the program runs until the release, and is gone after it.
func TestKeep(t *testing.T) {
	var logged bytes.Buffer
	file := filepath.Join(t.TempDir(), "pid")
	release := keep(t.Context(), slog.New(slog.NewTextHandler(&logged, nil)), []string{"/bin/sh", "-c", "echo $$ >'" + file + "'; exec sleep 1000"})
	pid := started(t, file)
	if err := syscall.Kill(pid, 0); err != nil {
		t.Errorf("it does not run: %v", err)
	}
	release()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("it is left: %v", err)
	}
	if logged.Len() > 0 {
		t.Errorf("logged: %s", logged.String())
	}
	release() // does no harm
}

// TestKeepFails: a machine that may sleep is one that works all the same.
func TestKeepFails(t *testing.T) {
	for command, want := range map[string]string{"/none": "no such file", "exit 3": "exit status 3"} {
		var logged bytes.Buffer
		words := []string{command}
		if command != "/none" {
			words = []string{"/bin/sh", "-c", command}
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		release := keep(ctx, slog.New(slog.NewTextHandler(&notify{&logged, ended}, nil)), words)
		<-ended
		release()
		cancel()
		if !strings.Contains(logged.String(), want) || !strings.Contains(logged.String(), "may go to sleep") {
			t.Errorf("%s: logged %q", command, logged.String())
		}
	}
}

// notify closes a channel when something has been written.
type notify struct {
	to    *bytes.Buffer
	ended chan struct{}
}

func (n *notify) Write(p []byte) (int, error) {
	defer close(n.ended)
	return n.to.Write(p)
}

// Where nothing is known nothing is done.
func TestNoTool(t *testing.T) {
	keep(t.Context(), slog.New(slog.DiscardHandler), nil)()
}
