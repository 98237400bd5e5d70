package machine_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/local/dryrun/machine"
)

// download copies a file from the machine.
func download(t *testing.T, m *machine.Machine, private, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "download")
	args := append([]string{"-O"}, options(m, private, "-P")...)
	if out, err := exec.CommandContext(t.Context(), "scp", append(args, m.User()+"@127.0.0.1:"+from, to)...).CombinedOutput(); err != nil {
		t.Fatalf("scp: %v: %s", err, out)
	}
	data, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// start starts a machine, whose end is the test's.
func start(t *testing.T, run bool) (*machine.Machine, string) {
	t.Helper()
	dir := t.TempDir()
	m, err := machine.Start(context.WithoutCancel(t.Context()), machine.Options{Dir: dir, Run: run, Files: map[string]string{"/var/made": "made\n"}})
	if errors.Is(err, machine.ErrNoSSHD) {
		t.Skip("sshd is not installed: there is no machine to log in to (apt-get install openssh-server)")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m, dir
}

// key makes a key pair: the file of the private half, and the public half.
func key(t *testing.T) (private, public string) {
	t.Helper()
	private = filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", private).CombinedOutput(); err != nil {
		t.Skipf("ssh-keygen is not installed: there is no key to log in with: %v: %s", err, out)
	}
	data, err := os.ReadFile(private + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return private, string(data)
}

// options are those of ssh and scp; the flag of the port is spelt differently.
func options(m *machine.Machine, private, port string) []string {
	return []string{
		"-F", "none", port, strconv.Itoa(m.Port()), "-i", private, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
		"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=" + os.DevNull, "-o", "GlobalKnownHostsFile=" + os.DevNull, "-o", "LogLevel=ERROR",
	}
}

// run runs a command on the machine.
func run(t *testing.T, m *machine.Machine, private, command string) (string, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "ssh", append(options(m, private, "-p"), m.User()+"@127.0.0.1", command)...)
	out, err := c.CombinedOutput()
	return string(out), err
}

// upload copies a file to the machine, by scp's own protocol, which packer speaks, or by sftp.
func upload(t *testing.T, m *machine.Machine, private, protocol, content, to string) error {
	t.Helper()
	name := filepath.Join(t.TempDir(), "upload")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{protocol}, options(m, private, "-P")...)
	out, err := exec.CommandContext(t.Context(), "scp", append(args, name, m.User()+"@127.0.0.1:"+to)...).CombinedOutput()
	if err != nil {
		t.Logf("scp: %s", out)
	}
	return err
}

func TestRun(t *testing.T) {
	m, dir := start(t, true)
	private, public := key(t)
	if out, err := run(t, m, private, "true"); err == nil {
		t.Fatalf("a key that no machine has was let in: %s", out)
	}
	if err := m.Boot("i-1", []string{public}); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, m, private, "pwd; echo $HOME $TMPDIR; exit 7")
	var exit *exec.ExitError
	dir = filepath.Join(dir, "1")
	if want := dir + "\n" + dir + " " + dir + "\n"; out != want || !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("%q, %v, want %q and 7", out, err, want)
	}
	for _, protocol := range []string{"-O", "-s"} {
		if err := upload(t, m, private, protocol, "content", "file"+protocol); err != nil {
			t.Errorf("scp %s: %v", protocol, err)
		}
		if data, err := os.ReadFile(filepath.Join(dir, "file"+protocol)); err != nil || string(data) != "content" {
			t.Errorf("scp %s: %q, %v", protocol, data, err)
		}
	}
	other, public := key(t)
	if err := m.Boot("i/2", []string{public}); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, m, other, "pwd"); err != nil || out != filepath.Join(filepath.Dir(dir), "2")+"\n" {
		t.Errorf("another instance: %v, %q", err, out)
	}
	m.Halt("i-1")
	if out, err := run(t, m, private, "true"); err == nil {
		t.Errorf("the key of a machine that is gone was let in: %s", out)
	}
}

// TestRehearsal: nothing runs, nothing is written outside, and yet a bad script is found.
func TestRehearsal(t *testing.T) {
	m, dir := start(t, false)
	private, public := key(t)
	if err := m.Boot("i-1", []string{public}); err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(t.TempDir(), "ran")
	if out, err := run(t, m, private, "touch "+mark); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// In this order: once something bad is there, nothing that might run it is fine.
	for _, c := range []struct{ name, script, says string }{
		{"good.sh", "#!/bin/sh -e\ntouch " + mark + "\nexit 7\n", "rehearsed, not run: /tmp/rehearsal-good.sh"},
		{"tool.script", "#!/bin/cat\nif then\n", ""},
		{"again.sh", "#!/bin/sh\nexit 7\n", "rehearsed, not run: /tmp/rehearsal-again.sh"},
		{"bad.test", "if true; then\n", ""},
		{"driver.sh", "#!/usr/bin/env sh\n. /tmp/rehearsal-bad.test\n", "rehearsal-bad.test: 2: Syntax error"},
		{"bad.sh", "#!/bin/sh\nif true; then\n", "rehearsal-bad.sh: 3: Syntax error"},
	} {
		path := "/tmp/rehearsal-" + c.name
		if err := upload(t, m, private, "-O", c.script, path); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Fatalf("%s was uploaded to this computer's own folder", c.name)
		}
		if data, err := os.ReadFile(filepath.Join(dir, "1", path)); err != nil || string(data) != c.script {
			t.Errorf("%s: %q, %v", c.name, data, err)
		}
		if c.says == "" {
			continue
		}
		// As packer does it: environment, then the script.
		out, err := run(t, m, private, "chmod +x "+path+"; PACKER_BUILD_NAME='x' "+path)
		if rehearsed := strings.HasPrefix(c.says, "rehearsed"); (err == nil) != rehearsed || !strings.Contains(out, c.says) {
			t.Errorf("%s: %v: %s", c.name, err, out)
		}
	}
	if got := download(t, m, private, "/var/made"); got != "made\n" {
		t.Errorf("downloaded %q", got)
	}
	if err := upload(t, m, private, "-O", "x", "/../../"+filepath.Base(mark)); err == nil {
		t.Error("an upload left the folder")
	}
	if err := upload(t, m, private, "-s", "x", mark); err == nil {
		t.Error("an upload by sftp was taken")
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("a rehearsed command ran, or wrote")
	}
}

// TestClose ends sessions that are open, and leaves neither process nor goroutine.
func TestClose(t *testing.T) {
	m, _ := start(t, true)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	private, public := key(t)
	if err := m.Boot("i-1", []string{public}); err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(t.TempDir(), "started")
	c := exec.CommandContext(t.Context(), "ssh", append(options(m, private, "-p"), m.User()+"@127.0.0.1", "touch "+mark+"; exec sleep 600")...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(mark); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the session did not begin")
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Wait(); err == nil {
		t.Errorf("the session ended well: %s", out.String())
	}
}
