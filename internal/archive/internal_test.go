package archive

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

func TestWindowsNames(t *testing.T) {
	for name, want := range map[string]bool{
		".": true, "a": true, "a/b.txt": true, ".hidden/x": true, "ü/é": true, "a b": true,
		"a.": false, "a ": false, "d./x": false, `a\b`: false, `..\x`: false, "a:b": false, "a*": false, "q?": false, "<a>": false, `"`: false, "a|b": false, "a\x01": false,
	} {
		if got := windowsHas(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestDirectory(t *testing.T) {
	d := &directory{ReaderAt: bytes.NewReader(make([]byte, 100)), left: 30}
	buf := make([]byte, 20)
	if _, err := d.ReadAt(buf, 0); err != nil {
		t.Error(err)
	}
	if _, err := d.ReadAt(buf, 20); !errors.Is(err, ErrLimit) {
		t.Error(err)
	}
	d.open = true
	if _, err := d.ReadAt(buf, 40); err != nil {
		t.Errorf("after the directory: %v", err)
	}
}

// TestSpace looks at the free space at first, and again after so many bytes.
func TestSpace(t *testing.T) {
	s := newSpace(t.TempDir(), 0)
	if err := s.take(1); err != nil {
		t.Fatal(err)
	}
	s.minFree = math.MaxUint64
	for taken := 0; taken < spaceEvery-(1<<20); taken += 1 << 20 {
		if err := s.take(1 << 20); err != nil {
			t.Fatalf("after %d bytes: %v", taken, err)
		}
	}
	if err := s.take(1 << 20); !errors.Is(err, ErrSpace) {
		t.Error(err)
	}
}
