package main

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Rights to window objects, as winuser.h has them, with the standard rights.
const (
	allOfStation = 0x37f | windows.STANDARD_RIGHTS_REQUIRED
	allOfDesktop = 0x1ff | windows.STANDARD_RIGHTS_REQUIRED
)

// grantWinsta gives a SID full control of the interactive window station and its desktop, so that
// a process of that user can show windows there.
func grantWinsta(values []string) (string, error) {
	sid, err := windows.StringToSid(values[0])
	if err != nil {
		return "", fmt.Errorf("the SID %q: %w", values[0], err)
	}
	user32 := windows.NewLazySystemDLL("user32.dll")
	const readAndWriteDACL = windows.READ_CONTROL | windows.WRITE_DAC
	station, err := openWindowObject(user32, "OpenWindowStationW", "CloseWindowStation", "WinSta0", 0, readAndWriteDACL)
	if err != nil {
		return "", err
	}
	defer station.close()
	// Desktops are opened in the process's own station, which need not be this one.
	if ok, _, err := user32.NewProc("SetProcessWindowStation").Call(uintptr(station.handle)); ok == 0 {
		return "", fmt.Errorf("enter WinSta0: %w", err)
	}
	desktop, err := openWindowObject(user32, "OpenDesktopW", "CloseDesktop", "Default", 0, 0, readAndWriteDACL|1) // and read its objects
	if err != nil {
		return "", err
	}
	defer desktop.close()
	return "", errors.Join(
		allow(station.handle, sid, allOfStation, windows.NO_INHERITANCE),
		allow(station.handle, sid, windows.GENERIC_ALL, windows.SUB_CONTAINERS_AND_OBJECTS_INHERIT|windows.INHERIT_ONLY),
		allow(desktop.handle, sid, allOfDesktop, windows.NO_INHERITANCE),
	)
}

// windowObject is a window station or a desktop.
type windowObject struct {
	handle windows.Handle
	closer *windows.LazyProc
}

func (o windowObject) close() { _, _, _ = o.closer.Call(uintptr(o.handle)) }

func openWindowObject(dll *windows.LazyDLL, open, closer, name string, args ...uintptr) (windowObject, error) {
	text, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return windowObject{}, err
	}
	handle, _, err := dll.NewProc(open).Call(append([]uintptr{uintptr(unsafe.Pointer(text))}, args...)...)
	runtime.KeepAlive(text)
	if handle == 0 {
		return windowObject{}, fmt.Errorf("open %s: %w", name, err)
	}
	return windowObject{windows.Handle(handle), dll.NewProc(closer)}, nil
}

// allow adds an entry to an object's access list.
func allow(object windows.Handle, sid *windows.SID, rights windows.ACCESS_MASK, inheritance uint32) error {
	const dacl = windows.DACL_SECURITY_INFORMATION
	descriptor, err := windows.GetSecurityInfo(object, windows.SE_WINDOW_OBJECT, dacl)
	if err != nil {
		return fmt.Errorf("read the access list: %w", err)
	}
	old, _, err := descriptor.DACL()
	if err != nil {
		return fmt.Errorf("read the access list: %w", err)
	}
	list, err := windows.ACLFromEntries([]windows.EXPLICIT_ACCESS{{
		AccessPermissions: rights, AccessMode: windows.GRANT_ACCESS, Inheritance: inheritance,
		Trustee: windows.TRUSTEE{TrusteeForm: windows.TRUSTEE_IS_SID, TrusteeType: windows.TRUSTEE_IS_USER, TrusteeValue: windows.TrusteeValueFromSID(sid)},
	}}, old)
	runtime.KeepAlive(sid) // the entry has its address as a number
	if err == nil {
		err = windows.SetSecurityInfo(object, windows.SE_WINDOW_OBJECT, dacl, nil, nil, list, nil)
	}
	if err != nil {
		return fmt.Errorf("change the access list: %w", err)
	}
	return nil
}
