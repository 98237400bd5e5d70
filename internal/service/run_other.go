//go:build !windows

package service

import "os"

// Under tells whether this program was started as a Windows service.
func Under() bool { return false }

// Run runs a program as the Windows service as which it was started.
func Run(string, Main) (int, error) { return 0, ErrUnsupported }

// Open connects to the machine's manager of services; close it after use.
func Open() (System, error) { return nil, ErrUnsupported }

// ownerOnly lets nobody but its owner at a file.
func ownerOnly(path string) error { return os.Chmod(path, 0o600) }
