package commands

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"

	"github.com/workerkit/workerkit/internal/ntacl"
)

// newPipe makes a pipe whose reading end has deadlines, and which holds more than the system's usual 4 KiB.
// Only a pipe with a name can be had so; nobody else may open it. The writing end is as programs expect it.
func newPipe() (r, w *os.File, err error) {
	name := `\\.\pipe\workerkit-` + rand.Text()
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, nil, err
	}
	guard, err := ntacl.OnlyUs()
	if err != nil {
		return nil, nil, err
	}
	const direction = windows.PIPE_ACCESS_INBOUND | windows.FILE_FLAG_OVERLAPPED | windows.FILE_FLAG_FIRST_PIPE_INSTANCE
	const kind = windows.PIPE_TYPE_BYTE | windows.PIPE_READMODE_BYTE | windows.PIPE_WAIT | windows.PIPE_REJECT_REMOTE_CLIENTS
	reading, err := windows.CreateNamedPipe(path, direction, kind, 1, 0, pipeSize, 0, guard)
	if err != nil {
		return nil, nil, fmt.Errorf("CreateNamedPipe: %w", err)
	}
	const access = windows.GENERIC_WRITE | windows.FILE_READ_ATTRIBUTES
	writing, err := windows.CreateFile(path, access, 0, nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open the pipe: %w", err), windows.CloseHandle(reading))
	}
	return os.NewFile(uintptr(reading), "|0"), os.NewFile(uintptr(writing), "|1"), nil
}

// over tells whether a pipe that says so is at its end: a write of nothing looks like the end as well.
func over(r *os.File) bool {
	raw, err := r.SyscallConn()
	if err != nil {
		return true
	}
	ended := true
	failed := raw.Control(func(handle uintptr) {
		ok, _, _ := windows.NewLazySystemDLL("kernel32.dll").NewProc("PeekNamedPipe").Call(handle, 0, 0, 0, 0, 0)
		ended = ok == 0
	})
	return ended || failed != nil
}
