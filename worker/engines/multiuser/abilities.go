package multiuser

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"path/filepath"

	"github.com/workerkit/workerkit/internal/accounts"
	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/commands"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
)

// builder has what only an engine with accounts has.
type builder struct {
	*commands.Builder
	engine  *Engine
	run     *task.Run
	account *accounts.Account
}

// Promote implements engines.Promoter. The commands keep the variables of the account but for USER, and
// get nothing of the worker's. The file is in the worker's own folder of the run, which goes with it.
func (b *builder) Promote(ctx context.Context) (credentials string, err error) {
	self, err := user.Current()
	if err == nil {
		err = b.engine.accounts.SetPassword(ctx, b.account)
	}
	if err == nil {
		err = b.Setenv("USER", self.Username)
	}
	if err != nil {
		return "", fmt.Errorf("%s: run as the worker's own user: %w", Name, err)
	}
	const name = "task-user-credentials.json"
	credentials = filepath.Join(b.run.Own, name)
	if err := accounts.WriteUser(credentials, accounts.User{Name: b.account.Name, Password: b.account.Password}); err != nil {
		return "", fmt.Errorf("%s: %w", Name, err)
	}
	b.Become()
	return credentials, nil
}

// CanRead implements engines.Prober.
func (b *builder) CanRead(ctx context.Context, path string) (bool, error) {
	file, err := b.Open(ctx, path)
	if err == nil {
		err = file.Close()
	}
	if errors.Is(err, fs.ErrPermission) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: try to read as the task: %w", Name, err)
	}
	return true, nil
}

// join makes the account a member of groups.
func (e *Engine) join(ctx context.Context, account *accounts.Account, groups []string) (proc.User, error) {
	err := e.accounts.Join(ctx, account, groups)
	if errors.Is(err, accounts.ErrNoGroup) || err != nil && ctx.Err() == nil {
		return proc.User{}, task.Malformed("the task's user cannot join the groups: %w", err)
	}
	if err != nil {
		return proc.User{}, fmt.Errorf("%s: %w", Name, err)
	}
	return userOf(*account), nil
}

// userOf is the account as processes run as it.
func userOf(a accounts.Account) proc.User {
	return proc.User{UID: a.UID, GID: a.GID, Groups: a.Groups, Token: a.Token}
}

var (
	_ engines.Promoter = (*builder)(nil)
	_ engines.Prober   = (*builder)(nil)
)
