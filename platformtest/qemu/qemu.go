// Package qemu runs programs for Linux on arm64 on a machine that is no arm64, with QEMU's emulation of
// one process. The kernel is the machine's own.
package qemu

import (
	"context"
	"os"
	"os/exec"
	"runtime"
)

const (
	emulator = "/usr/bin/qemu-aarch64-static"
	// formats is where the kernel is told which program starts which files.
	formats = "/proc/sys/fs/binfmt_misc"
	// rule is for programs of arm64: where their first bytes are these, under this mask. The flags: the
	// emulator learns the program's first argument (P), is given the program open (O), keeps the rights
	// of a program that has some (C), and need not be in the root folder that the program sees (F).
	rule = `:arm64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00` +
		`:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:` + emulator + `:POCF`
)

// Missing says what is needed before anything runs here, or nothing.
func Missing() string {
	switch {
	case runtime.GOOS != "linux" || runtime.GOARCH == "arm64":
		return "a machine with Linux that is not arm64 (on arm64: make test)"
	case !there(emulator):
		return "please install (Debian's name) qemu-user-static"
	case os.Geteuid() != 0:
		return "only root can let the kernel start programs for arm64"
	default:
		return ""
	}
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// script prepares the namespaces and runs a program in them. It stays their first process, with whose
// end everything in them ends.
const script = `mount -t proc proc /proc && mount -t binfmt_misc none ` + formats + ` && printf %s "$0" >` + formats + `/register || exit 125
"$@" &
wait $!`

// Command makes a command that runs a program, which may be one for arm64, and where those that it
// starts may be so too. To the rest of the machine they are what they were: the kernel is told in a
// user namespace of the command's own, which Linux can since 6.7. In it root is root of files and
// processes, and not of the machine's devices, clock and networks. Other processes are not seen; those
// that are left end with the program. The command's environment is this process's and extra.
func Command(ctx context.Context, extra []string, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", script, rule, program}, args...)...)
	cmd.Env = append(os.Environ(), extra...)
	isolate(cmd)
	return cmd
}

// Go is the environment that makes Go build for Linux on arm64.
func Go() []string { return []string{"GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0"} }
