package winuser

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// processes are all of the machine.
type processes struct{}

// processInfo is WTS_PROCESS_INFOW.
type processInfo struct {
	session, pid uint32
	name         *uint16
	user         *windows.SID
}

func (processes) Of(sid string) ([]uint32, error) {
	want, err := windows.StringToSid(sid)
	if err != nil {
		return nil, err
	}
	const version = 1
	var list *processInfo
	var count uint32
	ok, _, err := wtsapi("WTSEnumerateProcessesW").Call(0, 0, version, uintptr(unsafe.Pointer(&list)), uintptr(unsafe.Pointer(&count)))
	if ok == 0 {
		return nil, fmt.Errorf("WTSEnumerateProcesses: %w", err)
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(list)))
	var found []uint32
	for _, p := range unsafe.Slice(list, count) {
		if p.user != nil && p.user.Equals(want) {
			found = append(found, p.pid)
		}
	}
	return found, nil
}

func (processes) Kill(pid uint32, sid string) {
	const access = windows.PROCESS_TERMINATE | windows.PROCESS_QUERY_LIMITED_INFORMATION | windows.SYNCHRONIZE
	process, err := windows.OpenProcess(access, false, pid)
	if err != nil {
		return // it has ended, or is asked again
	}
	defer windows.CloseHandle(process) //nolint:errcheck // nothing to be done
	var token windows.Token
	if windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token) != nil {
		return
	}
	defer token.Close() //nolint:errcheck // nothing to be done
	user, err := token.GetTokenUser()
	if err != nil || user.User.Sid.String() != sid {
		return
	}
	if windows.TerminateProcess(process, 1) == nil {
		const most = time.Second
		_, _ = windows.WaitForSingleObject(process, uint32(most.Milliseconds()))
	}
}
