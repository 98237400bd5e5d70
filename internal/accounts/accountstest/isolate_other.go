//go:build !linux

package accountstest

import "os/exec"

// isolate is for Linux; nothing gets here elsewhere.
func isolate(*exec.Cmd) {}
