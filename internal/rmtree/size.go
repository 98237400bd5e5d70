package rmtree

import (
	"io/fs"
	"path/filepath"
)

// Size is about how many bytes are free when path is gone: at least one, as an empty directory has its own.
func Size(path string) (bytes uint64) {
	const least = 1
	_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be seen does not count
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			bytes += uint64(max(info.Size(), 0)) //nolint:gosec // not negative
		}
		return nil
	})
	return bytes + least
}
