package multiuser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/accounts"
	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/commands"
)

// ErrReboot means that the next account is ready, and gets its session by a reboot.
var ErrReboot = errors.New("the machine has to be rebooted to log the next account in")

// Desktop has each task run in a graphical session of its own: that of an account which the
// machine logs in when it boots, and of which it serves one task. The account for the next boot
// is always made before, so that whatever happens meanwhile the machine comes up with it.
type Desktop struct {
	// CurrentFile and NextFile hold the accounts of this boot and of the next one, in the public
	// worker's form.
	CurrentFile, NextFile string
	// AutoLogin has the machine log an account in when it boots.
	AutoLogin func(ctx context.Context, account accounts.Account) error
	// Session is whose session is at the machine's screen; "" is nobody's.
	Session func(ctx context.Context) (name string, err error)
	// Enter is called when the account has its session, and takes into the account what is needed to run
	// programs there; nil is nothing.
	Enter func(ctx context.Context, account *accounts.Account) error
	// Env has the entries NAME=value by which programs find the session; nil is none. A payload does not
	// change them.
	Env func(accounts.Account) []string
	// Open opens what starts commands of the account in its session; nil is where this process can.
	Open func(account accounts.Account, o proc.Options) (commands.Tree, error)
	// Patience is how long a login may take.
	Patience time.Duration
	// Poll is how often to look meanwhile.
	Poll time.Duration
	// Settle is how long after a login the login manager may still write its own settings over those of AutoLogin, which
	// therefore is called again before the end; 0 is not at all.
	Settle time.Duration

	arrival time.Time // of the session of this boot
	next    accounts.Account
}

// environment is what programs need to reach the session.
func (d *Desktop) environment(account accounts.Account) []string {
	if d == nil || d.Env == nil {
		return nil
	}
	return d.Env(account)
}

// opener is Open for the account, if there is any.
func (d *Desktop) opener(account *accounts.Account) func(proc.Options) (commands.Tree, error) {
	if d == nil || d.Open == nil {
		return nil
	}
	return func(o proc.Options) (commands.Tree, error) { return d.Open(*account, o) }
}

// Setenv implements engines.Builder. What programs need to reach the session stays as it is.
func (b *builder) Setenv(name, value string) error {
	for _, entry := range b.engine.config.Desktop.environment(*b.account) {
		if strings.HasPrefix(entry, name+"=") {
			return nil
		}
	}
	return b.Builder.Setenv(name, value)
}

// prepare returns the account of this boot, when its session is there, and names the accounts
// that must stay. It makes the one of the next boot.
func (d *Desktop) prepare(ctx context.Context, e *Engine) (current accounts.Account, keep []string, err error) {
	current, ready, err := d.arrived(ctx, e)
	if err != nil {
		return current, nil, err
	}
	next, err := e.accounts.Create(ctx, e.config.Homes)
	if err == nil {
		err = e.accounts.SetPassword(ctx, &next)
	}
	if err == nil {
		err = accounts.WriteUser(d.NextFile, accounts.User{Name: next.Name, Password: next.Password})
	}
	if err == nil {
		err = d.AutoLogin(ctx, next)
	}
	d.next = next
	if err == nil && !ready {
		err = ErrReboot
	}
	if err != nil {
		return current, nil, err
	}
	return current, []string{current.Name, next.Name}, e.introduce(ctx, current)
}

// arrived waits for the session of the account that an earlier start has made, if there is one.
// Where it does not come the machine goes on with a new account.
func (d *Desktop) arrived(ctx context.Context, e *Engine) (account accounts.Account, ready bool, err error) {
	user, ok, err := accounts.ReadUser(d.NextFile)
	if err != nil || !ok {
		return account, false, err
	}
	account, ok, err = e.accounts.Lookup(user.Name)
	if err != nil || !ok {
		return account, false, err
	}
	e.config.Logger.Info("waiting for the session of the next task's account", slog.String("account", account.Name), slog.Duration("atMost", d.Patience))
	if err := d.login(ctx, account.Name); err != nil {
		if ctx.Err() != nil {
			return account, false, err
		}
		e.config.Logger.Warn("the account has no session; another one is made", slog.String("account", account.Name), slog.Any("error", err))
		return account, false, nil
	}
	d.arrival = time.Now()
	account.Password = user.Password
	err = e.accounts.Enter(&account)
	if err == nil && d.Enter != nil {
		err = d.Enter(ctx, &account)
	}
	if err != nil {
		return account, false, err
	}
	return account, true, accounts.WriteUser(d.CurrentFile, user)
}

// settle has the next account logged in once more, when the login of this boot is long enough ago.
func (d *Desktop) settle(ctx context.Context) error {
	if d == nil || d.Settle == 0 || d.arrival.IsZero() {
		return nil
	}
	timer := time.NewTimer(time.Until(d.arrival.Add(d.Settle)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return d.AutoLogin(ctx, d.next)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// login waits until the account has the session at the screen.
func (d *Desktop) login(ctx context.Context, name string) error {
	ctx, done := context.WithTimeoutCause(ctx, d.Patience, fmt.Errorf("nobody was logged in within %s", d.Patience))
	defer done()
	tick := time.NewTicker(d.Poll)
	defer tick.Stop()
	for {
		now, err := d.Session(ctx)
		switch {
		case err == nil && now == name:
			return nil
		case err == nil && accounts.IsTask(now):
			return fmt.Errorf("the session is of %s", now)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// without leaves out the accounts with these names.
func without(list []accounts.Account, names []string) []accounts.Account {
	return slices.DeleteFunc(list, func(a accounts.Account) bool { return slices.Contains(names, a.Name) })
}
