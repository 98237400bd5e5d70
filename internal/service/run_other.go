//go:build !windows

package service

// Under tells whether this program was started as a Windows service.
func Under() bool { return false }

// Run runs a program as the Windows service as which it was started.
func Run(string, Main) (int, error) { return 0, ErrUnsupported }

// Open connects to the machine's manager of services; close it after use.
func Open() (System, error) { return nil, ErrUnsupported }
