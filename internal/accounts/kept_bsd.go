//go:build darwin || freebsd

package accounts

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/workerkit/workerkit/internal/secret"
)

func (a *Accounts) create(ctx context.Context, parent string) (Account, error) {
	return a.kept().create(ctx, parent)
}

func (a *Accounts) setPassword(ctx context.Context, name string, password secret.String) error {
	return a.kept().setPassword(ctx, name, password)
}

func (a *Accounts) join(ctx context.Context, account *Account, groups []string) error {
	return a.kept().join(ctx, account, groups)
}

// kill ends processes first: a file system is not taken away while it is used.
func (a *Accounts) kill(ctx context.Context, account Account) error {
	return errors.Join(a.kept().kill(ctx, account), unmount(account.UID))
}

func (a *Accounts) delete(ctx context.Context, account Account) error {
	return a.kept().delete(ctx, account)
}

// left and lookup wait for tools of the system, which are bounded themselves.
func (a *Accounts) left(parent string) ([]Account, error) {
	return a.kept().left(context.Background(), parent)
}

func (a *Accounts) lookup(name string) (Account, bool, error) {
	return a.kept().lookup(context.Background(), name)
}

// kept are the accounts with the tools of this machine.
func (a *Accounts) kept() kept {
	return kept{
		registry: newRegistry(Tools{}), logger: a.logger, files: &a.files, next: &a.next,
		reaper: reaper{run: Tools{}, all: killAll, one: func(pid int) { _ = unix.Kill(pid, unix.SIGKILL) }}, // it may have ended
		quiet:  a.quiet,
		sweep: func(account Account) {
			if err := unmount(account.UID); err != nil {
				a.logger.Warn("something of a task's account is left", "error", err)
			}
			for _, dir := range shared() {
				a.sweepDir(dir, account)
			}
		},
	}
}

// errRoot is for what must never be: the signal would end the whole system.
var errRoot = errors.New("accounts: root is no account of a task")

// killAll has the account itself send the signal to all that it can send it to.
func killAll(ctx context.Context, account Account) error {
	if account.UID == 0 || account.GID == 0 {
		return errRoot
	}
	cmd := exec.CommandContext(ctx, "/bin/kill", "-KILL", "-1")
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: account.UID, Gid: account.GID}}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("send a signal: %w", err)
	}
	_ = cmd.Wait() // the signal is for it, too, and where nobody else is left there is an error
	return nil
}

// unmount takes away the file systems that the user has mounted, such as images of disks. They outlive the
// programs, and what they are mounted on could not be removed.
func unmount(uid uint32) error {
	count, err := unix.Getfsstat(nil, unix.MNT_NOWAIT)
	if err != nil {
		return fmt.Errorf("accounts: list the mounts: %w", err)
	}
	const more = 16 // that come meanwhile
	all := make([]unix.Statfs_t, count+more)
	if count, err = unix.Getfsstat(all, unix.MNT_NOWAIT); err != nil {
		return fmt.Errorf("accounts: list the mounts: %w", err)
	}
	for i := count - 1; i >= 0; i-- { // what is on top first
		if all[i].Owner != uid {
			continue
		}
		point := unix.ByteSliceToString(all[i].Mntonname[:])
		if failed := unix.Unmount(point, unix.MNT_FORCE); failed != nil {
			err = errors.Join(err, fmt.Errorf("accounts: unmount %s: %w", point, failed))
		}
	}
	return err
}
