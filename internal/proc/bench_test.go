//go:build unix

package proc

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// The whole life of a tree with a command that does nothing, which every task pays.
func BenchmarkNoOp(b *testing.B) {
	logger := slog.New(slog.DiscardHandler)
	b.Run("by descent", func(b *testing.B) { noOp(b, New(logger), Limits{}) })
	b.Run("in groups", func(b *testing.B) { noOp(b, NewGrouped(b.Context(), logger), Limits{}) })
	b.Run("in groups with limits", func(b *testing.B) {
		noOp(b, NewGrouped(b.Context(), logger), Limits{Memory: 1 << 30, Processes: 1000, CPUWeight: 100})
	})
}

func noOp(b *testing.B, trees *Trees, limits Limits) {
	b.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	path, err := filepath.EvalSymlinks("/bin/true")
	if err != nil {
		b.Skip("this system has no /bin/true")
	}
	dir := b.TempDir()
	for b.Loop() {
		tree, err := trees.Open(Options{Dir: dir, Mark: "MARK=" + dir, Limits: limits})
		if err != nil {
			b.Fatal(err)
		}
		p, err := tree.Start(Command{Path: path, Args: []string{"true"}, Dir: dir, Output: null})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Wait(); err != nil {
			b.Fatal(err)
		}
		if err := tree.Kill(b.Context(), 0); err != nil {
			b.Fatal(err)
		}
		if err := tree.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
