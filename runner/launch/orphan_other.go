//go:build unix && !linux && !freebsd

package launch

import "syscall"

// orphan does nothing: this system does not tell a process that its parent has died. Our worker
// sees the end of its input; another one may outlive its runner.
func orphan(*syscall.SysProcAttr) {}
