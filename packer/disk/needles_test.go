package disk

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestNeedles compares with the obvious way, on texts of few letters, where much nearly matches.
func TestNeedles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func(length int) []byte {
		b := make([]byte, length)
		for i := range b {
			b[i] = byte('a' + random.IntN(3))
		}
		return b
	}
	for range 300 {
		all := make([][]byte, 1+random.IntN(6))
		for i := range all {
			all[i] = text(shortest + random.IntN(4))
		}
		data := text(random.IntN(200))
		var got, want []string
		newNeedles(all).find(data, func(needle, at int) { got = append(got, fmt.Sprint(needle, at)) })
		for i, needle := range all {
			for at := range data {
				if bytes.HasPrefix(data[at:], needle) {
					want = append(want, fmt.Sprint(i, at))
				}
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%q in %q: %v, want %v", all, data, got, want)
		}
	}
}

// TestWindows: what lies across two windows, or ends with the disk, is found, once.
func TestWindows(t *testing.T) {
	const value = "AKIA" + "Q3EGRIDNVYWE2XLK"
	const window = 1 << 20
	for _, at := range []int{0, 1, window - 20, window - 10, window - 1, window, 2*window - 3, 3*window - len(value)} {
		data := bytes.Repeat([]byte("."), 3*window)
		copy(data[at:], value)
		path := filepath.Join(t.TempDir(), "raw")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		hits, size, err := (&Disk{raw: path}).search(t.Context(), looks())
		if err != nil || len(hits) != 1 || hits[0].offset != int64(at) || size != int64(len(data)) {
			t.Errorf("at %d: %v in %d bytes, %v", at, hits, size, err)
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	data := make([]byte, 8<<20)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(data)
	n := newSearch(looks()).needles
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		n.find(data, func(int, int) {})
	}
}
