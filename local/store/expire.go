package store

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
)

// Expire removes the values of a bucket for which gone says so. It looks first in a View,
// which keeps no writer waiting, since mostly there is nothing to do.
func Expire[T any](ctx context.Context, s *Store, bucket string, gone func(T) bool) error {
	find := func(tx *Tx) (keys []string, err error) {
		err = tx.Each(bucket, "", "", func(key string, value []byte) (bool, error) {
			var v T
			if err := json.Unmarshal(value, &v); err != nil {
				return false, fmt.Errorf("store: decode %s %q: %w", bucket, key, err)
			}
			if gone(v) {
				keys = append(keys, key)
			}
			return true, nil
		})
		return keys, err
	}
	keys, err := Read(ctx, s, find)
	if err != nil || len(keys) == 0 {
		return err
	}
	return s.Update(ctx, func(tx *Tx) error {
		keys, err := find(tx) // again: values may have changed meanwhile
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := tx.Delete(bucket, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// Every calls sweep once in every interval until ctx ends. Its errors are logged; what failed
// is tried again the next time.
func Every(ctx context.Context, interval time.Duration, logger *slog.Logger, sweep func(context.Context) error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := sweep(ctx); err != nil && ctx.Err() == nil {
				logger.Error("sweep failed", "err", err)
			}
		}
	}
}
