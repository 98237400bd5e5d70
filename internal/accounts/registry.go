package accounts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/rmtree"
	"github.com/workerkit/workerkit/internal/secret"
)

// registry is where a system keeps its accounts, as its own tools see it.
type registry interface {
	// list has all accounts, also those of people.
	list(ctx context.Context) ([]Account, error)
	// add makes the account with this name and user id, and its home directory; it returns its group.
	add(ctx context.Context, account Account) (gid uint32, err error)
	// password sets the account's password.
	password(ctx context.Context, name string, password secret.String) error
	// join makes the account a member of groups, of which all must be there, and returns their ids.
	join(ctx context.Context, name string, groups []string) ([]uint32, error)
	// remove deletes an account, which may be gone or half made, but not its home directory.
	remove(ctx context.Context, name string) error
}

const (
	// longest is how long a name may be where names are shortest.
	longest = 20
	// hidden begins the names of home directories, which nobody shall take for those of a task that
	// is over.
	hidden = "home_"
	// Of these user ids the next account gets one: above those of people, whose are given from below.
	firstUID, lastUID = 20000, 49999
)

// kept are the accounts of a registry.
type kept struct {
	registry registry
	reaper   reaper
	logger   *slog.Logger
	files    *sync.Mutex // held while the registry is changed
	next     *uint32     // the user id to try next; guarded by files
	// quiet stops what would start processes of the account again.
	quiet func(ctx context.Context, account Account)
	// sweep deletes what the account has left in folders that all accounts share.
	sweep func(account Account)
}

func (k kept) create(ctx context.Context, parent string) (Account, error) {
	k.files.Lock()
	defer k.files.Unlock()
	if ctx.Err() != nil {
		return Account{}, context.Cause(ctx)
	}
	name := prefix + strconv.FormatInt(time.Now().UnixNano(), 10)
	name = name[:min(len(name), longest)]
	account := Account{Name: name, Home: filepath.Join(parent, hidden+name[len(prefix):])}
	var err error
	if account.UID, err = k.free(ctx); err != nil {
		return Account{}, err
	}
	account.GID, err = k.registry.add(ctx, account) // which may make a part and fail then
	if err == nil {
		const ownerOnly = 0o700
		err = os.Chmod(account.Home, ownerOnly) //nolint:gosec // a directory
	}
	if err != nil {
		return Account{}, errors.Join(err, k.registry.remove(ctx, name), rmtree.Remove(account.Home))
	}
	return account, nil
}

// free finds a user id that nobody has and that was not given out lately, so that what an earlier
// account has left in a place that nobody thought of is not the next one's.
func (k kept) free(ctx context.Context) (uint32, error) {
	all, err := k.registry.list(ctx)
	if err != nil {
		return 0, err
	}
	taken := map[uint32]bool{}
	for _, account := range all {
		taken[account.UID] = true
	}
	for range lastUID - firstUID + 1 {
		if *k.next < firstUID || *k.next > lastUID {
			*k.next = firstUID + rand.Uint32N(lastUID-firstUID+1) //nolint:gosec // it is no secret
		}
		uid := *k.next
		if *k.next++; *k.next > lastUID {
			*k.next = firstUID
		}
		if !taken[uid] {
			return uid, nil
		}
	}
	return 0, fmt.Errorf("accounts: no user id between %d and %d is free: delete accounts that nobody needs", firstUID, lastUID)
}

func (k kept) setPassword(ctx context.Context, name string, password secret.String) error {
	k.files.Lock()
	defer k.files.Unlock()
	return k.registry.password(ctx, name, password)
}

func (k kept) join(ctx context.Context, account *Account, groups []string) error {
	if !IsTask(account.Name) || account.UID == 0 {
		return fmt.Errorf("accounts: %q is no account of a task", account.Name)
	}
	k.files.Lock()
	defer k.files.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ids, err := k.registry.join(ctx, account.Name, groups)
	if err == nil {
		account.Groups = append(slices.Clip(account.Groups), ids...)
	}
	return err
}

// kill ends the account's processes.
func (k kept) kill(ctx context.Context, account Account) error {
	if !IsTask(account.Name) || account.UID == 0 {
		return fmt.Errorf("accounts: %q is no account of a task", account.Name)
	}
	return k.reaper.end(ctx, account)
}

// delete goes on when something fails, so that as little as possible is left.
func (k kept) delete(ctx context.Context, account Account) error {
	if !IsTask(account.Name) || account.UID == 0 {
		return fmt.Errorf("accounts: %q is no account of a task", account.Name)
	}
	k.quiet(ctx, account)
	if err := k.reaper.end(ctx, account); err != nil {
		return err // its user id must not be given to another one
	}
	k.sweep(account)
	err := rmtree.Remove(account.Home)
	k.files.Lock()
	defer k.files.Unlock()
	return errors.Join(err, k.registry.remove(ctx, account.Name))
}

func (k kept) left(ctx context.Context, parent string) ([]Account, error) {
	all, err := k.registry.list(ctx)
	var left []Account
	for _, account := range all {
		if IsTask(account.Name) && account.UID != 0 && filepath.Dir(account.Home) == parent {
			left = append(left, account)
		}
	}
	return left, err
}

func (k kept) lookup(ctx context.Context, name string) (Account, bool, error) {
	if !IsTask(name) {
		return Account{}, false, nil
	}
	all, err := k.registry.list(ctx)
	for _, account := range all {
		if account.Name == name && account.UID != 0 {
			return account, true, nil
		}
	}
	return Account{}, false, err
}
