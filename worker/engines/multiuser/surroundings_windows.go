package multiuser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"

	"github.com/workerkit/workerkit/internal/accounts"
	"github.com/workerkit/workerkit/internal/accounts/winuser"
	"github.com/workerkit/workerkit/internal/ntacl"
)

// nothing is a command that does nothing, which shows that an account can run one.
func nothing() (program string, args []string) {
	path := os.Getenv("ComSpec")
	if path == "" {
		path = `C:\Windows\System32\cmd.exe`
	}
	return path, []string{"/D", "/C", "exit 0"}
}

// guarded is an error where tasks could put away each other's directories, or the worker's.
func guarded(homes string) error {
	descriptor, err := windows.GetNamedSecurityInfo(homes, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("the tasks' directories: the access list of %s: %w", homes, err)
	}
	if ntacl.Others(descriptor.String()) {
		return fmt.Errorf("%w: everybody has full access to %s, and so could one task put another's directory away: take it away with icacls, or choose another folder", ErrHomes, homes)
	}
	return nil
}

// environment is what a logon gives, and nothing of the worker's. Application data and temporary files are
// below home where that is not the profile, nor beside it.
func environment(account accounts.Account, home string) ([]string, error) {
	env, err := winuser.Environment(winuser.Token(account.Token))
	if err != nil {
		return nil, err //nolint:wrapcheck // says what failed
	}
	if !elsewhere(account, home) {
		return env, nil
	}
	return winuser.Redirected(env, filepath.Join(home, "AppData")), nil
}

// elsewhere tells whether a directory is not where the account's profile is: it may be on a larger and
// faster disk, and the account's application data is to be there, too.
func elsewhere(account accounts.Account, dir string) bool {
	return !strings.EqualFold(dir, account.Home) && !strings.EqualFold(filepath.Dir(dir), filepath.Dir(account.Home))
}

// moveIn gives the task directory, which is empty still, to the account. The profile stays where it is: the
// system has it open.
func moveIn(ctx context.Context, account accounts.Account, dir string) error {
	appData := filepath.Join(dir, "AppData")
	if elsewhere(account, dir) {
		if err := winuser.MakeAppData(appData); err != nil {
			return err //nolint:wrapcheck // says what failed
		}
	}
	if err := ntacl.GiveTree(ctx, dir, account.SID); err != nil {
		return err //nolint:wrapcheck // says what failed
	}
	if elsewhere(account, dir) {
		return winuser.Redirect(winuser.Token(account.Token), appData) //nolint:wrapcheck // says what failed
	}
	return nil
}
