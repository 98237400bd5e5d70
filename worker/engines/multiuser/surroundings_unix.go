//go:build unix

package multiuser

import (
	"context"
	"fmt"
	"os"

	"github.com/workerkit/workerkit/internal/accounts"
)

// nothing is a command that does nothing, which shows that an account can run one.
func nothing() (program string, args []string) { return "/bin/sh", []string{"-c", ":"} }

// guarded is an error where tasks could put away each other's directories, or the worker's.
func guarded(homes string) error {
	info, err := os.Stat(homes)
	if err != nil {
		return fmt.Errorf("the tasks' directories: %w", err)
	}
	const everybody = 0o002
	if mode := info.Mode(); mode.Perm()&everybody != 0 && mode&os.ModeSticky == 0 {
		return fmt.Errorf("%w: everybody may change %s (mode %#o), and so could one task put another's directory away: chmod it to 755", ErrHomes, homes, mode.Perm())
	}
	return nil
}

// environment is what a login would give, and nothing of the worker's.
func environment(account accounts.Account, home string) ([]string, error) {
	return []string{"HOME=" + home, "USER=" + account.Name, "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}, nil
}

// moveIn makes the home directory the task directory, which is empty still.
func moveIn(_ context.Context, account accounts.Account, dir string) error {
	err := os.Remove(dir) // only the worker can put another one there
	if err == nil {
		err = os.Rename(account.Home, dir)
	}
	if err != nil {
		return fmt.Errorf("make the home directory the task directory: %w", err)
	}
	if err := os.Symlink(dir, account.Home); err != nil {
		return fmt.Errorf("link the home directory: %w", err)
	}
	return nil
}
