package winuser

import (
	"errors"
	"fmt"
	"slices"

	"github.com/workerkit/workerkit/internal/secret"
)

// Settings are what the system's logon looks at when it boots.
type Settings interface {
	Set(name, value string) error
	Unset(name string) error // one that is not there is no error
	// Secret keeps a value where only the system can read it.
	Secret(name string, value secret.String) error
}

// AutoLogon has the machine log an account in when it boots. The password is kept as a secret of the
// system, not among the settings, which everybody can read; one that is there is taken away. The switch
// comes last, so that what fails leaves the logon of before or none.
func AutoLogon(s Settings, name string, password secret.String) error {
	steps := []func() error{
		func() error { return s.Set("AutoAdminLogon", "0") },
		func() error { return s.Unset("DefaultPassword") },
		func() error { return s.Secret("DefaultPassword", password) },
		func() error { return s.Unset("AutoLogonCount") }, // which would end it after some boots
		func() error { return s.Set("DefaultDomainName", ".") },
		func() error { return s.Set("DefaultUserName", name) },
		func() error { return s.Set("AutoAdminLogon", "1") },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("winuser: log %s on at the next boot: %w", name, err)
		}
	}
	return nil
}

// Kinds of tokens, as Windows numbers them.
const (
	kindOnly    = 1 // the user has one token: it is no administrator, or the machine makes no difference
	kindFull    = 2
	kindLimited = 3
)

var (
	// ErrNoUAC means that the machine makes no difference between an administrator's tokens.
	ErrNoUAC = errors.New("user account control (UAC) is off on this machine")
	// ErrNoAdministrator means that an account has no further rights.
	ErrNoAdministrator = errors.New("the task's user is no administrator")
)

// Rights tells of tokens.
type Rights interface {
	UAC() (bool, error)
	Kind(t Token) (int, error)
	// Full makes the token that is linked to a limited one.
	Full(t Token) (Token, error)
}

// Elevate has the account use the token with all its rights as an administrator.
func (a *Accounts) Elevate(r Rights, account *Account) error {
	on, err := r.UAC()
	if err != nil {
		return fmt.Errorf("winuser: %w", err)
	}
	if !on {
		return ErrNoUAC
	}
	kind, err := r.Kind(account.Token)
	switch {
	case err != nil:
		return fmt.Errorf("winuser: %w", err)
	case kind == kindFull:
		return nil
	case kind != kindLimited:
		return ErrNoAdministrator
	}
	full, err := r.Full(account.Token)
	if err != nil {
		return fmt.Errorf("winuser: the full token of %s: %w", account.Name, err)
	}
	a.Take(account, full)
	return nil
}

// redirected are the variables that lead to an account's application data, by where they lead below AppData.
func redirected(appData string) []string {
	return []string{
		"APPDATA=" + appData + `\Roaming`, "LOCALAPPDATA=" + appData + `\Local`,
		"TEMP=" + appData + `\Local\Temp`, "TMP=" + appData + `\Local\Temp`,
	}
}

// Redirected is the environment env with application data and temporary files below appData.
func Redirected(env []string, appData string) []string {
	return append(slices.Clone(env), redirected(appData)...)
}
