//go:build !linux

package proof

import "os/exec"

func diesWithUs(*exec.Cmd) {}
