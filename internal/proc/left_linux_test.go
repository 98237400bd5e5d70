package proc_test

import (
	"context"
	"errors"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/workerkit/workerkit/internal/proc"
)

// TestKillLeft starts processes that no tree knows, as after a worker was killed.
func TestKillLeft(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	const mark = "TASK_WORKDIR=/of/this/task"
	for _, c := range []struct {
		name, script string
		dir          string
		env          []string
		ends         bool
	}{
		{"marked", "exec sleep 60", elsewhere, []string{mark}, true},
		{"in the folder", "exec sleep 60", dir, []string{}, true},
		{"below the folder", "mkdir -p sub; cd sub; exec sleep 60", dir, []string{}, true},
		{"of another task", "exec sleep 60", elsewhere, []string{mark + "2"}, false},
		{"beside the folder", "exec sleep 60", elsewhere, []string{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command("/bin/sh", "-c", "echo; "+c.script)
			cmd.Dir, cmd.Env = c.dir, c.env
			cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
			_, _ = out.Read(make([]byte, 1)) // the shell runs
			ctx, done := context.WithTimeout(t.Context(), 10*time.Second)
			defer done()
			if err := proc.KillLeft(ctx, dir, mark); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			if !c.ends {
				select {
				case err := <-ended:
					t.Errorf("ended: %v", err)
				case <-time.After(50 * time.Millisecond):
				}
				_ = cmd.Process.Kill()
			}
			var exit *exec.ExitError
			if err := <-ended; !errors.As(err, &exit) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// TestKillLeftBelow: a child that shows nothing itself is found by its parent, and by its session.
func TestKillLeftBelow(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("/bin/sh", "-c", "cd /; env -i setsid sleep 60 & env -i sh -c 'cd /; (sleep 60 &)'; echo; wait")
	cmd.Dir, cmd.Env = dir, []string{"TASK_WORKDIR=" + dir, "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = out.Read(make([]byte, 1))
	ctx, done := context.WithTimeout(t.Context(), 10*time.Second)
	defer done()
	if err := proc.KillLeft(ctx, dir, "TASK_WORKDIR="+dir); err != nil {
		t.Fatal(err)
	}
	// All of them hold the pipe open: it ends with the last one.
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		for {
			if _, err := out.Read(make([]byte, 1)); err != nil {
				return
			}
		}
	}()
	select {
	case <-closed:
	case <-ctx.Done():
		t.Error("a process is left")
	}
	_ = cmd.Wait()
}
