package resourcemonitor

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// status is MEMORYSTATUSEX.
type status struct {
	length, load                                             uint32
	totalPhys, availPhys, totalPageFile, availPageFile       uint64
	totalVirtual, availVirtual, availExtendedVirtualReserved uint64
}

// readMemory asks the system.
func readMemory() (memory, error) {
	s := status{}
	s.length = uint32(unsafe.Sizeof(s))
	global := windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")
	if ok, _, err := global.Call(uintptr(unsafe.Pointer(&s))); ok == 0 {
		return memory{}, fmt.Errorf("resourcemonitor: %w", err)
	}
	return memory{total: s.totalPhys, available: s.availPhys}, nil
}
