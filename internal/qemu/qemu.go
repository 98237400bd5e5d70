// Package qemu switches virtual machines on, and knows from their console how far they are.
package qemu

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Machine says what is switched on.
type Machine struct {
	Accelerator string // "kvm" or "tcg"
	Disk        string // its path
	Format      string // of the disk: "qcow2", "raw"
	Dir         string // where the console and the monitor are; an empty or own folder
	Memory      int    // MiB
	Network     string // QEMU's -netdev, without its id
	// Marks are texts on the console that are waited for or timed, by a name for each.
	Marks map[string]string
	// Firmware are QEMU's -smbios: what tells the machine where it is.
	Firmware []string
	// Parts is a file that the machine has as its second disk, read-only; none when empty.
	Parts string
	// Keeps has the disk keep what changes, and the machine boot again when it wants to. Without
	// it nothing changes on the disk, and a reboot switches the machine off.
	Keeps bool
}

// Guest is a virtual machine that is switched on. Its methods may be called at the same time.
type Guest struct {
	Console string // the file
	Began   time.Time
	Ended   <-chan struct{} // closed when it is off

	cmd     *exec.Cmd
	monitor string // the socket
	marks   map[string]string

	mu     sync.Mutex
	seen   map[string]time.Time     // of marks, the first time
	marked map[string]chan struct{} // closed at the mark
}

// SwitchOn boots a machine, which is cut off with ctx or this process at the latest.
func SwitchOn(ctx context.Context, m Machine) (*Guest, error) {
	ended := make(chan struct{})
	g := &Guest{Console: filepath.Join(m.Dir, "console"), Ended: ended, monitor: filepath.Join(m.Dir, "monitor")}
	g.expect(m.Marks)
	g.cmd = exec.CommandContext(ctx, "qemu-system-x86_64", m.arguments(g.monitor)...) //nolint:gosec // of this file
	g.cmd.Env = append(os.Environ(), "TMPDIR="+m.Dir)
	DiesWithUs(g.cmd)
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	g.cmd.Stderr = g.cmd.Stdout
	log, err := os.Create(g.Console)
	if err != nil {
		return nil, err
	}
	g.Began = time.Now()
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the machine dies with the thread that has started it
		err := g.cmd.Start()
		started <- err
		if err == nil {
			g.watch(out, log)
			_ = g.cmd.Wait() // however it ended, it is off
		}
		_ = log.Close()
		close(ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("switch the machine on: %w", err)
	}
	return g, nil
}

// arguments is QEMU's command line.
func (m Machine) arguments(monitor string) []string {
	drive := "file=" + escaped(m.Disk) + ",if=virtio,format=" + m.Format + ",cache=unsafe"
	args := []string{
		"-machine", "pc,accel=" + m.Accelerator, "-cpu", "max", "-smp", "2", "-m", strconv.Itoa(m.Memory),
		"-nodefaults", "-no-user-config", "-display", "none",
		"-netdev", m.Network + ",id=net",
		"-device", "virtio-net-pci,netdev=net,romfile=", "-device", "virtio-rng-pci",
		"-serial", "stdio", "-qmp", "unix:" + escaped(monitor) + ",server=on,wait=off",
	}
	if !m.Keeps {
		drive += ",snapshot=on"
		args = append(args, "-no-reboot")
	}
	args = append(args, "-drive", drive)
	if m.Parts != "" {
		args = append(args, "-drive", "file="+escaped(m.Parts)+",if=virtio,format=raw,readonly=on")
	}
	for _, table := range m.Firmware {
		args = append(args, "-smbios", table)
	}
	return args
}

// expect prepares for marks.
func (g *Guest) expect(marks map[string]string) {
	g.marks, g.seen, g.marked = marks, map[string]time.Time{}, map[string]chan struct{}{}
	for name := range marks {
		g.marked[name] = make(chan struct{})
	}
}

// watch copies the console to its file, each line with its second, and notes the marks.
func (g *Guest) watch(console io.Reader, log io.Writer) {
	lines := bufio.NewScanner(console)
	for lines.Scan() {
		line, now := strings.TrimRight(lines.Text(), "\r"), time.Now()
		_, _ = fmt.Fprintf(log, "%7.2f %s\n", now.Sub(g.Began).Seconds(), line)
		g.mu.Lock()
		for name, text := range g.marks {
			if _, known := g.seen[name]; !known && strings.Contains(line, text) {
				g.seen[name] = now
				close(g.marked[name])
			}
		}
		g.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, console)
}

// At says when the console told a mark for the first time.
func (g *Guest) At(mark string) (time.Time, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, ok := g.seen[mark]
	return at, ok
}

// After says how long after the power-on the console told a mark.
func (g *Guest) After(mark string) (time.Duration, bool) {
	at, ok := g.At(mark)
	return at.Sub(g.Began), ok
}

// Marked is closed at the mark, which must be one of the machine's.
func (g *Guest) Marked(mark string) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.marked[mark]
}

// Expect has marks count from now on that may have been seen before, as those of another boot.
func (g *Guest) Expect() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.expect(g.marks)
}

// Off tells whether the machine is off.
func (g *Guest) Off() bool {
	select {
	case <-g.Ended:
		return true
	default:
		return false
	}
}

// PressPower presses the power button, as a cloud does before it takes a machine away.
func (g *Guest) PressPower(ctx context.Context) error {
	if err := g.command(ctx, "system_powerdown"); err != nil {
		return fmt.Errorf("press the power button: %w", err)
	}
	return nil
}

// Reset has the machine begin anew, as if its power had been off for a moment.
func (g *Guest) Reset(ctx context.Context) error {
	if err := g.command(ctx, "system_reset"); err != nil {
		return fmt.Errorf("reset the machine: %w", err)
	}
	return nil
}

// command has QEMU's monitor do something. It speaks first, and wants a handshake.
func (g *Guest) command(ctx context.Context, name string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", g.monitor)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // all is said
	commands, replies := json.NewEncoder(conn), json.NewDecoder(conn)
	for _, command := range []string{"", "qmp_capabilities", name} {
		if command != "" {
			if err := commands.Encode(map[string]string{"execute": command}); err != nil {
				return err
			}
		}
		var reply map[string]json.RawMessage
		if err := replies.Decode(&reply); err != nil {
			return err
		}
		if reply["error"] != nil {
			return fmt.Errorf("%s: %s", name, reply["error"])
		}
	}
	return nil
}

// Cut takes the power away and waits.
func (g *Guest) Cut() {
	_ = g.cmd.Process.Kill() // it fails when there is no process any more
	<-g.Ended
}

// escaped is a path as QEMU's options take it.
func escaped(path string) string { return strings.ReplaceAll(path, ",", ",,") }
