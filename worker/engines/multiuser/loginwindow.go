package multiuser

import (
	"context"
	"fmt"
	"os/user"

	"github.com/workerkit/workerkit/internal/accounts"
	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/internal/secret"
)

// LoginWindow is the login manager of macOS.
type LoginWindow struct {
	// Run runs the system's tools.
	Run accounts.Runner
	// PasswordFile is where the system looks for the password: /etc/kcpassword.
	PasswordFile string
	// Console is the user id of whoever has the session at the screen, for which the login window is root.
	Console func() (uid string, err error)
}

// AutoLogin has the system log an account in when the machine boots. It does not do so where the disk
// is encrypted (FileVault).
func (w LoginWindow) AutoLogin(ctx context.Context, account accounts.Account) error {
	err := private.Write(w.PasswordFile, obscured(account.Password))
	if err == nil {
		_, err = w.Run.Run(ctx, "", "defaults", "write", "/Library/Preferences/com.apple.loginwindow", "autoLoginUser", account.Name)
	}
	if err != nil {
		return fmt.Errorf("log %s in at the next boot: %w", account.Name, err)
	}
	return nil
}

// obscured is a password as the login window wants it: each byte is combined with one of a key that is
// publicly known and protects from nothing, and zeros behind it make the length a multiple of twelve.
func obscured(password secret.String) []byte {
	key := [...]byte{0x7d, 0x89, 0x52, 0x23, 0xd2, 0xbc, 0xdd, 0xea, 0xa3, 0xb9, 0x1f}
	const block = 12
	text := []byte(password.Reveal())
	text = append(text, make([]byte, block-len(text)%block)...) // at least one zero, where the reader stops
	for i := range text {
		text[i] ^= key[i%len(key)]
	}
	return text
}

// Session is whose session is at the machine's screen; "" is nobody's.
func (w LoginWindow) Session(context.Context) (string, error) {
	id, err := w.Console()
	if err != nil {
		return "", fmt.Errorf("who is logged in: %w", err)
	}
	const root = "0"
	if id == root {
		return "", nil
	}
	who, err := user.LookupId(id)
	if err != nil {
		return "", fmt.Errorf("who is logged in: %w", err)
	}
	return who.Username, nil
}
