package lock

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/workerkit/workerkit/internal/replace"
)

// ErrChanged means that somebody has changed the lock file since it was read.
var ErrChanged = errors.New("it was changed meanwhile: run the update again")

// Save replaces the lock file, which was was when it was read, as a whole. Comments in it do not
// stay.
func Save(ctx context.Context, path string, was, now Lock) error {
	return replace.Alone(ctx, path, func() error {
		there, err := Load(path)
		if err != nil {
			return err
		}
		if there.Worker != was.Worker || !maps.Equal(there.Bases, was.Bases) || !maps.Equal(there.Downloads, was.Downloads) {
			return fmt.Errorf("write the lock file: %s: %w", path, ErrChanged)
		}
		if err := replace.File(path, now.Text()); err != nil {
			return fmt.Errorf("write the lock file: %w", err)
		}
		return nil
	})
}
