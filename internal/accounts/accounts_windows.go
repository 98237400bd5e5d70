package accounts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/workerkit/workerkit/internal/accounts/winuser"
	"github.com/workerkit/workerkit/internal/secret"
)

// platform is what makes the accounts.
type platform struct{ *winuser.Accounts }

func setUp(logger *slog.Logger) platform { return platform{winuser.New(logger)} }

// maxName is how long the name of an account may be.
const maxName = 20

// create logs the account on: only so is its profile made. The profile is in the system's folder of
// profiles, wherever parent is.
func (a *Accounts) create(ctx context.Context, parent string) (Account, error) {
	if ctx.Err() != nil {
		return Account{}, context.Cause(ctx)
	}
	name := prefix + strconv.FormatInt(time.Now().UnixNano(), 10)
	made, err := a.platform.Create(ctx, name[:min(len(name), maxName)], winuser.Comment(parent))
	return fromSystem(made), err
}

// setPassword is never called: every account has one from the beginning.
func (*Accounts) setPassword(_ context.Context, name string, _ secret.String) error {
	return fmt.Errorf("accounts: the password of %s: %w", name, errors.ErrUnsupported)
}

func (a *Accounts) join(ctx context.Context, account *Account, groups []string) error {
	if !IsTask(account.Name) {
		return fmt.Errorf("accounts: %q is no account of a task", account.Name)
	}
	of := toSystem(*account)
	err := a.platform.Join(ctx, &of, groups)
	if errors.Is(err, winuser.ErrNoGroup) {
		err = fmt.Errorf("%w (%w)", ErrNoGroup, err)
	}
	account.Token = uintptr(of.Token)
	return err
}

func (a *Accounts) kill(ctx context.Context, account Account) error {
	if !IsTask(account.Name) {
		return fmt.Errorf("accounts: %q is no account of a task", account.Name)
	}
	return a.platform.Kill(ctx, toSystem(account))
}

func (a *Accounts) delete(ctx context.Context, account Account) error {
	if !IsTask(account.Name) {
		return fmt.Errorf("accounts: %q is no account of a task", account.Name)
	}
	return a.platform.Delete(ctx, toSystem(account))
}

// left goes by the comment of an account: its profile is not in parent.
func (a *Accounts) left(parent string) ([]Account, error) {
	found, err := a.platform.List(func(e winuser.Entry) bool { return IsTask(e.Name) && winuser.Left(e.Comment, parent) })
	list := make([]Account, len(found))
	for i, account := range found {
		list[i] = fromSystem(account)
	}
	return list, err
}

func (a *Accounts) lookup(name string) (Account, bool, error) {
	if !IsTask(name) {
		return Account{}, false, nil
	}
	found, ok, err := a.platform.Lookup(name)
	return fromSystem(found), ok, err
}

func (a *Accounts) enter(account *Account) error {
	of := toSystem(*account)
	if err := a.platform.EnterConsole(&of); err != nil {
		return err //nolint:wrapcheck // says what failed
	}
	*account = fromSystem(of)
	return nil
}

// Elevate has the account use all rights that it has as an administrator. Errors: winuser.ErrNoUAC and
// winuser.ErrNoAdministrator.
func (a *Accounts) Elevate(account *Account) error {
	of := toSystem(*account)
	err := a.platform.Elevate(winuser.Machine(), &of)
	account.Token = uintptr(of.Token)
	return err //nolint:wrapcheck // says what failed
}

func toSystem(a Account) winuser.Account {
	return winuser.Account{Name: a.Name, SID: a.SID, Home: a.Home, Password: a.Password, Token: winuser.Token(a.Token)}
}

func fromSystem(a winuser.Account) Account {
	return Account{Name: a.Name, SID: a.SID, Home: a.Home, Password: a.Password, Token: uintptr(a.Token)}
}
