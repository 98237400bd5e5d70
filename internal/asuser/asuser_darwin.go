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
// On macOS a thread can take on another identity than its process (pthread_setugid_np). The system
// itself looks up of which groups that is a member, so those of the user are not used. The thread is
// never given back: it ends with the goroutine, or, if it is the first one of the process, sleeps for ever.
func Do(u User, fn func() error) error {
	return apart(func() error {
		runtime.LockOSThread() // never unlocked
		if err := become(u); err != nil {
			return fmt.Errorf("asuser: become user %d: %w", u.UID, err)
		}
		return fn()
	})
}

// become changes the identity of this thread, and asks the system whether it has done so.
func become(u User) error {
	if _, _, errno := unix.RawSyscall(unix.SYS_SETTID, uintptr(u.UID), uintptr(u.GID), 0); errno != 0 {
		return errno
	}
	var uid, gid uint32
	_, _, errno := unix.RawSyscall(unix.SYS_GETTID, uintptr(unsafe.Pointer(&uid)), uintptr(unsafe.Pointer(&gid)), 0) //nolint:gosec // as the system call wants it
	if errno != 0 {
		return errno
	}
	if uid != u.UID || gid != u.GID {
		return errors.New("this process may not take on the rights of others")
	}
	return nil
}
