// Package store is the embedded store of taskcluster-local: one file of buckets, each a sorted
// map from text keys to JSON values, changed in transactions.
package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// ErrLocked is the reason of an Open whose file another process holds.
var ErrLocked = errors.New("another process uses this data folder")

// ErrKeyTooLong is the reason of a Put whose key is longer than the store can hold, which is
// 32768 bytes.
var ErrKeyTooLong = errors.New("the key is too long")

// lockWait is how long Open waits for another process to let go of the file: long enough for
// a predecessor that is just ending, short enough to be an answer.
const lockWait = time.Second

// Store is an open store. It is safe for concurrent use: one Update runs at a time, Views run
// beside it and see the state before it.
type Store struct {
	db *bbolt.DB
}

// Open opens the store in the file at path and makes it, owner-only, when it is absent. When
// another process holds the file the error is ErrLocked.
func Open(path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("store: make the data folder: %w", err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("store: open %s: %w", path, ErrLocked)
	}
	if err != nil {
		return nil, fmt.Errorf("store: open %s: %w", path, err)
	}
	return &Store{db: db}, nil
}

// Close waits for the transactions under way and closes the file.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	return nil
}

// Update runs fn in a transaction that may write. When fn returns an error, or ctx has ended
// before the commit, nothing is changed. When Update returns nil the changes are on the disk:
// they survive a kill and a loss of power. fn must not call Update or View of the same store.
func (s *Store) Update(ctx context.Context, fn func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store: update: %w", err)
	}
	return s.db.Update(func(tx *bbolt.Tx) error {
		if err := fn(&Tx{tx: tx}); err != nil {
			return err
		}
		return ctx.Err()
	})
}

// View runs fn in a transaction that only reads. It returns fn's error as it is.
func (s *Store) View(ctx context.Context, fn func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store: view: %w", err)
	}
	return s.db.View(func(tx *bbolt.Tx) error { return fn(&Tx{tx: tx}) })
}

// Tx is a transaction. It is valid only inside the function it was given to and must stay in
// that function's goroutine.
type Tx struct {
	tx *bbolt.Tx
}

// Put stores v as JSON under key, in place of any former value. The key must not be empty;
// when it is too long the error is ErrKeyTooLong.
func (t *Tx) Put(bucket, key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("store: encode %s %q: %w", bucket, key, err)
	}
	b, err := t.tx.CreateBucketIfNotExists([]byte(bucket))
	if err != nil {
		return fmt.Errorf("store: make bucket %s: %w", bucket, err)
	}
	err = b.Put([]byte(key), data)
	if errors.Is(err, berrors.ErrKeyTooLarge) {
		return fmt.Errorf("store: put %s, %d bytes: %w", bucket, len(key), ErrKeyTooLong)
	}
	if err != nil {
		return fmt.Errorf("store: put %s %q: %w", bucket, key, err)
	}
	return nil
}

// Get decodes the value under key into v and tells whether there is one.
func (t *Tx) Get(bucket, key string, v any) (found bool, err error) {
	b := t.tx.Bucket([]byte(bucket))
	if b == nil {
		return false, nil
	}
	data := b.Get([]byte(key))
	if data == nil {
		return false, nil
	}
	if err := json.Unmarshal(data, v); err != nil {
		return false, fmt.Errorf("store: decode %s %q: %w", bucket, key, err)
	}
	return true, nil
}

// Delete removes key. It is no error when there is none.
func (t *Tx) Delete(bucket, key string) error {
	b := t.tx.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	if err := b.Delete([]byte(key)); err != nil {
		return fmt.Errorf("store: delete %s %q: %w", bucket, key, err)
	}
	return nil
}

// Each calls fn with every key that starts with prefix, in byte order, from the key from on
// (included) when from is not empty. It ends early when fn returns false or an error. The
// value is valid only during the call, and fn must not change the bucket.
func (t *Tx) Each(bucket, prefix, from string, fn func(key string, value []byte) (more bool, err error)) error {
	b := t.tx.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	start := max(prefix, from)
	c := b.Cursor()
	for k, v := c.Seek([]byte(start)); k != nil && bytes.HasPrefix(k, []byte(prefix)); k, v = c.Next() {
		more, err := fn(string(k), v)
		if err != nil {
			return err
		}
		if !more {
			return nil
		}
	}
	return nil
}
