package main

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// openNow opens a file to read it.
func openNow(path string) (*os.File, error) { return os.Open(path) }

// comes tells whether a pipe may still come: its runner has yet to make it, or to wait for somebody.
func comes(err error) bool {
	return errors.Is(err, windows.ERROR_FILE_NOT_FOUND) || errors.Is(err, windows.ERROR_PIPE_BUSY)
}

// openPipe opens a pipe in one direction, os.O_RDONLY or os.O_WRONLY. Whoever has made the pipe may
// find out who this is, and no more: another program's pipe must not get the worker's rights.
func openPipe(name string, direction int) (*os.File, error) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	access := uint32(windows.GENERIC_READ)
	if direction == os.O_WRONLY {
		access = windows.GENERIC_WRITE
	}
	handle, err := windows.CreateFile(path, access, 0, nil, windows.OPEN_EXISTING, windows.SECURITY_SQOS_PRESENT|windows.SECURITY_IDENTIFICATION, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(handle), name), nil
}
