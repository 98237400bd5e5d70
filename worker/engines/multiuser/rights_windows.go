package multiuser

import (
	"context"
	"errors"
	"fmt"

	"github.com/workerkit/workerkit/internal/accounts/winuser"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
)

// Elevate implements engines.Elevator. The task's user must be an administrator by then.
func (b *builder) Elevate(context.Context) error {
	err := b.engine.accounts.Elevate(b.account)
	if errors.Is(err, winuser.ErrNoUAC) {
		return task.Malformed("the task cannot run as an administrator: %w; have UAC (EnableLUA) switched on in the pool's image, or leave the feature out", err)
	}
	if errors.Is(err, winuser.ErrNoAdministrator) {
		return task.Malformed(`the task cannot run as an administrator: %w; add "osGroups": ["Administrators"] to the payload`, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", Name, err)
	}
	b.Use(userOf(*b.account))
	return nil
}

// RemoteDesktop implements engines.RemoteDesktop.
func (b *builder) RemoteDesktop(ctx context.Context) (string, secret.String, error) {
	if err := b.engine.accounts.Join(ctx, b.account, []string{winuser.RemoteDesktopUsers}); err != nil {
		return "", secret.String{}, fmt.Errorf("%s: let the task's user use the remote desktop: %w", Name, err)
	}
	b.Use(userOf(*b.account))
	return b.account.Name, b.account.Password, nil
}

var (
	_ engines.Elevator      = (*builder)(nil)
	_ engines.RemoteDesktop = (*builder)(nil)
)
