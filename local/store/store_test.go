package store_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/workerkit/workerkit/local/store"
)

func BenchmarkUpdate(b *testing.B) {
	s, err := store.Open(filepath.Join(b.TempDir(), "db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for b.Loop() {
		err := s.Update(context.Background(), func(tx *store.Tx) error {
			return tx.Put("bucket", "key", map[string]string{"a": "b"})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
