package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// access is the public programs' form of an owner-only file: full access for the owner,
// nothing inherited.
const access = "D:PAI(A;;FA;;;OW)"

const (
	ownerRights = "S-1-3-4"  // OW in that form: whoever owns the file
	system      = "S-1-5-18" // Windows itself, from which no list keeps anything
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
	return nil, fmt.Errorf("%s: %w", path, err)
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
	owner, _, err := have.Owner()
	if err != nil || owner == nil || !owner.Equals(me) {
		return "", fmt.Errorf("%w: it does not belong to the user that runs this program: make that user its owner", ErrExposed)
	}
	if strings.HasSuffix(have.String(), access) || onlyFor(have, owner) {
		return "", nil
	}
	want, err := windows.SecurityDescriptorFromString(access)
	if err != nil {
		return "", fmt.Errorf("make an access list: %w", err)
	}
	dacl, _, err := want.DACL()
	if err != nil {
		return "", fmt.Errorf("make an access list: %w", err)
	}
	nobody, err := windows.StringToSid("S-1-0-0")
	if err != nil {
		return "", fmt.Errorf("make an access list: %w", err)
	}
	const change = windows.GROUP_SECURITY_INFORMATION | windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	if err := windows.SetSecurityInfo(handle, windows.SE_FILE_OBJECT, change, nil, nobody, dacl, nil); err != nil {
		return "", fmt.Errorf("%w: others have access and that cannot be changed: %w", ErrExposed, err)
	}
	return file.Name() + " gave others access; it is its owner's alone now", nil
}

// onlyFor tells whether the access list, in other words than ours, lets the owner in and nobody else.
func onlyFor(have *windows.SECURITY_DESCRIPTOR, owner *windows.SID) bool {
	dacl, _, err := have.DACL()
	if err != nil || dacl == nil { // no list at all lets everybody in
		return false
	}
	for i := range uint32(dacl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(dacl, i, &ace); err != nil {
			return false
		}
		if ace.Header.AceType == windows.ACCESS_DENIED_ACE_TYPE {
			continue
		}
		sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart))
		if ace.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE {
			return false
		}
		if name := sid.String(); !sid.Equals(owner) && name != ownerRights && name != system {
			return false
		}
	}
	return true
}

// self is the SID of the user that runs this program.
func self() (*windows.SID, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("find the current user: %w", err)
	}
	return user.User.Sid, nil
}

// create makes a new file with the access list in place from the first moment.
func create(dir, base string) (*os.File, error) {
	me, err := self()
	if err != nil {
		return nil, err
	}
	sd, err := windows.SecurityDescriptorFromString("O:" + me.String() + "G:S-1-0-0" + access)
	if err != nil {
		return nil, fmt.Errorf("make an access list: %w", err)
	}
	sa := &windows.SecurityAttributes{SecurityDescriptor: sd}
	sa.Length = uint32(unsafe.Sizeof(*sa))
	for i := range 1000 {
		path := filepath.Join(dir, "."+base+"."+strconv.Itoa(os.Getpid())+"-"+strconv.Itoa(i))
		name, err := windows.UTF16PtrFromString(path)
		if err != nil {
			return nil, err
		}
		handle, err := windows.CreateFile(name, windows.GENERIC_WRITE, 0, sa, windows.CREATE_NEW, windows.FILE_ATTRIBUTE_NORMAL, 0)
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
