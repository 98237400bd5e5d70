// Package multiuser runs the commands of each task as an account of the operating system that was
// made for it and is deleted after it, so that tasks cannot read or change what is the worker's or
// another task's.
//
// Accounts are made before they are needed, one for each slot, and deleted in the background:
// neither is on the way of a task. An account's home directory becomes the task directory, under
// the run's own name; a link stays where it was. On Windows, where a profile stays in its place, the task
// directory is given to the account.
package multiuser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/workerkit/workerkit/internal/accounts"
	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/commands"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/payload"
	"github.com/workerkit/workerkit/worker/task"
)

// Name is the engine's name.
const Name = "multiuser"

// Config says how an engine works.
type Config struct {
	Logger *slog.Logger
	Trees  *proc.Trees
	Limits proc.Limits // of each task
	// ProxyPort is that of the proxy of the run in slot 0; each further slot's is 4 higher. 0 is any.
	ProxyPort uint16
	// Homes is the folder in which the accounts' home directories are made: that of the tasks'
	// directories, absolute. Every account must be able to enter it.
	Homes string
	Slots int // how many tasks may run at once
	// CleanUp has accounts deleted; without it they stay for somebody to look at.
	CleanUp bool
	// AfterCreation is a program that is run as each new account, in its home directory; "" is none.
	AfterCreation string
	// Desktop is where tasks run in a graphical session; nil is without one.
	Desktop *Desktop
	// Firewall is nil without one.
	Firewall Firewall
}

// Engine is the engine. Make it with New; Open comes before the first run, Close after the last.
type Engine struct {
	config   Config
	accounts *accounts.Accounts
	pool     *pool
	cleaning sync.WaitGroup // accounts that are being deleted
	stop     context.CancelCauseFunc
}

// New makes an engine that does nothing yet.
func New(c Config) *Engine { return &Engine{config: c, accounts: accounts.New(c.Logger)} }

// Name implements engines.Engine.
func (*Engine) Name() string { return Name }

// Payload implements engines.Engine.
func (*Engine) Payload() payload.Fragment { return commands.Payload() }

// ErrClosed is why an engine that ends gives no more accounts.
var ErrClosed = errors.New("the engine multiuser ends")

// Open begins to make accounts, and to delete those that a worker which was killed has left. With a
// desktop it waits until the session of the account is there; ErrReboot says that the machine has
// to be rebooted for that.
func (e *Engine) Open(ctx context.Context) error {
	left, err := e.accounts.Left(e.config.Homes)
	if err = errors.Join(err, guarded(e.config.Homes)); err != nil {
		return fmt.Errorf("%s: %w", Name, err)
	}
	if err := e.deny(ctx, left...); err != nil {
		return fmt.Errorf("%s: %w", Name, err)
	}
	working, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	if d := e.config.Desktop; d == nil {
		e.pool = fill(working, e.config.Slots-1, e.create)
	} else {
		current, keep, err := d.prepare(ctx, e)
		if err != nil {
			stop(err)
			return errors.Join(fmt.Errorf("%s: %w", Name, err), e.allowAll(ctx))
		}
		left = without(left, keep)
		e.pool = seat(working, current)
	}
	e.stop = stop
	e.cleaning.Go(func() {
		for _, account := range left {
			e.delete(working, account)
		}
	})
	return nil
}

// ErrHomes means that tasks' directories would not be safe where the configuration wants them.
var ErrHomes = errors.New("tasksDir cannot be used")

// create makes an account that a task can have. Why it cannot is logged at once: the next task that
// hears of it may come much later.
func (e *Engine) create(ctx context.Context) (accounts.Account, error) {
	account, err := e.proven(ctx)
	if err != nil && ctx.Err() == nil {
		e.config.Logger.WarnContext(ctx, "no account can be made for the next task", "error", err)
	}
	return account, err
}

// proven makes an account and proves that it can be used.
func (e *Engine) proven(ctx context.Context) (accounts.Account, error) {
	account, err := e.accounts.Create(ctx, e.config.Homes)
	if err != nil {
		return account, err
	}
	if err = e.deny(ctx, account); err == nil {
		err = e.try(ctx, account)
	}
	if err != nil {
		ctx = context.WithoutCancel(ctx)
		defer e.allow(account)
		return account, errors.Join(err, e.accounts.Delete(ctx, account))
	}
	return account, nil
}

// Close ends what is going on: the accounts of tasks that have ended are deleted, and those that
// no task has got. It returns when that is done, or with ctx's cause.
func (e *Engine) Close(ctx context.Context) error {
	if e.pool == nil {
		return nil
	}
	e.stop(ErrClosed)
	if err := e.config.Desktop.settle(ctx); err != nil {
		e.config.Logger.Warn("the next boot may not log the next task's account in", "error", err)
	}
	done := make(chan struct{})
	go func() { // which ends with what it waits for
		defer close(done)
		for _, account := range e.pool.drain() {
			if e.config.Desktop == nil {
				e.delete(context.WithoutCancel(ctx), account)
			}
		}
		e.cleaning.Wait()
	}()
	select {
	case <-done:
		return e.allowAll(ctx)
	case <-ctx.Done():
		return fmt.Errorf("%s: accounts are left, which the next start deletes: %w", Name, context.Cause(ctx))
	}
}

// delete deletes an account. One that cannot be deleted is left for the next start.
func (e *Engine) delete(ctx context.Context, account accounts.Account) {
	end := e.accounts.Delete
	if !e.config.CleanUp {
		end = e.accounts.Kill
	}
	if err := end(ctx, account); err != nil {
		e.config.Logger.Warn("the account of a task is left", "account", account.Name, "error", err)
		return
	}
	e.allow(account)
}

// NewBuilder implements engines.Engine.
func (e *Engine) NewBuilder(ctx context.Context, run *task.Run) (engines.Builder, error) {
	account, err := e.pool.take(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: no account for the task: %w", Name, err)
	}
	err = e.deny(ctx, account) // the rules may have been lost since it was made
	if err == nil {
		err = moveIn(ctx, account, run.Dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", Name, err), e.free(context.WithoutCancel(ctx), account))
	}
	run.Logger.Info("the task runs as an account of its own", "account", account.Name, "uid", account.UID)
	return e.build(ctx, run, account)
}

func (e *Engine) build(ctx context.Context, run *task.Run, account accounts.Account) (engines.Builder, error) {
	env, err := e.environment(account, run.Dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", Name, err), e.free(ctx, account))
	}
	user, current := userOf(account), &account
	inner, err := commands.NewBuilder(run, commands.Config{
		Engine: Name, Trees: e.config.Trees, Limits: e.config.Limits, ProxyPort: e.config.ProxyPort,
		User: &user, Env: env, Open: e.config.Desktop.opener(current), Window: e.config.Desktop != nil,
		Join: func(ctx context.Context, groups []string) (proc.User, error) { return e.join(ctx, current, groups) },
		End:  func(ctx context.Context) error { return e.end(ctx, *current) },
		Free: func(ctx context.Context) error { return e.leave(ctx, *current) },
	})
	if err != nil {
		return nil, errors.Join(err, e.free(ctx, account))
	}
	return &builder{Builder: inner, engine: e, run: run, account: current}, nil
}

// environment is what commands have that run as the account, with home as their home directory.
func (e *Engine) environment(account accounts.Account, home string) ([]string, error) {
	env, err := environment(account, home)
	if err != nil {
		return nil, fmt.Errorf("the environment of the account %s: %w", account.Name, err)
	}
	return append(env, e.config.Desktop.environment(account)...), nil
}

// free is end and leave.
func (e *Engine) free(ctx context.Context, account accounts.Account) error {
	return errors.Join(e.end(ctx, account), e.leave(ctx, account))
}

// end ends what the account still runs.
func (e *Engine) end(ctx context.Context, account accounts.Account) error {
	if e.config.Desktop != nil {
		return nil // its session lives until the reboot, and the account until the start after it
	}
	return e.accounts.Kill(ctx, account) //nolint:wrapcheck // says what failed
}

// leave leaves it to the background to delete the account.
func (e *Engine) leave(ctx context.Context, account accounts.Account) error {
	if e.config.Desktop == nil {
		e.cleaning.Go(func() { e.delete(context.WithoutCancel(ctx), account) })
	}
	return nil
}
