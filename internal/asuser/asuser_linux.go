package asuser

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Do calls fn with the rights that the user has to files, and none more, and returns its error. fn
// runs on a goroutine of its own and must start no other that touches files. It may be called
// concurrently.
//
// On Linux the rights to files are a thread's own. The thread that fn ran on is not used again,
// so that no mistake here can leave the worker with too few rights or a later call with too many.
func Do(u User, fn func() error) error {
	return apart(func() error { return onThread(u, fn) })
}

// onThread takes the goroutine's thread away for good. The first thread of a process stands for
// all of it in /proc, so it keeps its rights: while it is held here, the work goes to another one.
func onThread(u User, fn func() error) error {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	if unix.Gettid() == unix.Getpid() {
		defer runtime.UnlockOSThread()
		return Do(u, fn)
	}
	if err := become(u); err != nil {
		return fmt.Errorf("asuser: become user %d: %w", u.UID, err)
	}
	return fn()
}

// become changes the rights of this thread. To change the user of file access from root takes only
// those capabilities away by which root disregards the permissions of files, so the others go as
// well: with them the thread could look into other processes, and see the kernel's addresses.
func become(u User) error {
	if err := setgroups(u.Groups); err != nil {
		return fmt.Errorf("set the groups: %w", err)
	}
	// These two calls do not say that they failed: asked again, they say what is in force.
	const ask = -1
	_, _ = unix.SetfsgidRetGid(int(u.GID))
	_, _ = unix.SetfsuidRetUid(int(u.UID))
	gid, _ := unix.SetfsgidRetGid(ask)
	uid, _ := unix.SetfsuidRetUid(ask)
	if gid != int(u.GID) || uid != int(u.UID) {
		return errors.New("this process may not take on the rights of others")
	}
	none := [2]unix.CapUserData{}
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
		return fmt.Errorf("drop the capabilities: %w", err)
	}
	return nil
}

// setgroups sets the further groups of this thread alone, which the function of package syscall
// would not.
func setgroups(groups []uint32) error {
	var first unsafe.Pointer
	if len(groups) > 0 {
		first = unsafe.Pointer(&groups[0]) //nolint:gosec // as the system call wants it
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(first), 0); errno != 0 {
		return errno
	}
	return nil
}
