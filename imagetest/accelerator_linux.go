package main

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// accelerator is kvm where it really boots the base, else tcg. That there is a /dev/kvm, and that
// QEMU takes it, proves nothing: there are hosts where any kernel then crashes.
func accelerator(ctx context.Context, o options, dir string) (string, error) {
	const enough = 30 * time.Second // several times what a boot takes with kvm
	if _, err := os.Stat("/dev/kvm"); err != nil {
		say("processors: emulated (there is no /dev/kvm)")
		return "tcg", nil
	}
	dir = filepath.Join(dir, "probe")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	began := time.Now()
	g, err := switchOn(ctx, "kvm", filepath.Join(o.cache, baseName), dir, nil)
	if err != nil {
		return "", err
	}
	defer g.cut()
	late := time.NewTimer(enough)
	defer late.Stop()
	select {
	case <-g.up:
		step("processors: this computer's own; the probe booted", began)
		return "kvm", nil
	case <-g.ended:
	case <-late.C:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	step("processors: emulated, because the probe of /dev/kvm did not boot", began)
	return "tcg", nil
}
