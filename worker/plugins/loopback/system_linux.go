package loopback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
)

// NewSystem is this machine.
func NewSystem() System { return machine{"/etc/modprobe.d"} }

// machine is a Linux machine, whose modules are configured in a folder.
type machine struct{ modules string }

// Load implements System.
func (machine) Load(ctx context.Context, module string, parameters ...string) error {
	out, err := exec.CommandContext(ctx, "modprobe", append([]string{module}, parameters...)...).CombinedOutput()
	if err != nil {
		const most = 500
		return fmt.Errorf("modprobe %s: %w: %s", module, err, bytes.TrimSpace(out[:min(len(out), most)]))
	}
	return nil
}

// Configure implements System.
func (m machine) Configure(module, parameters string) error {
	const everybody = 0o644                                                                                                 // it holds no secret, as all files there
	return os.WriteFile(filepath.Join(m.modules, module+".conf"), []byte("options "+module+" "+parameters+"\n"), everybody) //nolint:gosec // see above
}

// Share implements System. A link is not followed: what is changed is a device.
func (machine) Share(device, group string) error {
	g, err := user.LookupGroup(group)
	if err != nil {
		return err //nolint:wrapcheck // names the group
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return fmt.Errorf("the group %s: %w", group, err)
	}
	info, err := os.Lstat(device)
	if err != nil {
		return err //nolint:wrapcheck // names the device
	}
	if info.Mode()&os.ModeDevice == 0 {
		return fmt.Errorf("%s: %w", device, errNoDevice)
	}
	const members = 0o660
	return errors.Join(os.Lchown(device, -1, gid), os.Chmod(device, members))
}

var errNoDevice = errors.New("not a device")
