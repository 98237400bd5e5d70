package ledger

import (
	"context"

	"github.com/workerkit/workerkit/internal/replace"
)

// Update reads the ledger, has change change it, and saves it, while no other Update of the same
// file, by this or another program on this computer, does. When change fails, nothing is saved.
func Update(ctx context.Context, path string, change func(*Ledger) error) error {
	return replace.Alone(ctx, path, func() error {
		l, err := Load(path)
		if err != nil {
			return err
		}
		if err := change(l); err != nil {
			return err
		}
		return Save(path, l)
	})
}
