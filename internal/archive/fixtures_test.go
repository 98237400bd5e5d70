package archive_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestRealArchives unpacks what the real programs made, in ways that the makers of these tests do
// not know: 7z with each of its methods, its header packed as well, and all files in one block or
// each in its own; the others in two parts, with small blocks and the rarer checksums.
func TestRealArchives(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the archives have symbolic links, which Windows makes for the privileged only")
	}
	files, err := filepath.Glob("testdata/*.*")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d archives, %v", len(files), err)
	}
	for _, file := range files {
		name, format, _ := strings.Cut(filepath.Base(file), ".")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p := newPlace(t)
		err = p.unpack(t, format, data)
		switch name {
		case "secret":
			if err == nil || !strings.Contains(err.Error(), "encrypted") {
				t.Errorf("%s: %v", file, err)
			}
			continue
		case "filter":
			if err == nil || !strings.Contains(err.Error(), "filter other than LZMA2") {
				t.Errorf("%s: %v", file, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		text := strings.Repeat("hello\n", 4000)
		p.has(t, map[string]string{"a/b": text, "a/empty": "", "a/l": text})
		if info, err := os.Lstat(filepath.Join(p.dst, "a/b")); err != nil || info.Mode() != 0o751 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
		if link, err := os.Readlink(filepath.Join(p.dst, "a/l")); err != nil || link != "b" {
			t.Errorf("%s: %q, %v", file, link, err)
		}
	}
}
