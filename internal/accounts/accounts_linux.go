package accounts

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/rmtree"
	"github.com/workerkit/workerkit/internal/secret"
)

const (
	// maxName is how long a name may be where names are shortest.
	maxName = 20
	// homePrefix begins the names of home directories, which nobody shall take for those of a
	// task that is over.
	homePrefix = "home_"
	// Exit codes of useradd and userdel.
	exitUIDTaken  = 4
	exitNoAccount = 6
)

func (a *Accounts) create(ctx context.Context, parent string) (Account, error) {
	a.files.Lock()
	defer a.files.Unlock()
	if ctx.Err() != nil {
		return Account{}, context.Cause(ctx)
	}
	name := prefix + strconv.FormatInt(time.Now().UnixNano(), 10)
	name = name[:min(len(name), maxName)]
	home := filepath.Join(parent, homePrefix+name[len(prefix):])
	var account Account
	err := a.useradd(ctx, name, home) // which may make an account and fail then
	if err == nil {
		account, err = a.made(name)
	}
	if err == nil {
		const ownerOnly = 0o700
		err = os.Chmod(account.Home, ownerOnly) //nolint:gosec // a directory
	}
	if err != nil {
		return Account{}, errors.Join(err, a.userdel(ctx, name), rmtree.Remove(home))
	}
	return account, nil
}

func (a *Accounts) made(name string) (Account, error) {
	account, ok, err := a.lookup(name)
	if err == nil && !ok {
		err = fmt.Errorf("accounts: useradd made no account %s", name)
	}
	return account, err
}

// useradd makes the account with a user id that was not used lately, so that what an earlier
// account has left in a place that nobody thought of is not the next one's.
func (a *Accounts) useradd(ctx context.Context, name, home string) error {
	low, high := uidRange()
	taken, err := takenUIDs()
	if err != nil {
		return err
	}
	const attempts = 20 // of ids that are taken elsewhere than in this machine's own files
	for tried, seen := 0, uint32(0); tried < attempts && seen <= high-low; seen++ {
		if a.next < low || a.next > high {
			a.next = low + rand.Uint32N(high-low+1) //nolint:gosec // it is no secret
		}
		uid := a.next
		if a.next++; a.next > high {
			a.next = low
		}
		if taken[uid] {
			continue
		}
		tried++
		err := tool(ctx, "", "useradd", "--no-log-init", "--user-group", "--uid", strconv.FormatUint(uint64(uid), 10), "--create-home", "--home-dir", home, name)
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == exitUIDTaken {
			continue
		}
		return err
	}
	return fmt.Errorf("accounts: no user id between %d and %d is free: delete accounts that nobody needs (userdel), or raise UID_MAX in /etc/login.defs", low, high)
}

// uidRange is the upper half of the ids that the system has for people.
func uidRange() (low, high uint32) {
	low, high = 1000, 60000
	data, _ := os.ReadFile("/etc/login.defs") // not every system has it
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		value, err := strconv.ParseUint(fields[1], 10, 31)
		switch {
		case err != nil:
		case fields[0] == "UID_MIN":
			low = uint32(value)
		case fields[0] == "UID_MAX":
			high = uint32(value)
		}
	}
	if low >= high {
		return high, high
	}
	return low + (high-low)/2, high
}

func (a *Accounts) setPassword(ctx context.Context, name string, password secret.String) error {
	a.files.Lock()
	defer a.files.Unlock()
	return tool(ctx, name+":"+password.Reveal()+"\n", "chpasswd")
}

// delete goes on when something fails, so that as little as possible is left.
func (a *Accounts) delete(ctx context.Context, account Account) error {
	if !IsTask(account.Name) || account.UID == 0 {
		return fmt.Errorf("accounts: %s is no account of a task", account.Name)
	}
	a.disarm(account.Name)
	if err := a.kill(ctx, account); err != nil {
		return err // its user id must not be given to another one
	}
	mounted := unmountOwn(account.UID) // before anything of it is removed
	a.sweep(account)
	err := errors.Join(mounted, rmtree.Remove(account.Home))
	a.files.Lock()
	defer a.files.Unlock()
	return errors.Join(err, a.userdel(ctx, account.Name))
}

// userdel deletes the account and its group.
func (a *Accounts) userdel(ctx context.Context, name string) error {
	err := tool(ctx, "", "userdel", name)
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != exitNoAccount) {
		return err
	}
	group, _, err := find("/etc/group", name)
	if err != nil || group == nil {
		return err
	}
	return tool(ctx, "", "groupdel", name) // where userdel leaves it
}

// tool runs one of the system's tools for accounts.
func tool(ctx context.Context, input, name string, args ...string) error {
	_, err := Tools{}.Run(ctx, input, name, args...)
	return err
}
