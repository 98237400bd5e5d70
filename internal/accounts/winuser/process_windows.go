package winuser

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/workerkit/workerkit/internal/ntacl"
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
	if ok == 0 { // as where the service for remote desktops is switched off
		found, failed := byToken(want)
		if failed != nil {
			return nil, errors.Join(fmt.Errorf("WTSEnumerateProcesses: %w", err), failed)
		}
		return found, nil
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

// byToken asks each process as whom it runs.
func byToken(want *windows.SID) ([]uint32, error) {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	defer windows.CloseHandle(snapshot) //nolint:errcheck // nothing to be done
	var found []uint32
	entry := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(snapshot, &entry); err == nil; err = windows.Process32Next(snapshot, &entry) {
		process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, entry.ProcessID)
		if err != nil {
			continue // it has ended, or is the system's own
		}
		if runsFor(process, want) {
			found = append(found, entry.ProcessID)
		}
		_ = windows.CloseHandle(process)
	}
	if !errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	return found, nil
}

func runsFor(process windows.Handle, sid *windows.SID) bool {
	var token windows.Token
	if windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token) != nil {
		return false
	}
	defer token.Close() //nolint:errcheck // nothing to be done
	user, err := token.GetTokenUser()
	return err == nil && user.User.Sid.Equals(sid)
}

// Kill ends also a process that has closed itself to the system: that takes a privilege. While it is held
// its number is not another one's, so it is looked up once more.
func (p processes) Kill(pid uint32, sid string) {
	_ = ntacl.Enable("SeDebugPrivilege") // without it most can be ended
	const access = windows.PROCESS_TERMINATE | windows.SYNCHRONIZE
	process, err := windows.OpenProcess(access, false, pid)
	if err != nil {
		return // it has ended, or is asked again
	}
	defer windows.CloseHandle(process) //nolint:errcheck // nothing to be done
	if still, err := p.Of(sid); err != nil || !slices.Contains(still, pid) {
		return
	}
	if windows.TerminateProcess(process, 1) == nil {
		const most = time.Second
		_, _ = windows.WaitForSingleObject(process, uint32(most.Milliseconds()))
	}
}
