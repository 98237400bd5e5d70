//go:build !linux && !windows && !darwin && !freebsd

package accounts

import (
	"context"

	"github.com/workerkit/workerkit/internal/secret"
)

func (*Accounts) create(context.Context, string) (Account, error) { return Account{}, ErrUnsupported }

func (*Accounts) setPassword(context.Context, string, secret.String) error { return ErrUnsupported }

func (*Accounts) join(context.Context, *Account, []string) error { return ErrUnsupported }

func (*Accounts) kill(context.Context, Account) error { return ErrUnsupported }

func (*Accounts) delete(context.Context, Account) error { return ErrUnsupported }

func (*Accounts) left(string) ([]Account, error) { return nil, ErrUnsupported }

func (*Accounts) lookup(string) (Account, bool, error) { return Account{}, false, ErrUnsupported }
