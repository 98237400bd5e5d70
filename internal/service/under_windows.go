package service

import (
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// manager is the program that starts services, and nothing else.
const manager = "services.exe"

// Under tells whether this program was started as a Windows service: by the service manager. The
// session is not looked at, as svc.IsWindowsService does: Wine's services are not in session 0.
func Under() bool {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return false
	}
	defer func() { _ = windows.CloseHandle(snapshot) }()
	parent := uint32(os.Getppid()) //nolint:gosec // the system's own number
	var p windows.ProcessEntry32
	p.Size = uint32(unsafe.Sizeof(p))
	for err = windows.Process32First(snapshot, &p); err == nil; err = windows.Process32Next(snapshot, &p) {
		if p.ProcessID == parent {
			return strings.EqualFold(windows.UTF16ToString(p.ExeFile[:]), manager)
		}
	}
	return false
}
