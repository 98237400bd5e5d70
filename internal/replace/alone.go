package replace

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
)

// patience is how long Alone waits for another program: each needs milliseconds.
const patience = time.Minute

// errTaken is what take returns while another program has the lock.
var errTaken = errors.New("another program is changing it")

// Alone runs change while no other Alone for the same file does, in this or another program on
// this computer: what change reads of the file is there until it replaces it. Beside the file
// there is a lock meanwhile, which the system gives back if this program dies. The error of
// change is returned as it is.
func Alone(ctx context.Context, path string, change func() error) (err error) {
	release, err := wait(ctx, filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".lock"))
	if err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, release()) }()
	return change()
}

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
