package proof

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
	"strings"
	"sync"
	"time"
)

// guest is a virtual machine that is switched on.
type guest struct {
	cmd     *exec.Cmd
	console string // the file
	monitor string // the socket
	began   time.Time
	ended   chan struct{} // closed when it is off

	mu   sync.Mutex
	seen map[string]time.Time // of marks, the first time
	up   chan struct{}        // closed at the mark "up"
}

// marks are what the console tells of a boot and its end.
func marks() map[string]string {
	return map[string]string{
		"kernel":  "Linux version",
		"network": "Network is Online",
		"worker":  "Started start-worker.service",
		"up":      "Multi-User System",
		"off":     "reboot: Power down",
	}
}

// machine says what is switched on.
type machine struct {
	accelerator string
	disk, dir   string
	firmware    []string
	alone       bool // it reaches nothing
}

// switchOn boots the disk, of which nothing changes.
func switchOn(ctx context.Context, m machine) (*guest, error) {
	format, err := formatOf(ctx, m.disk)
	if err != nil {
		return nil, err
	}
	g := &guest{
		console: filepath.Join(m.dir, "console"), monitor: filepath.Join(m.dir, "monitor"),
		ended: make(chan struct{}), up: make(chan struct{}), seen: map[string]time.Time{},
	}
	network := "user,id=net,net=169.254.169.0/24,host=" + guestHost + ",dhcpstart=169.254.169.15"
	if m.alone {
		network += ",restrict=on"
	}
	args := []string{
		"-machine", "pc,accel=" + m.accelerator, "-cpu", "max", "-smp", "2", "-m", "1024", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-drive", "file=" + escaped(m.disk) + ",if=virtio,format=" + format + ",snapshot=on,cache=unsafe",
		"-netdev", network,
		"-device", "virtio-net-pci,netdev=net,romfile=", "-device", "virtio-rng-pci",
		"-serial", "stdio", "-qmp", "unix:" + escaped(g.monitor) + ",server=on,wait=off",
	}
	for _, table := range m.firmware {
		args = append(args, "-smbios", table)
	}
	g.cmd = exec.CommandContext(ctx, "qemu-system-x86_64", args...) //nolint:gosec // of this file
	g.cmd.Env = append(os.Environ(), "TMPDIR="+m.dir)
	diesWithUs(g.cmd)
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	g.cmd.Stderr = g.cmd.Stdout
	log, err := os.Create(g.console)
	if err != nil {
		return nil, err
	}
	g.began = time.Now()
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
		close(g.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("switch the machine on: %w", err)
	}
	return g, nil
}

// watch copies the console to its file, each line with its second, and notes the marks.
func (g *guest) watch(console io.Reader, log io.Writer) {
	lines := bufio.NewScanner(console)
	for lines.Scan() {
		line, now := strings.TrimRight(lines.Text(), "\r"), time.Now()
		_, _ = fmt.Fprintf(log, "%7.2f %s\n", now.Sub(g.began).Seconds(), line)
		g.mu.Lock()
		for name, text := range marks() {
			if _, known := g.seen[name]; !known && strings.Contains(line, text) {
				g.seen[name] = now
				if name == "up" {
					close(g.up)
				}
			}
		}
		g.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, console)
}

// after says how long after the power-on the console told a mark.
func (g *guest) after(mark string) (time.Duration, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, ok := g.seen[mark]
	return at.Sub(g.began), ok
}

// off tells whether the machine is off.
func (g *guest) off() bool {
	select {
	case <-g.ended:
		return true
	default:
		return false
	}
}

// pressPower presses the power button, as a cloud does before it takes a machine away.
func (g *guest) pressPower(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", g.monitor)
	if err != nil {
		return fmt.Errorf("press the power button: %w", err)
	}
	defer conn.Close() //nolint:errcheck // all is said
	commands, replies := json.NewEncoder(conn), json.NewDecoder(conn)
	for _, command := range []string{"", "qmp_capabilities", "system_powerdown"} {
		if command != "" {
			if err := commands.Encode(map[string]string{"execute": command}); err != nil {
				return fmt.Errorf("press the power button: %w", err)
			}
		}
		var reply map[string]json.RawMessage
		if err := replies.Decode(&reply); err != nil {
			return fmt.Errorf("press the power button: %w", err)
		}
		if reply["error"] != nil {
			return fmt.Errorf("press the power button: %s", reply["error"])
		}
	}
	return nil
}

// cut takes the power away and waits.
func (g *guest) cut() {
	_ = g.cmd.Process.Kill() // it fails when there is no process any more
	<-g.ended
}

// escaped is a path as QEMU's options take it.
func escaped(path string) string { return strings.ReplaceAll(path, ",", ",,") }
