//go:build !linux

package qemu

import "os/exec"

// DiesWithUs does nothing: only Linux can.
func DiesWithUs(*exec.Cmd) {}
