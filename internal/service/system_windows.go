package service

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"
)

// system implements System.
type system struct{ mgr *mgr.Mgr }

// Open connects to the machine's manager of services; close it after use.
func Open() (System, error) {
	m, err := mgr.Connect()
	if err != nil {
		return nil, fmt.Errorf("connect to the service manager: %w", known(err))
	}
	return &system{m}, nil
}

// Close implements System: it closes the connection.
func (s *system) Close() error { return s.mgr.Disconnect() }

// known gives the errors that callers look for their names.
func known(err error) error {
	switch {
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return ErrPrivileges
	case errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST):
		return ErrNotInstalled
	case errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING):
		return ErrRunning
	case errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE), errors.Is(err, windows.ERROR_SERVICE_CANNOT_ACCEPT_CTRL):
		return ErrNotRunning
	case errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE):
		return errors.New("it is being removed, and goes when the last program that looks at it, for example the Services window, is closed")
	default:
		return err
	}
}

// with opens a service for do.
func (s *system) with(name string, do func(*mgr.Service) error) error {
	opened, err := s.mgr.OpenService(name)
	if err != nil {
		return known(err)
	}
	defer opened.Close()
	return known(do(opened))
}

// Find implements Manager.
func (s *system) Find(name string) (d Definition, err error) {
	err = s.with(name, func(opened *mgr.Service) error {
		d, err = definition(name, opened.Handle)
		return err
	})
	return d, err
}

// definition asks for less than mgr's Service.Config, part of which Wine does not know.
func definition(name string, handle windows.Handle) (Definition, error) {
	var size uint32
	err := windows.QueryServiceConfig(handle, nil, 0, &size)
	if !errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) {
		return Definition{}, fmt.Errorf("its configuration: %w", err)
	}
	buffer := make([]uint64, size/8+1) // of words, for the structure in it is aligned
	c := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&buffer[0]))
	if err := windows.QueryServiceConfig(handle, c, size, &size); err != nil {
		return Definition{}, fmt.Errorf("its configuration: %w", err)
	}
	line := windows.UTF16PtrToString(c.BinaryPathName)
	argv, err := windows.DecomposeCommandLine(line)
	if err != nil || len(argv) == 0 {
		argv = []string{line}
	}
	return Definition{
		Name: name, DisplayName: windows.UTF16PtrToString(c.DisplayName), Program: argv[0], Args: argv[1:],
		AtBoot: c.StartType == mgr.StartAutomatic,
	}, nil
}

// Create implements Manager.
func (s *system) Create(d Definition) error {
	start := uint32(mgr.StartManual)
	if d.AtBoot {
		start = mgr.StartAutomatic
	}
	made, err := s.mgr.CreateService(d.Name, d.Program, mgr.Config{
		DisplayName: d.DisplayName, Description: d.Description, StartType: start,
		ErrorControl: mgr.ErrorNormal, Dependencies: d.DependsOn,
	}, d.Args...)
	if err != nil {
		return known(err)
	}
	return made.Close()
}

// preShutdownInfo is SERVICE_PRESHUTDOWN_INFO.
type preShutdownInfo struct{ milliseconds uint32 }

const configPreShutdown = 7 // SERVICE_CONFIG_PRESHUTDOWN_INFO

// Configure implements Manager.
func (s *system) Configure(d Definition) error {
	return s.with(d.Name, func(opened *mgr.Service) error {
		actions := []mgr.RecoveryAction{{Type: mgr.NoAction}}
		if d.Restarts != nil {
			actions = nil
			for _, wait := range d.Restarts {
				actions = append(actions, mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: wait})
			}
			actions = append(actions, mgr.RecoveryAction{Type: mgr.NoAction}) // the last is repeated
		}
		if err := opened.SetRecoveryActions(actions, uint32(d.ResetAfter.Seconds())); err != nil {
			return fmt.Errorf("set what follows a crash: %w", err)
		}
		info := preShutdownInfo{uint32(d.PreShutdown.Milliseconds())} //nolint:gosec // some minutes
		if err := windows.ChangeServiceConfig2(opened.Handle, configPreShutdown, (*byte)(unsafe.Pointer(&info))); err != nil {
			return fmt.Errorf("set how long a shutdown waits: %w", err)
		}
		return nil
	})
}

// Delete implements Manager.
func (s *system) Delete(name string) error { return s.with(name, (*mgr.Service).Delete) }

// Start implements Controller.
func (s *system) Start(name string) error {
	return s.with(name, func(opened *mgr.Service) error { return opened.Start() })
}

// Stop implements Controller.
func (s *system) Stop(name string) error {
	return s.with(name, func(opened *mgr.Service) error {
		_, err := opened.Control(svc.Stop)
		return err
	})
}

// Status implements Controller.
func (s *system) Status(name string) (status Status, err error) {
	err = s.with(name, func(opened *mgr.Service) error {
		q, err := opened.Query()
		status = Status{State: State(q.State), PID: int(q.ProcessId), Win32: q.Win32ExitCode, Specific: q.ServiceSpecificExitCode}
		return err
	})
	return status, err
}

// Register implements Sources.
func (*system) Register(name string) error {
	err := eventlog.InstallAsEventCreate(name, eventlog.Error|eventlog.Warning|eventlog.Info)
	if err != nil && strings.Contains(err.Error(), "already exists") { // it has no name
		return nil
	}
	if err != nil {
		return fmt.Errorf("register it in the event log: %w", known(err))
	}
	return nil
}

// Remove implements Sources.
func (*system) Remove(name string) error {
	if err := eventlog.Remove(name); err != nil && !errors.Is(err, registry.ErrNotExist) {
		return known(err)
	}
	return nil
}
