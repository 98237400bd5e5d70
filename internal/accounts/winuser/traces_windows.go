package winuser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc/mgr"
)

// traces are those on this machine.
type traces struct{}

// Of looks at the files of the scheduler, at the services and at the drives.
func (traces) Of(account Account) ([]Trace, error) {
	machine, err := windows.ComputerName()
	if err != nil {
		return nil, fmt.Errorf("the machine's name: %w", err)
	}
	meant := func(user string) bool { return account.is(user, machine) }
	var found []Trace
	system, err := windows.GetSystemDirectory()
	if err == nil {
		found, err = scheduled(os.DirFS(filepath.Join(system, "Tasks")), meant)
	}
	more, failed := services(meant)
	found = append(found, more...)
	local, unknown := drives()
	return append(found, bins(local, account.SID)...), errors.Join(err, failed, unknown)
}

// drives are the roots of the disks that stay in the machine.
func drives() ([]string, error) {
	set, err := windows.GetLogicalDrives()
	if err != nil {
		return nil, fmt.Errorf("list the drives: %w", err)
	}
	var roots []string
	for i := range 26 {
		root := string(rune('A'+i)) + `:\`
		name, err := windows.UTF16PtrFromString(root)
		if err == nil && set&(1<<i) != 0 && windows.GetDriveType(name) == windows.DRIVE_FIXED {
			roots = append(roots, root)
		}
	}
	return roots, nil
}

// services lists those that run as a user that is meant. Those that the system makes for each logon go with it.
func services(meant func(string) bool) ([]Trace, error) {
	manager, err := mgr.Connect()
	if err != nil {
		return nil, err
	}
	defer manager.Disconnect() //nolint:errcheck // nothing to be done
	names, err := manager.ListServices()
	if err != nil {
		return nil, err
	}
	var found []Trace
	for _, name := range names {
		text, err := windows.UTF16PtrFromString(name)
		if err != nil {
			continue
		}
		handle, err := windows.OpenService(manager.Handle, text, windows.SERVICE_QUERY_CONFIG)
		if err != nil {
			continue // it is gone, or of the system's own that nobody may look at
		}
		kind, user, err := runsAs(handle)
		_ = windows.CloseServiceHandle(handle)
		const ofLogon = 0x40 | 0x80 // SERVICE_USER_SERVICE, SERVICE_USERSERVICE_INSTANCE
		if err == nil && kind&ofLogon == 0 && meant(user) {
			found = append(found, Trace{Service, name})
		}
	}
	return found, nil
}

// runsAs is the type of a service, and as whom it runs.
func runsAs(service windows.Handle) (kind uint32, user string, err error) {
	const most = 8 << 10 // by its documentation
	buf := make([]uint64, most/8)
	config := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&buf[0]))
	var needed uint32
	if err := windows.QueryServiceConfig(service, config, most, &needed); err != nil {
		return 0, "", err
	}
	return config.ServiceType, windows.UTF16PtrToString(config.ServiceStartName), nil
}

// Remove implements Traces.
func (traces) Remove(t Trace) error {
	switch t.Kind {
	case Service:
		return removeService(t.Name)
	case RecycleBin:
		return os.RemoveAll(t.Name) //nolint:wrapcheck // by erase
	default:
		return removeTask(t.Name)
	}
}

// removeService removes one whose processes have been ended.
func removeService(name string) error {
	manager, err := mgr.Connect()
	if err != nil {
		return err
	}
	defer manager.Disconnect() //nolint:errcheck // nothing to be done
	service, err := manager.OpenService(name)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return nil
	}
	if err != nil {
		return err
	}
	defer service.Close() //nolint:errcheck // nothing to be done
	if err := service.Delete(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE) {
		return err //nolint:wrapcheck // by erase
	}
	return nil
}

// removeTask has the scheduler's own program remove a task: the scheduler keeps more than the file.
func removeTask(name string) error {
	const most = time.Minute
	ctx, done := context.WithTimeout(context.Background(), most)
	defer done()
	system, err := windows.GetSystemDirectory()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(system, "schtasks.exe"), "/Delete", "/TN", name, "/F") //nolint:gosec // the system's own
	cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true}
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if _, gone := os.Stat(filepath.Join(system, "Tasks", name)); errors.Is(gone, os.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("schtasks: %w: %s", err, out)
}
