package asuser

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/windows"
)

// Do calls fn with the rights that the user's token has to files, and none more, and returns its
// error. fn runs on a goroutine of its own and must start no other that touches files. It may be called
// concurrently.
//
// On Windows a thread can impersonate a user. The thread that fn ran on is not used again, so that no
// mistake here can leave a later call with the rights of another.
func Do(u User, fn func() error) error {
	return apart(func() error { return onThread(u, fn) })
}

func onThread(u User, fn func() error) error {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	if u.Token == 0 {
		return errors.New("asuser: the user is not logged on")
	}
	impersonate := windows.NewLazySystemDLL("advapi32.dll").NewProc("ImpersonateLoggedOnUser")
	if ok, _, err := impersonate.Call(u.Token); ok == 0 {
		return fmt.Errorf("asuser: impersonate the user: %w", err)
	}
	// The first thread of the process does not end with its goroutine.
	defer windows.RevertToSelf() //nolint:errcheck // the thread is not used again
	return fn()
}
