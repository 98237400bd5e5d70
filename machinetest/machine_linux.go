package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/qemu"
)

// port is where the services are, in the machine and here.
const port = "8080"

// machine is the virtual one. Commands come to it by SSH, the only thing that reaches it: it has no
// network.
type machine struct {
	accelerator, disk, key, dir string
	parts                       string // a tar that it has as its second disk
	patience                    time.Duration

	guest  *qemu.Guest
	tunnel *exec.Cmd // carries the commands and the services' port; nil for none
}

// newMachine makes a machine whose disk begins as the base.
func newMachine(ctx context.Context, o options, accelerator, dir string) (*machine, error) {
	m := &machine{accelerator: accelerator, disk: filepath.Join(dir, "disk.qcow2"), key: base().Key(o.cache), dir: dir, parts: cmp.Or(o.parts, partsPath(dir)), patience: o.patience}
	return m, tool(ctx, "qemu-img", "create", "-q", "-f", "qcow2", "-b", base().Disk(o.cache), "-F", "qcow2", m.disk)
}

// switchOn switches the machine on and waits until it takes commands.
func (m *machine) switchOn(ctx context.Context) error {
	guest, err := qemu.SwitchOn(ctx, qemu.Machine{
		Accelerator: m.accelerator, Disk: m.disk, Format: "qcow2", Dir: m.dir, Memory: 3072, Parts: m.parts, Keeps: true,
		Network: "user,restrict=on,hostfwd=tcp:127.0.0.1:2222-:22",
		Marks:   map[string]string{"kernel": "Linux version", "up": "Multi-User System", "again": "reboot: Restarting system", "off": "reboot: Power down"},
	})
	if err != nil {
		return err
	}
	m.guest = guest
	return m.connect(ctx)
}

// connect waits until the machine takes commands, of a boot that has begun a moment ago.
func (m *machine) connect(ctx context.Context) error {
	m.disconnect()
	return m.until(ctx, "the machine takes no commands", func() (bool, error) {
		if m.tunnel == nil {
			cmd := exec.CommandContext(ctx, "ssh", append(m.ssh(), "-M", "-N", "-L", port+":127.0.0.1:"+port, "root@127.0.0.1")...) //nolint:gosec // of this program
			qemu.DiesWithUs(cmd)
			if err := cmd.Start(); err != nil {
				return false, err
			}
			m.tunnel = cmd
		}
		look, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		if _, err := m.run(look, "true"); err == nil {
			return true, nil
		}
		if exec.CommandContext(ctx, "ssh", append(m.ssh(), "-O", "check", "root@127.0.0.1")...).Run() != nil && look.Err() != nil { //nolint:gosec // of this program
			m.disconnect()
		}
		return false, nil
	})
}

// disconnect ends the tunnel, as when the machine boots again.
func (m *machine) disconnect() {
	if m.tunnel == nil {
		return
	}
	_ = m.tunnel.Process.Kill() // it may have ended
	_ = m.tunnel.Wait()         // as does this
	m.tunnel = nil
	_ = os.Remove(filepath.Join(m.dir, "ssh"))
}

// ssh are the options of all calls.
func (m *machine) ssh() []string {
	return []string{
		"-S", filepath.Join(m.dir, "ssh"), "-F", "none", "-i", m.key, "-p", "2222", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-o", "ConnectTimeout=60", "-o", "ExitOnForwardFailure=yes",
	}
}

// run runs a script of the shell as root, and returns what it prints.
func (m *machine) run(ctx context.Context, script string) (string, error) {
	cmd := exec.CommandContext(ctx, "ssh", append(m.ssh(), "root@127.0.0.1", "sh", "-eu")...) //nolint:gosec // of this program
	qemu.DiesWithUs(cmd)
	cmd.Stdin = strings.NewReader(script)
	var out, bad bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &bad
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		first, _, _ := strings.Cut(script, "\n")
		return out.String(), fmt.Errorf("%s: %w: %s", first, err, lastLines(out.String()+bad.String(), 10))
	}
	return strings.TrimSpace(out.String()), nil
}

// must runs a script whose output is of no interest.
func (m *machine) must(ctx context.Context, script string) error {
	_, err := m.run(ctx, script)
	return err
}

// says waits until a script prints that.
func (m *machine) says(ctx context.Context, script, want string) error {
	var got string
	err := m.until(ctx, "", func() (bool, error) {
		var err error
		got, err = m.run(ctx, script)
		return got == want, err
	})
	if errors.Is(err, errLate) {
		return fmt.Errorf("%s says %q, not %q: %w", script, got, want, err)
	}
	return err
}

// errLate is that something did not happen in time.
var errLate = errors.New("not in time") //nolint:gochecknoglobals // a constant

// until polls until something is so. A machine that is off does nothing any more.
func (m *machine) until(ctx context.Context, otherwise string, so func() (bool, error)) error {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	late := time.NewTimer(m.patience)
	defer late.Stop()
	for {
		off := m.guest.Off()
		ok, err := so()
		if ok || err != nil {
			return err
		}
		if off {
			return fmt.Errorf("%s: the machine is off", otherwise)
		}
		select {
		case <-ticker.C:
		case <-late.C:
			return fmt.Errorf("%s after %s: %w", otherwise, m.patience, errLate)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// close takes the power away.
func (m *machine) close() {
	m.disconnect()
	if m.guest != nil {
		m.guest.Cut()
	}
}
