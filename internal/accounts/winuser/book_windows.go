package winuser

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/workerkit/workerkit/internal/secret"
)

// Error numbers of the functions for accounts, and of those for the groups of one machine.
const (
	errUserNotFound  = 2221
	errGroupNotFound = 2220
	errNoSuchAlias   = 1376
	errMemberInAlias = 1378
)

// book has the accounts in the machine's own database.
type book struct{}

// userInfo1 is USER_INFO_1.
type userInfo1 struct {
	name, password *uint16
	passwordAge    uint32
	privilege      uint32
	home, comment  *uint16
	flags          uint32
	script         *uint16
}

func (book) Add(name string, password secret.String, comment string) error {
	const (
		user          = 1                     // USER_PRIV_USER
		flags         = 0x1 | 0x200 | 0x10000 // UF_SCRIPT, UF_NORMAL_ACCOUNT, UF_DONT_EXPIRE_PASSWD
		level uintptr = 1
	)
	info := userInfo1{privilege: user, flags: flags}
	var err error
	if info.name, err = windows.UTF16PtrFromString(name); err == nil {
		info.comment, err = windows.UTF16PtrFromString(comment)
	}
	if err == nil {
		info.password, err = windows.UTF16PtrFromString(password.Reveal())
	}
	if err != nil {
		return errors.New("a name, password or comment has a NUL character")
	}
	code, _, _ := netapi("NetUserAdd").Call(0, level, uintptr(unsafe.Pointer(&info)), 0)
	return status(code, "NetUserAdd")
}

func (book) Remove(name string) error {
	text, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return err
	}
	code, _, _ := netapi("NetUserDel").Call(0, uintptr(unsafe.Pointer(text)))
	if code == errUserNotFound {
		return ErrNoAccount
	}
	return status(code, "NetUserDel")
}

func (book) List() ([]Entry, error) {
	const (
		level  = 10
		normal = 2 // FILTER_NORMAL_ACCOUNT
	)
	var list []Entry
	var resume uint32
	for {
		var buf *byte
		var read, total uint32
		err := windows.NetUserEnum(nil, level, normal, &buf, ^uint32(0), &read, &total, &resume)
		if err != nil && !errors.Is(err, windows.ERROR_MORE_DATA) {
			return nil, fmt.Errorf("NetUserEnum: %w", err)
		}
		if buf != nil {
			for _, info := range unsafe.Slice((*windows.UserInfo10)(unsafe.Pointer(buf)), read) {
				list = append(list, Entry{windows.UTF16PtrToString(info.Name), windows.UTF16PtrToString(info.Comment)})
			}
			_ = windows.NetApiBufferFree(buf) // what was read is there
		}
		if err == nil {
			return list, nil
		}
	}
}

// SID looks for an account of this machine alone, not of its domain.
func (book) SID(name string) (string, error) {
	machine, err := windows.ComputerName()
	if err != nil {
		return "", err
	}
	sid, _, kind, err := windows.LookupSID("", machine+`\`+name)
	if errors.Is(err, windows.ERROR_NONE_MAPPED) || err == nil && kind != windows.SidTypeUser {
		return "", ErrNoAccount
	}
	if err != nil {
		return "", fmt.Errorf("LookupAccountName: %w", err)
	}
	return sid.String(), nil
}

func (book) Join(group, sid string) error {
	if known, err := windows.StringToSid(group); err == nil {
		if group, _, _, err = known.LookupAccount(""); err != nil {
			return fmt.Errorf("%w: %w", ErrNoGroup, err)
		}
	}
	name, err := windows.UTF16PtrFromString(group)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoGroup, err)
	}
	member, err := windows.StringToSid(sid)
	if err != nil {
		return err
	}
	code, _, _ := netapi("NetLocalGroupAddMembers").Call(0, uintptr(unsafe.Pointer(name)), 0, uintptr(unsafe.Pointer(&member)), 1)
	switch code {
	case errMemberInAlias:
		return nil
	case errGroupNotFound, errNoSuchAlias:
		return ErrNoGroup
	}
	return status(code, "NetLocalGroupAddMembers")
}
