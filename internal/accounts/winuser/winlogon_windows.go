package winuser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"github.com/workerkit/workerkit/internal/secret"
)

// Winlogon are the settings of this machine.
func Winlogon() Settings { return winlogon{} }

type winlogon struct{}

func (winlogon) with(do func(registry.Key) error) error {
	const path = `SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon`
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("the settings of Winlogon: %w", err)
	}
	return errors.Join(do(key), key.Close())
}

func (w winlogon) Set(name, value string) error {
	return w.with(func(key registry.Key) error { return key.SetStringValue(name, value) })
}

func (w winlogon) Unset(name string) error {
	return w.with(func(key registry.Key) error {
		if err := key.DeleteValue(name); err != nil && !errors.Is(err, registry.ErrNotExist) {
			return err //nolint:wrapcheck // by AutoLogon
		}
		return nil
	})
}

// lsaObject is LSA_OBJECT_ATTRIBUTES, of which nothing but the size is looked at.
type lsaObject struct {
	length               uint32
	root, name           uintptr
	attributes           uint32
	descriptor, security uintptr
}

// Secret stores the value as private data of the local security authority.
func (winlogon) Secret(name string, value secret.String) error {
	const createSecret = 0x20 // POLICY_CREATE_SECRET
	key, err := windows.NewNTUnicodeString(name)
	if err != nil {
		return err
	}
	data, err := windows.NewNTUnicodeString(value.Reveal())
	if err != nil {
		return errors.New("the secret has a NUL character")
	}
	var object lsaObject
	object.length = uint32(unsafe.Sizeof(object))
	var policy uintptr
	if code, _, _ := advapi("LsaOpenPolicy").Call(0, uintptr(unsafe.Pointer(&object)), createSecret, uintptr(unsafe.Pointer(&policy))); uint32(code) != 0 {
		return fmt.Errorf("LsaOpenPolicy: %w", windows.NTStatus(uint32(code)))
	}
	defer advapi("LsaClose").Call(policy) //nolint:errcheck // nothing to be done
	if code, _, _ := advapi("LsaStorePrivateData").Call(policy, uintptr(unsafe.Pointer(key)), uintptr(unsafe.Pointer(data))); uint32(code) != 0 {
		return fmt.Errorf("LsaStorePrivateData: %w", windows.NTStatus(uint32(code)))
	}
	return nil
}

// noSession is what the system says for none.
const noSession = 0xffffffff

// console is the token of who is logged in at the machine's screen, 0 for nobody, and the session.
func console() (windows.Token, uint32, error) {
	session := windows.WTSGetActiveConsoleSessionId()
	if session == noSession {
		return 0, 0, nil
	}
	var token windows.Token
	err := windows.WTSQueryUserToken(session, &token)
	if errors.Is(err, windows.ERROR_NO_TOKEN) || errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("WTSQueryUserToken: %w", err)
	}
	return token, session, nil
}

// Session is the name of who is logged in at the machine's screen; "" is nobody.
func Session(context.Context) (string, error) {
	token, _, err := console()
	if err != nil || token == 0 {
		return "", err
	}
	defer token.Close() //nolint:errcheck // nothing to be done
	user, err := token.GetTokenUser()
	if err != nil {
		return "", fmt.Errorf("who is logged in: %w", err)
	}
	name, _, _, err := user.User.Sid.LookupAccount("")
	if err != nil {
		return "", fmt.Errorf("who is logged in: %w", err)
	}
	return name, nil
}

// ErrNoSession means that nobody is logged in at the machine's screen.
var ErrNoSession = errors.New("nobody is logged in at the machine's screen")

// EnterConsole is Enter with the session at the machine's screen.
func (a *Accounts) EnterConsole(account *Account) error {
	token, session, err := console()
	if err == nil && token == 0 {
		err = ErrNoSession
	}
	if err != nil {
		return fmt.Errorf("winuser: %w", err)
	}
	if account.Home, err = token.GetUserProfileDirectory(); err != nil {
		return errors.Join(fmt.Errorf("winuser: the profile of %s: %w", account.Name, err), token.Close())
	}
	a.Enter(account, Token(token), session)
	return nil
}

// Machine tells of tokens as this machine does.
func Machine() Rights { return rights{} }

type rights struct{}

func (rights) UAC() (bool, error) {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System`, registry.QUERY_VALUE)
	if err != nil {
		return false, fmt.Errorf("whether UAC is on: %w", err)
	}
	defer key.Close() //nolint:errcheck // it was only read
	on, _, err := key.GetIntegerValue("EnableLUA")
	if err != nil && !errors.Is(err, registry.ErrNotExist) {
		return false, fmt.Errorf("whether UAC is on: %w", err)
	}
	return on != 0, nil
}

func (rights) Kind(t Token) (int, error) {
	var kind, size uint32
	err := windows.GetTokenInformation(windows.Token(t), windows.TokenElevationType, (*byte)(unsafe.Pointer(&kind)), uint32(unsafe.Sizeof(kind)), &size)
	if err != nil {
		return 0, fmt.Errorf("the kind of a token: %w", err)
	}
	return int(kind), nil
}

// Full keeps the session: the linked token of a logon that was moved to one is not there itself.
func (rights) Full(t Token) (Token, error) {
	linked, err := windows.Token(t).GetLinkedToken()
	if err != nil {
		return 0, err
	}
	defer linked.Close() //nolint:errcheck // nothing to be done
	var primary windows.Token
	err = windows.DuplicateTokenEx(linked, windows.MAXIMUM_ALLOWED, nil, windows.SecurityImpersonation, windows.TokenPrimary, &primary)
	if err != nil {
		return 0, fmt.Errorf("DuplicateTokenEx: %w", err)
	}
	if err := sameSession(primary, windows.Token(t)); err != nil {
		return 0, errors.Join(err, primary.Close())
	}
	return Token(primary), nil
}

// sameSession moves a token to the session of another one.
func sameSession(t, other windows.Token) error {
	var is, wanted uint32
	for token, session := range map[windows.Token]*uint32{t: &is, other: &wanted} {
		var size uint32
		if err := windows.GetTokenInformation(token, windows.TokenSessionId, (*byte)(unsafe.Pointer(session)), uint32(unsafe.Sizeof(is)), &size); err != nil {
			return fmt.Errorf("the session of a token: %w", err)
		}
	}
	if is == wanted {
		return nil
	}
	return setSession(t, wanted)
}

// setSession moves a token to a session, which only the system may do.
func setSession(t windows.Token, session uint32) error {
	err := windows.SetTokenInformation(t, windows.TokenSessionId, (*byte)(unsafe.Pointer(&session)), uint32(unsafe.Sizeof(session)))
	if err != nil {
		return fmt.Errorf("move a logon to session %d: %w", session, err)
	}
	return nil
}

// Environment is what an account has after a logon, and nothing of this process's.
func Environment(t Token) ([]string, error) {
	env, err := windows.Token(t).Environ(false)
	if err != nil {
		return nil, fmt.Errorf("winuser: CreateEnvironmentBlock: %w", err)
	}
	return env, nil
}

// ProfilesDir is the folder of all profiles.
func ProfilesDir() (string, error) {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList`, registry.QUERY_VALUE)
	if err != nil {
		return "", fmt.Errorf("winuser: the folder of profiles: %w", err)
	}
	defer key.Close() //nolint:errcheck // it was only read
	dir, _, err := key.GetStringValue("ProfilesDirectory")
	if err == nil {
		dir, err = registry.ExpandString(dir)
	}
	if err != nil {
		return "", fmt.Errorf("winuser: the folder of profiles: %w", err)
	}
	return dir, nil
}

// Redirect has the system, too, look for an account's application data in another folder, which the account
// owns.
func Redirect(t Token, appData string) error {
	const dontUnexpand = 0x2000 // KF_FLAG_DONT_UNEXPAND
	set := windows.NewLazySystemDLL("shell32.dll").NewProc("SHSetKnownFolderPath")
	for dir, id := range map[string]*windows.KNOWNFOLDERID{`\Roaming`: windows.FOLDERID_RoamingAppData, `\Local`: windows.FOLDERID_LocalAppData} {
		path, err := windows.UTF16PtrFromString(appData + dir)
		if err != nil {
			return err
		}
		if code, _, _ := set.Call(uintptr(unsafe.Pointer(id)), dontUnexpand, uintptr(t), uintptr(unsafe.Pointer(path))); uint32(code) != 0 {
			return fmt.Errorf("winuser: SHSetKnownFolderPath %s: %w", appData+dir, windows.Errno(uint32(code)))
		}
	}
	return nil
}

// MakeAppData makes the folders that programs expect to be there.
func MakeAppData(appData string) error {
	const usual = 0o755 // the access list is inherited
	for _, dir := range []string{`\Roaming`, `\Local\Temp`, `\LocalLow`} {
		if err := os.MkdirAll(appData+dir, usual); err != nil {
			return fmt.Errorf("winuser: %w", err)
		}
	}
	return nil
}
