//go:build !windows

package accounts

import "log/slog"

// platform is nothing: all of it is in the files of accounts.
type platform struct{}

func setUp(*slog.Logger) platform { return platform{} }

func (*Accounts) enter(*Account) error { return nil }
