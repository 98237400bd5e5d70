package replace_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/internal/replace"
)

func TestAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	broken := errors.New("broken")
	err := replace.Alone(t.Context(), path, func() error {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		err := replace.Alone(ctx, path, func() error { t.Error("two at once"); return nil })
		if err == nil || !strings.Contains(err.Error(), "another program is changing it") {
			t.Errorf("got %v", err)
		}
		if err := replace.Alone(t.Context(), path+"2", func() error { return nil }); err != nil {
			t.Errorf("another file: %v", err)
		}
		return broken
	})
	if !errors.Is(err, broken) || err.Error() != "broken" {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if err := replace.Alone(t.Context(), filepath.Join(path, "none", "f"), func() error { t.Error("without a lock"); return nil }); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
