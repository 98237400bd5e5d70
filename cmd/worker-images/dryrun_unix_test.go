//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/workerkit/workerkit/packer"
	packerbuild "github.com/workerkit/workerkit/packer/build"
	"github.com/workerkit/workerkit/packer/inventory"
)

// programs builds what a dry run needs, and skips the test where a dry run cannot be.
func programs(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"packer", "sshd", "ssh-keygen"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not there: a dry run needs packer and OpenSSH's server", program)
		}
	}
	if found, err := packerbuild.Find(t.Context(), ""); err != nil || !strings.HasPrefix(found.Version, "1.6.") {
		t.Skipf("packer 1.6 is not there (%s, %v): a newer one needs plugins from the network", found.Version, err)
	}
	if testing.Short() {
		t.Skip("builds the programs and an image; left out by -short")
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "./cmd/worker-images", "./cmd/taskcluster-local", "./cmd/start-worker", "./cmd/generic-worker")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// TestDryRun builds a real definition with a real packer against EC2's API, played by the real
// taskcluster-local.
func TestDryRun(t *testing.T) {
	bin := programs(t)
	dryRun := func(output string, more ...string) *exec.Cmd {
		args := append([]string{"build", "debian-12-worker-amd64", "--target", "aws", "--dry-run", "--output", output}, more...)
		cmd := exec.Command(filepath.Join(bin, "worker-images"), args...)
		cmd.Dir = filepath.Join("..", "..")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		return cmd
	}
	t.Run("whole", func(t *testing.T) {
		output := t.TempDir()
		out, err := dryRun(output, "--allow-imdsv1").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if !strings.Contains(string(out), "\naws: ami-") {
			t.Errorf("no image came out:\n%s", out)
		}
		taken, err := os.Open(filepath.Join(output, "aws", "inventory.txt"))
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		if i, err := inventory.Parse(taken); err != nil || i.System != "rehearsed" {
			t.Errorf("the inventory is %+v, %v", i, err)
		}
		for _, secret := range []string{"PRIVATE KEY", "AWS_SECRET"} {
			if strings.Contains(string(out), secret) {
				t.Errorf("the output shows %s", secret)
			}
		}
	})
	t.Run("no IMDSv2", func(t *testing.T) {
		if out, err := dryRun(t.TempDir()).CombinedOutput(); err == nil || !strings.Contains(string(out), "IMDSv2") {
			t.Errorf("an old packer made an image without IMDSv2: %v\n%s", err, out)
		}
	})
	for name, sig := range map[string]syscall.Signal{"interrupted": syscall.SIGINT, "terminal closed": syscall.SIGHUP} {
		t.Run(name, func(t *testing.T) {
			if signal.Ignored(sig) {
				t.Skipf("%v is ignored here, as under nohup, and so by the programs that are started here", sig)
			}
			testInterrupted(t, dryRun(t.TempDir(), "--allow-imdsv1"), sig)
		})
	}
	t.Run("nobody reads", func(t *testing.T) {
		output := t.TempDir()
		cmd := dryRun(output, "--allow-imdsv1")
		progress, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, progress, "\n")
		_ = progress.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if log, err := os.ReadFile(filepath.Join(output, "aws", "build.log")); err != nil || !strings.Contains(string(log), "AMIs were created") {
			t.Errorf("the build was not ended: %v\n%s", err, log)
		}
	})
}

// testInterrupted does as a terminal does: all processes of its group get the signal. Packer is
// told while there is a machine, and must still have clouds in which to remove it.
func testInterrupted(t *testing.T, cmd *exec.Cmd, sig syscall.Signal) {
	t.Helper()
	var said bytes.Buffer
	cmd.Stderr = &said
	progress, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, progress, "Provisioning with")
	if err := syscall.Kill(-cmd.Process.Pid, sig); err != nil {
		t.Error(err)
	}
	rest, err := io.ReadAll(progress)
	if err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("it ended with %v", err)
	}
	if !strings.Contains(string(rest), "Terminating the source AWS instance") {
		t.Errorf("packer did not clean up:\n%s", rest)
	}
	if text := said.String(); !strings.Contains(text, "interrupted") || strings.Contains(text, "dry run:") || strings.Contains(text, "was killed") {
		t.Errorf("it says\n%s", text)
	}
}

// until reads lines up to one that has the text.
func until(t *testing.T, from io.Reader, text string) {
	t.Helper()
	r := bufio.NewReaderSize(from, 1) // the rest is for others
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("%q did not come: %v", text, err)
		}
		if strings.Contains(line, text) {
			return
		}
	}
}

// fake puts a shell script in the place of taskcluster-local.
func fake(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "taskcluster-local"), []byte("#!/bin/sh\n"+script), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// TestCloudsOutliveTheInterrupt: the clouds end when they are closed, not when the user says so.
func TestCloudsOutliveTheInterrupt(t *testing.T) {
	done := filepath.Join(t.TempDir(), "done")
	fake(t, `echo '{"url": "u"}'; cat; echo ended >`+done)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := rehearse(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	time.Sleep(50 * time.Millisecond) // what must not happen has had its time
	if _, err := os.Stat(done); err == nil || syscall.Kill(r.cmd.Process.Pid, 0) != nil {
		t.Error("it ended by itself")
	}
	if err := r.close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(done); err != nil {
		t.Errorf("it was not ended by its standard input: %v", err)
	}
}

// TestNoCloudsIsTold: when it is interrupted before it is ready, it can still end what it has started.
func TestNoCloudsIsTold(t *testing.T) {
	begun, done := filepath.Join(t.TempDir(), "begun"), filepath.Join(t.TempDir(), "done")
	fake(t, `trap 'echo ended >`+done+`; exit 1' TERM; : >`+begun+`; while :; do sleep 0.01; done`)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for {
			if _, err := os.Stat(begun); err == nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if _, err := rehearse(ctx, t.TempDir()); !errors.Is(err, packerbuild.ErrInterrupted) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(done); err != nil {
		t.Errorf("it was killed: %v", err)
	}
}

// TestNoClouds: the reason is in the error, and an interrupt does not wait.
func TestNoClouds(t *testing.T) {
	fake(t, "echo 'there is no sshd on this computer' >&2; exit 1")
	if _, err := rehearse(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "no sshd") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	fake(t, "exec sleep 600")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := rehearse(ctx, t.TempDir()); !errors.Is(err, packerbuild.ErrInterrupted) || !strings.Contains(err.Error(), "deadline exceeded") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	if _, err := onlyClouds(packer.Image{Targets: []packer.Target{packer.QEMU}}); err == nil || !strings.Contains(err.Error(), "only the target qemu") {
		t.Errorf("got %v", err)
	}
}
