// Package accountstest runs tests, and benchmarks, that make accounts where they change nothing of
// the machine: in namespaces of their own, with private copies of what accounts are kept in.
package accountstest

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
)

const (
	// inside is set in the environment of a process that runs in its own namespaces.
	inside = "ACCOUNTSTEST_INSIDE"
	// Bin is where Inside puts files, for every account to execute.
	Bin = "/home/bin"
)

// Inside tells whether this is the test in its own namespaces. The first time it is called it is
// not: it runs the test again in there (see Command), with copies of files, and reports how that
// went, and the caller returns. Without root or the tools for accounts the test is skipped.
func Inside(t *testing.T, files ...string) bool {
	t.Helper()
	if Entered() {
		return true
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := Command(self, files, "-test.run=^"+t.Name()+"$", "-test.v=true", "-test.timeout=5m")
	if err != nil {
		t.Skip(err)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("in namespaces of its own: %v\n%s", err, out)
	} else {
		t.Logf("in namespaces of its own:\n%s", out)
	}
	return false
}

// Entered tells whether this process was started by Command.
func Entered() bool { return os.Getenv(inside) != "" }

// Command makes a command that runs a program in namespaces of its own, with copies of files in
// the folder Bin. There, /etc is a copy, and /home, /tmp, /var/tmp, /dev/shm and the folders of
// mail and cron are empty; other processes are not seen, and the program and the files can be
// executed by everybody. It is an error where accounts cannot be made.
func Command(program string, files []string, args ...string) (*exec.Cmd, error) {
	if runtime.GOOS != "linux" {
		return nil, errors.New("accounts are made on Linux only")
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("only root can make accounts, and namespaces to make them in")
	}
	if _, err := exec.LookPath("useradd"); err != nil {
		return nil, errors.New("there is no useradd: install the package passwd")
	}
	line := append([]string{"-c", script, program, strconv.Itoa(len(files))}, files...)
	cmd := exec.Command("/bin/sh", append(line, args...)...)
	cmd.Env = append(os.Environ(), inside+"=1", "TMPDIR=/tmp")
	isolate(cmd)
	return cmd, nil
}

// script prepares the namespaces and becomes the program, which is its name. Its arguments are the
// number of files, the files, and the program's arguments.
const script = `set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /home
mkdir -m 755 /home/bin
cp "$0" /home/bin/test
left=$1; shift
while [ $left -gt 0 ]; do cp "$1" /home/bin/; left=$((left-1)); shift; done
chmod 755 /home/bin/*
mkdir -m 700 /home/etc && cp -a /etc/. /home/etc/ && mount --bind /home/etc /etc
for dir in /tmp /var/tmp /dev/shm; do mount -t tmpfs -o mode=1777 tmpfs $dir; done
for dir in /var/mail /var/spool/cron /var/lib/systemd/linger; do [ ! -d $dir ] || mount -t tmpfs -o mode=755 tmpfs $dir; done
exec /home/bin/test "$@"
`
