package store

import "context"

// Read runs fn in a View and gives its result.
func Read[T any](ctx context.Context, s *Store, fn func(*Tx) (T, error)) (result T, err error) {
	err = s.View(ctx, func(tx *Tx) (err error) { result, err = fn(tx); return err })
	return result, err
}

// Write runs fn in an Update and gives its result, which holds only when the error is nil.
func Write[T any](ctx context.Context, s *Store, fn func(*Tx) (T, error)) (result T, err error) {
	err = s.Update(ctx, func(tx *Tx) (err error) { result, err = fn(tx); return err })
	return result, err
}
