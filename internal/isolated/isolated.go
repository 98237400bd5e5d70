// Package isolated runs programs that make accounts of the operating system where they change
// nothing of the machine: in namespaces of their own, with private copies of what accounts are
// kept in. It is for tests and benchmarks.
package isolated

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
)

const (
	// inside is set in the environment of a program that Command runs.
	inside = "ISOLATED_INSIDE"
	// Bin is where Command puts files, for every account to execute.
	Bin = "/home/bin"
)

// Entered tells whether this process was started by Command.
func Entered() bool { return os.Getenv(inside) != "" }

// Command makes a command that runs a program in namespaces of its own, with copies of files in
// the folder Bin. There, /etc is a copy, and /home, /tmp, /var/tmp, /dev/shm and the folders of
// mail and cron are empty; other processes are not seen. It ends with this process at the latest.
// It is an error where accounts cannot be made: without root or the tools for it.
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
