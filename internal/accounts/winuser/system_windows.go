package winuser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/windows"

	"github.com/workerkit/workerkit/internal/proc"
)

// New makes the accounts of this machine. The process must be LocalSystem's for all of it.
func New(logger *slog.Logger) *Accounts {
	return NewWith(System{Book: book{}, Logons: logons{}, Profiles: profiles{}, Processes: processes{}, Traces: traces{}, Grant: granter(proc.New(logger))}, logger)
}

// The functions that package windows does not have.
func netapi(name string) *windows.LazyProc {
	return windows.NewLazySystemDLL("netapi32.dll").NewProc(name)
}
func userenv(name string) *windows.LazyProc {
	return windows.NewLazySystemDLL("userenv.dll").NewProc(name)
}
func advapi(name string) *windows.LazyProc {
	return windows.NewLazySystemDLL("advapi32.dll").NewProc(name)
}
func wtsapi(name string) *windows.LazyProc {
	return windows.NewLazySystemDLL("wtsapi32.dll").NewProc(name)
}

// status is an error number that a function returns, as those of the network do.
func status(code uintptr, what string) error {
	if number := uint32(code); number != 0 { //nolint:gosec // the rest of the register says nothing
		return fmt.Errorf("%s: %w", what, syscall.Errno(number))
	}
	return nil
}

// grantTime bounds the program that grants.
const grantTime = time.Minute

// granter lets an account show windows on the desktop that token has a session at. Only a process there
// reaches the desktop: it is this program, with its verb for that.
func granter(trees *proc.Trees) func(ctx context.Context, token Token, sid string) error {
	return func(ctx context.Context, token Token, sid string) error {
		ctx, done := context.WithTimeout(ctx, grantTime)
		defer done()
		if err := inSession(ctx, trees, token, "grant-winsta-access", "--sid", sid); err != nil {
			return fmt.Errorf("grant the desktop: %w", err)
		}
		return nil
	}
}

// inSession runs this program with further arguments in the session of a token and waits for its end.
func inSession(ctx context.Context, trees *proc.Trees, token Token, args ...string) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	env, err := Environment(token)
	if err != nil {
		return err
	}
	output, err := os.CreateTemp("", "session")
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(output.Close(), os.Remove(output.Name())) }()
	tree, err := trees.Open(proc.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tree.Kill(context.WithoutCancel(ctx), 0), tree.Close()) }()
	process, err := tree.Start(proc.Command{
		Path: self, Args: append([]string{self}, args...), Env: env, Output: output, User: &proc.User{Token: uintptr(token)},
	})
	if err != nil {
		return err
	}
	stopped := context.AfterFunc(ctx, func() { _ = tree.Kill(context.WithoutCancel(ctx), 0) }) // repeated at the end
	defer stopped()
	state, err := process.Wait()
	if err == nil && !state.Success() {
		said := make([]byte, 1000) // of what it says first
		n, _ := output.ReadAt(said, 0)
		err = fmt.Errorf("%s: %s", state, said[:n])
	}
	return err
}
