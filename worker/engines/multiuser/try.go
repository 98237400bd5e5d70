package multiuser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/workerkit/workerkit/internal/accounts"
	"github.com/workerkit/workerkit/internal/proc"
)

// tryTime bounds what is run to see whether an account can be used.
const tryTime = 10 * time.Minute

// try runs a program as the account in its home directory, which shows that it can enter it, and
// then the program that the configuration has for new accounts.
func (e *Engine) try(ctx context.Context, account accounts.Account) error {
	program, args := nothing()
	if err := e.runAs(ctx, account, program, args...); err != nil {
		return fmt.Errorf("the account %s cannot run a program in %s: %w", account.Name, account.Home, err)
	}
	return e.introduce(ctx, account)
}

// introduce runs the program that the configuration has for new accounts.
func (e *Engine) introduce(ctx context.Context, account accounts.Account) error {
	if e.config.AfterCreation == "" {
		return nil
	}
	if err := e.runAs(ctx, account, e.config.AfterCreation); err != nil {
		return fmt.Errorf("runAfterUserCreation: %w", err)
	}
	return nil
}

// runAs runs a program as the account would, and ends what it leaves behind.
func (e *Engine) runAs(ctx context.Context, account accounts.Account, program string, args ...string) (err error) {
	ctx, done := context.WithTimeout(ctx, tryTime)
	defer done()
	output, err := os.CreateTemp("", "account")
	if err != nil {
		return fmt.Errorf("run %s: %w", program, err)
	}
	defer func() { _ = errors.Join(output.Close(), os.Remove(output.Name())) }()
	env, err := e.environment(account, account.Home)
	if err != nil {
		return fmt.Errorf("run %s: %w", program, err)
	}
	mark := "TASK_WORKDIR=" + account.Home
	tree, err := e.config.Trees.Open(proc.Options{Dir: account.Home, Mark: mark})
	if err != nil {
		return fmt.Errorf("run %s: %w", program, err)
	}
	defer func() { err = errors.Join(err, tree.Kill(context.WithoutCancel(ctx), 0), tree.Close()) }()
	user := userOf(account)
	process, err := tree.Start(proc.Command{
		Path: program, Args: append([]string{program}, args...), Dir: account.Home, Output: output,
		Env: append(env, mark), User: &user,
	})
	if err != nil {
		return fmt.Errorf("run %s: %w", program, err)
	}
	stopped := context.AfterFunc(ctx, func() { _ = tree.Kill(context.WithoutCancel(ctx), 0) }) // repeated at the end
	defer stopped()
	state, err := process.Wait()
	if err != nil {
		return fmt.Errorf("run %s: %w", program, err)
	}
	if !state.Success() {
		return fmt.Errorf("run %s: %s: %s", program, state, beginning(output))
	}
	return nil
}

// beginning is what a program said first.
func beginning(output io.ReaderAt) []byte {
	text := make([]byte, 1000)
	n, _ := output.ReadAt(text, 0)
	return text[:n]
}
