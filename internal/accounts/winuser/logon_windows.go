package winuser

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/workerkit/workerkit/internal/ntacl"
	"github.com/workerkit/workerkit/internal/secret"
)

// logons are of this machine.
type logons struct{}

// Logon logs on interactively: such a token is the filtered one of an administrator, from which the
// full one can be had, and it may do what a person at the machine may.
func (logons) Logon(name string, password secret.String, session uint32) (Token, error) {
	const interactive, usual = 2, 0
	var texts [3]*uint16
	for i, text := range []string{name, ".", password.Reveal()} {
		var err error
		if texts[i], err = windows.UTF16PtrFromString(text); err != nil {
			return 0, errors.New("a name or password has a NUL character")
		}
	}
	var token windows.Token
	ok, _, err := advapi("LogonUserW").Call(uintptr(unsafe.Pointer(texts[0])), uintptr(unsafe.Pointer(texts[1])), uintptr(unsafe.Pointer(texts[2])),
		interactive, usual, uintptr(unsafe.Pointer(&token)))
	if ok == 0 {
		return 0, fmt.Errorf("LogonUser: %w", err)
	}
	if session != 0 {
		if err := setSession(token, session); err != nil {
			return 0, errors.Join(err, token.Close())
		}
	}
	return Token(token), nil
}

func (logons) Close(t Token) error { return windows.Token(t).Close() }

// profiles are those of this machine.
type profiles struct{}

// Ready asks the service manager, and has it start the service if it does not run.
func (profiles) Ready() (bool, error) {
	manager, err := mgr.Connect()
	if err != nil {
		return false, err
	}
	defer manager.Disconnect() //nolint:errcheck // nothing to be done
	service, err := manager.OpenService("ProfSvc")
	if err != nil {
		return false, fmt.Errorf("ProfSvc: %w", err)
	}
	defer service.Close() //nolint:errcheck // nothing to be done
	now, err := service.Query()
	if err != nil {
		return false, fmt.Errorf("ProfSvc: %w", err)
	}
	if now.State == svc.Stopped {
		_ = service.Start() // asked again
	}
	return now.State == svc.Running, nil
}

// profileInfo is PROFILEINFOW.
type profileInfo struct {
	size, flags                   uint32
	user, path, byDefault, server *uint16
	policy                        *uint16
	profile                       windows.Handle
}

func (profiles) Load(t Token, name string) (profile uintptr, dir string, err error) {
	const quiet = 1 // PI_NOUI
	info := profileInfo{flags: quiet}
	info.size = uint32(unsafe.Sizeof(info))
	if info.user, err = windows.UTF16PtrFromString(name); err != nil {
		return 0, "", err
	}
	if err := ntacl.Enable("SeBackupPrivilege", "SeRestorePrivilege"); err != nil {
		return 0, "", err
	}
	ok, _, err := userenv("LoadUserProfileW").Call(uintptr(t), uintptr(unsafe.Pointer(&info)))
	if ok == 0 {
		return 0, "", fmt.Errorf("LoadUserProfile: %w", err)
	}
	dir, err = windows.Token(t).GetUserProfileDirectory()
	if err != nil {
		return 0, "", errors.Join(fmt.Errorf("GetUserProfileDirectory: %w", err), profiles{}.Unload(t, uintptr(info.profile)))
	}
	return uintptr(info.profile), dir, nil
}

func (profiles) Unload(t Token, profile uintptr) error {
	if ok, _, err := userenv("UnloadUserProfile").Call(uintptr(t), profile); ok == 0 {
		return fmt.Errorf("UnloadUserProfile: %w", err)
	}
	return nil
}

// Dir reads the list that the system has of profiles.
func (profiles) Dir(sid string) (string, error) {
	const list = `SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\`
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, list+sid, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer key.Close() //nolint:errcheck // it was only read
	text, _, err := key.GetStringValue("ProfileImagePath")
	if err != nil {
		return "", err
	}
	return registry.ExpandString(text) //nolint:wrapcheck // says what failed
}

func (profiles) Delete(sid string) error {
	text, err := windows.UTF16PtrFromString(sid)
	if err != nil {
		return err
	}
	ok, _, err := userenv("DeleteProfileW").Call(uintptr(unsafe.Pointer(text)), 0, 0)
	if ok == 0 && !errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
		return fmt.Errorf("DeleteProfile: %w", err)
	}
	return nil
}
