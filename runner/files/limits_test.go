package files

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// packed makes a zip file of so many files of so many zeros, which take little room in it.
func packed(t *testing.T, entries, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range entries {
		out, err := w.Create(fmt.Sprintf("file%d", i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLimitsOfAZip(t *testing.T) {
	nobody := ids{-1, -1}
	for name, c := range map[string]struct {
		entries, size int
		want          string
	}{
		"all fits":          {4, 25_000, ""},
		"one file too many": {5, 1, "5 entries"},
		"one byte too many": {4, 25_001, "more than 100000 bytes"},
		"one large file":    {1, 1 << 20, "more than 100000 bytes"},
	} {
		dir := filepath.Join(t.TempDir(), "new")
		err := unzip(dir, packed(t, c.entries, c.size), fs.FileMode(Public), nobody, limits{100_000, 4})
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(dir); (err == nil) != (c.want == "") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWhatIsUnpackedIsCounted: the sizes that a zip file tells may be too small.
func TestWhatIsUnpackedIsCounted(t *testing.T) {
	data := packed(t, 1, 200_000)
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	u := &unpacker{root: root, mode: fs.FileMode(Public), who: ids{-1, -1}, most: 100_000, left: 100_000}
	if err := u.extract(archive.File[0]); err == nil || !strings.Contains(err.Error(), "more than 100000 bytes") {
		t.Error(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
