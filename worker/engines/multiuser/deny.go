package multiuser

import (
	"context"

	"github.com/workerkit/workerkit/internal/accounts"
	"github.com/workerkit/workerkit/internal/firewall"
)

// Firewall keeps accounts from services of the network that are not for tasks.
type Firewall interface {
	// Deny begins for these, and makes sure that it still holds for all before. It is called
	// before the first process of an account, and before each task.
	Deny(ctx context.Context, users ...firewall.User) error
	// Allow ends it for an account that is gone.
	Allow(uid uint32)
	// Close ends it for all.
	Close(ctx context.Context) error
}

// deny keeps accounts from the services, if the configuration wants that.
func (e *Engine) deny(ctx context.Context, list ...accounts.Account) error {
	if e.config.Firewall == nil {
		return nil
	}
	users := make([]firewall.User, len(list))
	for i, account := range list {
		users[i] = firewall.User{Name: account.Name, UID: account.UID}
	}
	return e.config.Firewall.Deny(ctx, users...) //nolint:wrapcheck // says what failed
}

// allow is for an account that is gone.
func (e *Engine) allow(account accounts.Account) {
	if e.config.Firewall != nil {
		e.config.Firewall.Allow(account.UID)
	}
}

// allowAll is for the end, when no task runs any more.
func (e *Engine) allowAll(ctx context.Context) error {
	if e.config.Firewall == nil {
		return nil
	}
	return e.config.Firewall.Close(ctx) //nolint:wrapcheck // says what failed
}
