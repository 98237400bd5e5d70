package disk_test

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/workerkit/workerkit/internal/disk"
)

func TestDisks(t *testing.T) {
	dir := t.TempDir()
	if same, err := disk.Same(dir, filepath.Dir(dir)); !same || err != nil {
		t.Errorf("%v, %v", same, err)
	}
	if free, size, err := disk.Space(dir); err != nil || size < free || size == 0 {
		t.Errorf("%d of %d, %v", free, size, err)
	}
	if free, err := disk.Free(dir); free == 0 || err != nil {
		t.Errorf("%d bytes free, %v", free, err)
	}
	if _, err := disk.Free(filepath.Join(dir, "absent")); err == nil {
		t.Error("a directory that is not there has space")
	}
	if runtime.GOOS != "linux" {
		return
	}
	if same, err := disk.Same(dir, "/proc"); same || err != nil {
		t.Errorf("with /proc: %v, %v", same, err)
	}
	if _, err := disk.Same(dir, filepath.Join(dir, "absent")); err == nil {
		t.Error("what is not there has a disk")
	}
}
