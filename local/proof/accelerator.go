package proof

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// Probe says which of QEMU's accelerators works here: "kvm" where it really boots the disk, else
// "tcg". That there is a /dev/kvm, and that QEMU takes it, proves nothing: there are hosts where
// any kernel then crashes. The probe's console goes to dir.
func Probe(ctx context.Context, disk, dir string) (string, error) {
	const enough = 30 * time.Second // several times what a boot takes with kvm
	device, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return "tcg", nil //nolint:nilerr // it is not there, or not for us
	}
	_ = device.Close() // nothing was done to it
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	g, err := switchOn(ctx, machine{accelerator: "kvm", disk: disk, dir: dir, alone: true})
	if err != nil {
		return "", err
	}
	defer g.Cut()
	late := time.NewTimer(enough)
	defer late.Stop()
	select {
	case <-g.Marked("up"):
		return "kvm", nil
	case <-g.Ended:
	case <-late.C:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	return "tcg", nil
}
