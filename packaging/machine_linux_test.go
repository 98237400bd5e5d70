package packaging_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// insideVariable tells the test that it is in namespaces of its own.
const insideVariable = "PACKAGING_INSIDE"

// isolated runs this test again in namespaces of its own, of which nothing is left when it ends:
// the machine that it boots reaches only this program, through their loopback. It returns true
// there, and else when that run has ended. The values are in its environment.
func isolated(t *testing.T, values map[string]string) bool {
	t.Helper()
	if os.Getenv(insideVariable) != "" {
		settle(t)
		return true
	}
	need(t, "systemd-nspawn", "nsenter")
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=4m") //nolint:gosec // this program
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	for name, value := range values {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, os.ErrPermission) {
		t.Skip("namespaces cannot be made here:", err)
	}
	t.Logf("inside:\n%s", out)
	if err != nil {
		t.Error(err)
	} else if bytes.Contains(out, []byte("--- SKIP")) {
		t.Skip("see above")
	}
	return false
}

// settle makes the new namespaces fit to live in.
func settle(t *testing.T) {
	t.Helper()
	for _, err := range []error{
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("proc", "/proc", "proc", 0, ""),
	} {
		if err != nil {
			t.Skip("namespaces cannot be used here:", err)
		}
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(socket) //nolint:errcheck // nothing was written
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOOPBACK)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, lo); err != nil {
		t.Fatal(err)
	}
}

// machine is a root file system, and the machine that was booted with it.
type machine struct {
	t    *testing.T
	root string
	cmd  *exec.Cmd
	init int           // the process id of its systemd
	done chan struct{} // closed when it is off

	on        time.Time     // when it was switched on,
	monotonic time.Duration // and that by CLOCK_MONOTONIC
}

// switchOn boots the machine, which is switched off with the test at the latest.
func (m *machine) switchOn() {
	m.t.Helper()
	console, err := os.Create(filepath.Join(m.t.TempDir(), "console"))
	if err != nil {
		m.t.Fatal(err)
	}
	m.cmd = exec.Command("systemd-nspawn", "--register=no", "--keep-unit", "--boot", "--console=pipe", "--directory="+m.root, "--machine=packaging", "--resolv-conf=off")
	m.cmd.Stdout, m.cmd.Stderr = console, console
	var clock unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &clock); err != nil {
		m.t.Fatal(err)
	}
	m.on, m.monotonic, m.done = time.Now(), time.Duration(clock.Nano()), make(chan struct{})
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func() {
		defer close(m.done)
		_ = m.cmd.Wait() // it is stopped by a signal
		_ = console.Close()
	}()
	m.t.Cleanup(func() {
		m.switchOff()
		if text, err := os.ReadFile(console.Name()); err == nil && m.t.Failed() {
			m.t.Logf("console:\n%s", text)
		}
	})
	m.until("the machine has a systemd", 20*time.Second, func() bool {
		select {
		case <-m.done:
			text, _ := os.ReadFile(console.Name())
			m.t.Skipf("systemd-nspawn cannot boot here: %s", last(string(text)))
		default:
		}
		m.init = firstChild(m.cmd.Process.Pid)
		return m.init != 0
	})
}

// switchOff switches the machine off, in order when it does that soon.
func (m *machine) switchOff() {
	_ = m.cmd.Process.Signal(syscall.SIGTERM) // it may be off
	select {
	case <-m.done:
	case <-time.After(20 * time.Second):
		_ = m.cmd.Process.Kill()
		<-m.done
	}
}

// firstChild is the child of a process that is the first one of its own process namespace; 0 when
// there is none. nspawn has others on the way to it.
func firstChild(parent int) int {
	all, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, path := range all {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		fields := map[string][]string{}
		for line := range strings.Lines(string(data)) {
			name, value, _ := strings.Cut(line, ":")
			fields[name] = strings.Fields(value)
		}
		ids := fields["NSpid"]
		if slices.Equal(fields["PPid"], []string{strconv.Itoa(parent)}) && len(ids) == 2 && ids[1] == "1" {
			pid, _ := strconv.Atoi(ids[0])
			return pid
		}
	}
	return 0
}

// try runs a command: in the machine that runs, else in its file system.
func (m *machine) try(args ...string) (string, error) {
	line := append([]string{m.root}, args...)
	program := "chroot"
	if m.init != 0 {
		program = "nsenter"
		line = append([]string{"--target", strconv.Itoa(m.init), "--mount", "--uts", "--ipc", "--pid", "--root", "--wd", "--"}, args...)
	}
	cmd := exec.CommandContext(m.t.Context(), program, line...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive"}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		m.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// bring copies a file into the machine.
func (m *machine) bring(from, to string) string {
	m.t.Helper()
	mustRun(m.t, exec.Command("cp", from, filepath.Join(m.root, to)))
	return to
}

// put writes a file that only root reads into the machine.
func (m *machine) put(path, text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.root, path), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// has tells whether a file, or a link to anything, is there.
func (m *machine) has(path string) bool {
	_, err := os.Lstat(filepath.Join(m.root, path))
	return err == nil
}

// state is what systemd says of start-worker.
func (m *machine) state(property string) string {
	out, err := m.try("systemctl", "show", "--value", "--property="+property, "start-worker.service")
	if err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	return out
}

// until waits until something is so.
func (m *machine) until(what string, within time.Duration, so func() bool) {
	m.t.Helper()
	for end := time.Now().Add(within); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			if m.init != 0 {
				out, _ := m.try("journalctl", "--no-pager", "--lines=60", "--output=cat")
				m.t.Logf("journal:\n%s", out)
			}
			m.t.Fatalf("not within %s: %s", within, what)
		}
	}
}
