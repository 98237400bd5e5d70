package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/windows"
)

func open(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode()&(fs.ModeSymlink|fs.ModeIrregular) != 0 {
		return nil, fmt.Errorf("%s: it is %w: name the file itself", path, ErrSymlink)
	}
	// WRITE_DAC and WRITE_OWNER are needed to tighten the file; without them we can still look.
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	const flags = windows.FILE_ATTRIBUTE_NORMAL | windows.FILE_FLAG_OPEN_REPARSE_POINT
	for _, rights := range []uint32{windows.GENERIC_READ | windows.WRITE_DAC | windows.WRITE_OWNER, windows.GENERIC_READ} {
		var handle windows.Handle
		handle, err = windows.CreateFile(name, rights, share, nil, windows.OPEN_EXISTING, flags, 0)
		if err == nil {
			return os.NewFile(uintptr(handle), path), nil
		}
	}
	return nil, unopened(path, err)
}

// unopened says what to do about a file that is somebody else's alone.
func unopened(path string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		if me, failed := self(); failed == nil {
			return fmt.Errorf("%s: %w: where it is the file of one user, %s", path, err, me.advice(path))
		}
	}
	return fmt.Errorf("%s: %w", path, err)
}

func tighten(file *os.File, _ fs.FileInfo) (string, error) {
	me, err := self()
	if err != nil {
		return "", err
	}
	const what = windows.OWNER_SECURITY_INFORMATION | windows.GROUP_SECURITY_INFORMATION | windows.DACL_SECURITY_INFORMATION
	handle := windows.Handle(file.Fd())
	have, err := windows.GetSecurityInfo(handle, windows.SE_FILE_OBJECT, what)
	if err != nil {
		return "", fmt.Errorf("look at its access list: %w", err)
	}
	change, err := me.tighter(have)
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, me.advice(file.Name()))
	}
	if change == "" {
		return "", nil
	}
	if err := apply(handle, change); err != nil {
		return "", fmt.Errorf("%w: others have access and that cannot be changed: %w", ErrExposed, err)
	}
	return file.Name() + " gave others access; it is its owner's alone now", nil
}

// apply changes a file's list and group, and its owner when the change has one.
func apply(handle windows.Handle, change string) error {
	owner, dacl, err := parts(change)
	if err != nil {
		return err
	}
	nobody, err := windows.StringToSid("S-1-0-0")
	if err != nil {
		return fmt.Errorf("make an access list: %w", err)
	}
	var what windows.SECURITY_INFORMATION = windows.GROUP_SECURITY_INFORMATION | windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	if owner != nil {
		what |= windows.OWNER_SECURITY_INFORMATION
	}
	return os.NewSyscallError("SetSecurityInfo", windows.SetSecurityInfo(handle, windows.SE_FILE_OBJECT, what, owner, nobody, dacl, nil))
}

// create makes a new file with the access list in place from the first moment.
func create(dir, base string) (*os.File, error) {
	me, err := self()
	if err != nil {
		return nil, err
	}
	attributes, err := security("O:" + me.owner() + ownerOnly)
	if err != nil {
		return nil, err
	}
	for i := range 1000 {
		path := filepath.Join(dir, "."+base+"."+strconv.Itoa(os.Getpid())+"-"+strconv.Itoa(i))
		name, err := windows.UTF16PtrFromString(path)
		if err != nil {
			return nil, err
		}
		handle, err := windows.CreateFile(name, windows.GENERIC_WRITE, 0, attributes, windows.CREATE_NEW, windows.FILE_ATTRIBUTE_NORMAL, 0)
		switch {
		case err == nil:
			return os.NewFile(uintptr(handle), path), nil
		case !errors.Is(err, windows.ERROR_FILE_EXISTS):
			return nil, os.NewSyscallError("CreateFile", err)
		}
	}
	return nil, errors.New("too many files are left over beside it")
}

// syncDir does nothing: Windows keeps the names of files itself.
func syncDir(string) error { return nil }
