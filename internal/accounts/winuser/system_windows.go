package winuser

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// New makes the accounts of this machine. The process must be LocalSystem's for all of it.
func New(logger *slog.Logger) *Accounts {
	return NewWith(System{Book: book{}, Logons: logons{}, Profiles: profiles{}, Processes: processes{}, Grant: grant}, logger)
}

// The functions that package windows does not have.
func netapi(name string) *windows.LazyProc {
	return windows.NewLazySystemDLL("netapi32.dll").NewProc(name)
}
func userenv(name string) *windows.LazyProc {
	return windows.NewLazySystemDLL("userenv.dll").NewProc(name)
}
func advapi(name string) *windows.LazyProc {
	return windows.NewLazySystemDLL("advapi32.dll").NewProc(name)
}
func wtsapi(name string) *windows.LazyProc {
	return windows.NewLazySystemDLL("wtsapi32.dll").NewProc(name)
}

// status is an error number that a function returns, as those of the network do.
func status(code uintptr, what string, args ...any) error {
	if code == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(what, args...), syscall.Errno(code))
}

// grantTime bounds the program that grants.
const grantTime = time.Minute

// grant lets an account show windows on the desktop that token has a session at. Only a process there
// reaches the desktop: it is this program, with its verb for that.
func grant(ctx context.Context, token Token, sid string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("grant the desktop: %w", err)
	}
	ctx, done := context.WithTimeout(ctx, grantTime)
	defer done()
	cmd := exec.CommandContext(ctx, self, "grant-winsta-access", "--sid", sid)
	cmd.SysProcAttr = &syscall.SysProcAttr{Token: syscall.Token(token), HideWindow: true}
	cmd.Env, err = windows.Token(token).Environ(false)
	if err != nil {
		return fmt.Errorf("grant the desktop: %w", err)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("grant the desktop: %w: %s", err, out)
	}
	return nil
}
