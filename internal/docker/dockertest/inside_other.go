//go:build !linux

package dockertest

import "os/exec"

// alone is for Linux; nothing gets here elsewhere.
func alone(*exec.Cmd) {}

func unmount(string) {}
