package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/workerkit/workerkit/internal/ntacl"
)

// Trusted tells whether the owner of what is at path, which may be a link, is who runs this program,
// the system or the administrators.
func Trusted(path string) (bool, error) {
	me, err := self()
	if err != nil {
		return false, err
	}
	handle, err := itself(path, windows.READ_CONTROL)
	if err != nil {
		return false, err
	}
	defer windows.CloseHandle(handle) //nolint:errcheck // it was only looked at
	have, err := windows.GetSecurityInfo(handle, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return false, &fs.PathError{Op: "look at the owner of", Path: path, Err: err}
	}
	return me.trusts(ownerOf(have)), nil
}

// itself opens a folder, file or link. With rights to its content nobody can rename or remove it
// until it is closed.
func itself(path string, rights uint32) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE
	const flags = windows.FILE_FLAG_BACKUP_SEMANTICS | windows.FILE_FLAG_OPEN_REPARSE_POINT
	handle, err := windows.CreateFile(name, rights, share, nil, windows.OPEN_EXISTING, flags, 0)
	if err != nil {
		return 0, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return handle, nil
}

// closed makes a folder with its access list in place from the first moment, or gives it to one that
// is there.
func closed(path string) error {
	me, err := self()
	if err != nil {
		return err
	}
	attributes, err := security("O:" + me.owner() + ntacl.List(me.sid))
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(path)
	if err == nil {
		err = windows.CreateDirectory(name, attributes)
	}
	if err == nil {
		return nil
	}
	if _, missing := os.Lstat(path); missing == nil { // the error may be that nothing may be made beside it
		return me.close(path)
	}
	return &fs.PathError{Op: "mkdir", Path: path, Err: err}
}

// close closes a folder that is there, and what inherits its access list. It holds the folder
// meanwhile, so that nothing else can take its place.
func (c caller) close(path string) error {
	_ = ntacl.Enable("SeBackupPrivilege", "SeRestorePrivilege", "SeTakeOwnershipPrivilege") // it may do without
	handle, err := itself(path, windows.FILE_LIST_DIRECTORY|windows.READ_CONTROL)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(handle) //nolint:errcheck // it was only looked at
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(handle, &info); err != nil {
		return &fs.PathError{Op: "look at", Path: path, Err: err}
	}
	switch {
	case info.FileAttributes&windows.FILE_ATTRIBUTE_REPARSE_POINT != 0:
		return follow(path)
	case info.FileAttributes&windows.FILE_ATTRIBUTE_DIRECTORY == 0:
		return &fs.PathError{Op: "mkdir", Path: path, Err: windows.ERROR_DIRECTORY}
	}
	have, err := windows.GetSecurityInfo(handle, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return &fs.PathError{Op: "look at the access list of", Path: path, Err: err}
	}
	change := c.closer(have)
	if change == "" {
		return nil
	}
	err = reach(path, change)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) && c.trusts(ownerOf(have)) {
		return nil // they made it for us, and others
	}
	if err != nil {
		return fmt.Errorf("%w: others have access to %s, and that cannot be changed: %w", ErrExposed, path, err)
	}
	return nil
}

// follow closes the folder that a link or a junction leads to, such as one on a larger disk, when who made it is
// trusted.
func follow(path string) error {
	if trusted, err := Trusted(path); err != nil || !trusted {
		return errors.Join(fmt.Errorf("%s: it is %w that somebody else has made: name the folder itself", path, ErrSymlink), err)
	}
	to, err := os.Readlink(path)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(to) {
		to = filepath.Join(filepath.Dir(path), to)
	}
	if info, err := os.Lstat(to); err == nil && info.Mode()&(fs.ModeSymlink|fs.ModeIrregular) != 0 {
		return fmt.Errorf("%s: it leads to %w, %s: name the folder itself", path, ErrSymlink, to)
	}
	return closed(to)
}

// reach changes a folder's owner, when the change has one, and then its list, which its owner may;
// the system passes the list on to what is below.
func reach(path, change string) error {
	owner, dacl, err := parts(change)
	if err != nil {
		return err
	}
	if owner != nil {
		if err := windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION, owner, nil, nil, nil); err != nil {
			return os.NewSyscallError("SetNamedSecurityInfo", err)
		}
	}
	const list = windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	return os.NewSyscallError("SetNamedSecurityInfo", windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, list, nil, nil, dacl, nil))
}

// parts are a change's owner, nil when it has none, and list.
func parts(change string) (owner *windows.SID, dacl *windows.ACL, err error) {
	want, err := windows.SecurityDescriptorFromString(change)
	if err == nil {
		owner, _, err = want.Owner()
	}
	if err == nil {
		dacl, _, err = want.DACL()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("make an access list: %w", err)
	}
	return owner, dacl, nil
}

// security is for what is made.
func security(descriptor string) (*windows.SecurityAttributes, error) {
	sd, err := windows.SecurityDescriptorFromString(descriptor)
	if err != nil {
		return nil, fmt.Errorf("make an access list: %w", err)
	}
	attributes := &windows.SecurityAttributes{SecurityDescriptor: sd}
	attributes.Length = uint32(unsafe.Sizeof(*attributes))
	return attributes, nil
}
