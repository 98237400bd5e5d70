//go:build linux || freebsd

package rootfs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/workerkit/workerkit/internal/rootfs"
)

func TestNamesThatAreNotUTF8(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "caf\xe9", "b\xff"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "caf\xe9", "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "caf\xe9", "b\xff", "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var seen []string
	err = fs.WalkDir(rootfs.FS(root), "caf\xe9", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			seen = append(seen, p+" "+info.Mode().Type().String())
		}
		return err
	})
	want := []string{"caf\xe9 d---------", "caf\xe9/b\xff d---------", "caf\xe9/b\xff/file ----------", "caf\xe9/link L---------"}
	if err != nil || !slices.Equal(seen, want) {
		t.Errorf("saw %q, %v, want %q", seen, err, want)
	}
	if info, err := rootfs.FS(root).Stat("caf\xe9/link"); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("the link: %v, %v", info, err)
	}
}
