package proof

import (
	"context"

	"github.com/workerkit/workerkit/internal/qemu"
)

// machine says what is switched on.
type machine struct {
	accelerator string
	disk, dir   string
	firmware    []string
	alone       bool // it reaches nothing
}

// switchOn boots the disk, of which nothing changes. Its marks are what the console tells of a
// boot and its end.
func switchOn(ctx context.Context, m machine) (*qemu.Guest, error) {
	format, err := formatOf(ctx, m.disk)
	if err != nil {
		return nil, err
	}
	network := "user,net=169.254.169.0/24,host=" + guestHost + ",dhcpstart=169.254.169.15"
	if m.alone {
		network += ",restrict=on"
	}
	return qemu.SwitchOn(ctx, qemu.Machine{
		Accelerator: m.accelerator, Disk: m.disk, Format: format, Dir: m.dir, Memory: 1024, Network: network, Firmware: m.firmware,
		Marks: map[string]string{
			"kernel":  "Linux version",
			"network": "Network is Online",
			"worker":  "Started start-worker.service",
			"up":      "Multi-User System",
			"off":     "reboot: Power down",
		},
	})
}
