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
	trees := New(slog.New(slog.DiscardHandler))
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
		tree, err := trees.Open(Options{Dir: dir, Mark: "MARK=" + dir})
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
