package ntacl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Give gives a folder or file to an account, by its SID. What is below is not touched.
func Give(path, sid string) error {
	descriptor, err := windows.SecurityDescriptorFromString(Descriptor(sid))
	if err != nil {
		return fmt.Errorf("ntacl: %w", err)
	}
	if err := privileged(); err != nil {
		return fmt.Errorf("ntacl: %w", err)
	}
	return give(path, descriptor)
}

// GiveTree gives a folder or file and all that is below to an account. Links are not followed. The top
// comes last. Nobody else may change the tree meanwhile.
func GiveTree(ctx context.Context, path, sid string) error {
	descriptor, err := windows.SecurityDescriptorFromString(Descriptor(sid))
	if err != nil {
		return fmt.Errorf("ntacl: %w", err)
	}
	if err := privileged(); err != nil {
		return fmt.Errorf("ntacl: %w", err)
	}
	err = filepath.WalkDir(path, func(below string, _ fs.DirEntry, err error) error {
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil || below == path {
			return err
		}
		return give(below, descriptor)
	})
	if err != nil {
		return fmt.Errorf("ntacl: give %s to %s: %w", path, sid, err)
	}
	return give(path, descriptor)
}

// give opens a link itself, not what it leads to.
func give(path string, descriptor *windows.SECURITY_DESCRIPTOR) error {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	const (
		access = windows.WRITE_DAC | windows.WRITE_OWNER | windows.READ_CONTROL
		share  = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
		flags  = windows.FILE_FLAG_BACKUP_SEMANTICS | windows.FILE_FLAG_OPEN_REPARSE_POINT // whatever its own list says
		parts  = windows.OWNER_SECURITY_INFORMATION | windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	)
	handle, err := windows.CreateFile(name, access, share, nil, windows.OPEN_EXISTING, flags, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	err = set(handle, parts, descriptor)
	if err != nil {
		err = &fs.PathError{Op: "change the access list of", Path: path, Err: err}
	}
	return errors.Join(err, windows.CloseHandle(handle))
}

// set does not pass anything on to what is below, as the functions for files would: each is visited anyway.
func set(handle windows.Handle, parts windows.SECURITY_INFORMATION, descriptor *windows.SECURITY_DESCRIPTOR) error {
	call := windows.NewLazySystemDLL("advapi32.dll").NewProc("SetKernelObjectSecurity")
	if ok, _, err := call.Call(uintptr(handle), uintptr(parts), uintptr(unsafe.Pointer(descriptor))); ok == 0 {
		return err
	}
	return nil
}

// privileged lets this process open files whatever their lists say, and give them to others.
func privileged() error {
	return Enable("SeBackupPrivilege", "SeRestorePrivilege", "SeTakeOwnershipPrivilege")
}

// Enable enables privileges that this process has.
func Enable(names ...string) error {
	var token windows.Token
	if err := windows.OpenProcessToken(windows.CurrentProcess(), windows.TOKEN_ADJUST_PRIVILEGES|windows.TOKEN_QUERY, &token); err != nil {
		return fmt.Errorf("open the process's token: %w", err)
	}
	defer token.Close() //nolint:errcheck // nothing to be done
	for _, name := range names {
		text, err := windows.UTF16PtrFromString(name)
		if err != nil {
			return err
		}
		change := windows.Tokenprivileges{PrivilegeCount: 1}
		change.Privileges[0].Attributes = windows.SE_PRIVILEGE_ENABLED
		if err := windows.LookupPrivilegeValue(nil, text, &change.Privileges[0].Luid); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := windows.AdjustTokenPrivileges(token, false, &change, 0, nil, nil); err != nil {
			return fmt.Errorf("enable %s: %w", name, err)
		}
	}
	return nil
}

// OnlyUs are the rights of something that is made, a pipe for example: this user and the system's own account may do
// everything, and nobody else anything.
func OnlyUs() (*windows.SecurityAttributes, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("who this program runs as: %w", err)
	}
	descriptor, err := windows.SecurityDescriptorFromString("D:P(A;;FA;;;" + user.User.Sid.String() + ")(A;;FA;;;SY)")
	if err != nil {
		return nil, fmt.Errorf("the rights of this user alone: %w", err)
	}
	a := &windows.SecurityAttributes{SecurityDescriptor: descriptor}
	a.Length = uint32(unsafe.Sizeof(*a))
	return a, nil
}
