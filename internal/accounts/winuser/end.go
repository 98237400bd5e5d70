package winuser

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/workerkit/workerkit/internal/secret"
)

// Kill ends every process of the account. It returns when none is left, or with ctx's cause.
func (a *Accounts) Kill(ctx context.Context, account Account) error {
	if account.SID == "" {
		return nil // it never was
	}
	wait := time.Millisecond
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		pids, err := a.system.Processes.Of(account.SID)
		if err != nil {
			return fmt.Errorf("winuser: list the processes of %s: %w", account.Name, err)
		}
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			a.system.Processes.Kill(pid, account.SID)
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("winuser: %d processes of %s are left: %w", len(pids), account.Name, context.Cause(ctx))
		}
		wait = min(2*wait, a.poll)
	}
}

// profileTime bounds how long the deletion of a profile is tried: services of the system look into it
// for a while after the last process has ended.
const profileTime = time.Minute

// Delete ends the account's processes and logons, and deletes what is registered to run as it, its profile
// and the account. It goes on when something fails, but for the processes and the profile, so that as little
// as possible is left: what is known of those is the account, so it stays for whoever tries again. An
// account that is gone is no error.
func (a *Accounts) Delete(ctx context.Context, account Account) error {
	if err := a.Kill(ctx, account); err != nil {
		return err
	}
	err := a.erase(account)
	if started := a.Kill(ctx, account); started != nil { // what has been started by those meanwhile
		return errors.Join(err, started)
	}
	err = errors.Join(err, a.leave(account))
	if account.SID != "" {
		gone := a.until(ctx, profileTime, "the profile is in use", func() (bool, error) {
			err := a.system.Profiles.Delete(account.SID)
			return err == nil, err
		})
		if gone != nil {
			return errors.Join(err, fmt.Errorf("winuser: delete the profile of %s: %w", account.Name, gone))
		}
	}
	if removed := a.system.Book.Remove(account.Name); removed != nil && !errors.Is(removed, ErrNoAccount) {
		err = errors.Join(err, fmt.Errorf("winuser: delete the account %s: %w", account.Name, removed))
	}
	return err
}

// leave ends the account's logons.
func (a *Accounts) leave(account Account) error {
	a.mu.Lock()
	p := a.here[account.SID]
	delete(a.here, account.SID)
	a.mu.Unlock()
	if p == nil {
		return nil
	}
	var err error
	if p.loaded != 0 {
		if err = a.system.Profiles.Unload(p.loaded, p.profile); err != nil {
			err = fmt.Errorf("winuser: unload the profile of %s: %w", account.Name, err)
		}
	}
	for _, token := range p.tokens {
		if failed := a.system.Logons.Close(token); failed != nil {
			err = errors.Join(err, fmt.Errorf("winuser: log %s off: %w", account.Name, failed))
		}
	}
	return err
}

// password is a random one that has what the usual policies want: characters of four kinds.
func password() secret.String {
	const kinds = "aA1-"
	return secret.New(rand.Text() + kinds)
}
