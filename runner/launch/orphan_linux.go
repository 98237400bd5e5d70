package launch

import "syscall"

// orphan has the kernel interrupt the worker when the thread that started it is no more, for
// example because the runner was killed. Our worker then aborts its tasks and says so; any other
// one ends as it does with SIGTERM. Programs with privileges of their own are left alone.
func orphan(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGTERM }
