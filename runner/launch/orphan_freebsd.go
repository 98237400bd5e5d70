package launch

import "syscall"

// orphan has the kernel interrupt the worker when the runner is no more. Our worker then aborts
// its tasks and says so; any other one ends as it does with SIGTERM.
func orphan(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGTERM }
