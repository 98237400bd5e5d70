// Package accounts makes and deletes the accounts of the operating system that tasks run as, and
// ends what they leave behind elsewhere than in their directories.
package accounts

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"sync"

	"github.com/workerkit/workerkit/internal/secret"
)

// ErrUnsupported means that accounts cannot be made on this system yet.
var ErrUnsupported = errors.New("accounts for tasks cannot be made on this system")

// prefix begins the name of every account that is a task's.
const prefix = "task_"

// Account is an account of the operating system.
type Account struct {
	Name     string
	UID, GID uint32        // not on Windows
	Groups   []uint32      // further ones
	Home     string        // on Windows its profile
	Password secret.String // empty: nobody can log in
	SID      string        // on Windows
	// Token is what the account is logged on with, on Windows: a handle that is valid until Delete, or
	// until the next Join.
	Token uintptr
}

// Accounts makes and deletes accounts. Its methods may be called concurrently: those that change
// the system's files wait for each other here, as the system's own tools do so for whole seconds.
type Accounts struct {
	logger *slog.Logger
	files  sync.Mutex // held while the files of accounts are changed
	next   uint32     // the user id to try next; guarded by files

	platform platform
}

// New returns the accounts of this machine. What cannot be deleted and does no harm is logged.
func New(logger *slog.Logger) *Accounts { return &Accounts{logger: logger, platform: setUp(logger)} }

// Create makes an account with a group and a home directory of its own below parent, which only
// it can enter. Its name begins with task_ and has at most 20 characters; its user id is not
// one that was given out shortly before. Nobody can log in as it before SetPassword.
func (a *Accounts) Create(ctx context.Context, parent string) (Account, error) {
	return a.create(ctx, parent)
}

// SetPassword gives the account a random password, unless it has one already.
func (a *Accounts) SetPassword(ctx context.Context, account *Account) error {
	if !account.Password.Empty() {
		return nil
	}
	password := secret.New(rand.Text())
	if err := a.setPassword(ctx, account.Name, password); err != nil {
		return err
	}
	account.Password = password
	return nil
}

// ErrNoGroup means that there is no group of the name.
var ErrNoGroup = errors.New("there is no such group")

// Join makes the account a member of groups until it is deleted, and changes what it says of the
// account: on Windows it has another token after that, elsewhere more ids in Groups.
func (a *Accounts) Join(ctx context.Context, account *Account, groups []string) error {
	return a.join(ctx, account, groups)
}

// Enter takes what an account has by its session at the machine's screen, which must be its own: on Windows
// its token, elsewhere nothing.
func (a *Accounts) Enter(account *Account) error { return a.enter(account) }

// Kill ends every process of the account, and takes away the file systems that they served. It
// returns when none is left, or ctx's cause.
func (a *Accounts) Kill(ctx context.Context, account Account) error { return a.kill(ctx, account) }

// Delete ends the account's processes and deletes the account, its home directory, and what it may
// have left in the folders that all accounts share; what is mounted as its own it only takes away. An account that is gone already is no error.
func (a *Accounts) Delete(ctx context.Context, account Account) error {
	return a.delete(ctx, account)
}

// Left lists the accounts of tasks whose home directory is in parent.
func (a *Accounts) Left(parent string) ([]Account, error) { return a.left(parent) }

// Lookup finds an account of a task by its name; ok is false when there is none.
func (a *Accounts) Lookup(name string) (account Account, ok bool, err error) { return a.lookup(name) }

// IsTask tells whether the name is one that is given to accounts of tasks.
func IsTask(name string) bool {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && rest != "" && strings.Trim(rest, plain) == ""
}
