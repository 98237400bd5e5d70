package ledger

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
)

// patience is how long Update waits for another program that changes the ledger: each needs
// milliseconds.
const patience = time.Minute

// errTaken is what take returns while another program has the lock.
var errTaken = errors.New("another program is changing it")

// Update reads the ledger, has change change it, and saves it, while no other Update of the same
// file, by this or another program on this computer, does. When change fails, nothing is saved.
func Update(ctx context.Context, path string, change func(*Ledger) error) (err error) {
	release, err := wait(ctx, filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".lock"))
	if err != nil {
		return fmt.Errorf("lock the ledger: %w", err)
	}
	defer func() { err = errors.Join(err, release()) }()
	l, err := Load(path)
	if err != nil {
		return err
	}
	if err := change(l); err != nil {
		return err
	}
	return Save(path, l)
}

// wait takes the lock, which the system gives back if this program dies.
func wait(ctx context.Context, path string) (release func() error, err error) {
	policy := retry.Policy{Initial: 5 * time.Millisecond, Cap: 100 * time.Millisecond, Total: patience}
	err = retry.Do(ctx, policy, func(context.Context) error {
		release, err = take(path)
		if err != nil && !errors.Is(err, errTaken) {
			return retry.Permanent(err)
		}
		return err
	})
	return release, err
}
