package proof

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// insideVariable tells this program that it is in its own network.
const insideVariable = "WORKERKIT_OWN_NETWORK"

const howTo = "boots need a network of their own: run this as root, or let users make one (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)"

// Inside tells, until Isolate is called, whether an earlier Isolate has started this program.
func Inside() bool { return os.Getenv(insideVariable) != "" }

// Isolate runs this program again, with the same arguments, in a network of its own: the
// metadata services have an address there that would be somebody else's outside, and no guest
// reaches anything. In that network it returns true at once, else when the program has ended,
// with its *exec.ExitError if it failed. Call it before anything else is done.
func Isolate(ctx context.Context) (inside bool, err error) {
	if Inside() {
		if err := os.Unsetenv(insideVariable); err != nil { // not for the programs that this one starts
			return false, err
		}
		err := loopback()
		if errors.Is(err, os.ErrPermission) {
			err = fmt.Errorf("%s: %w", howTo, err)
		}
		return true, err
	}
	own, err := os.Executable()
	if err != nil {
		return false, err
	}
	cmd := exec.CommandContext(ctx, own, os.Args[1:]...) //nolint:gosec // this program
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM, Setpgid: true}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	err = cmd.Start()
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) {
		return false, fmt.Errorf("%s: %w", howTo, err)
	}
	if err != nil {
		return false, err
	}
	return false, cmd.Wait()
}

// loopback sets the loopback up and gives it the address of the metadata services.
func loopback() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("set the network up: %w", err)
	}
	defer unix.Close(socket) //nolint:errcheck // nothing was written
	set := func(name string, request uint, value func(*unix.Ifreq) error) error {
		change, err := unix.NewIfreq(name)
		if err == nil {
			err = value(change)
		}
		if err == nil {
			err = unix.IoctlIfreq(socket, request, change)
		}
		if err != nil {
			return fmt.Errorf("set the network up: %s: %w", name, err)
		}
		return nil
	}
	const alias = "lo:0" // a second address, which is all that this old way can add
	if err := set("lo", unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOOPBACK); return nil }); err != nil {
		return err
	}
	if err := set(alias, unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(net.ParseIP(guestHost).To4()) }); err != nil {
		return err
	}
	return set(alias, unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr(net.IPv4(255, 255, 255, 255).To4()) })
}
