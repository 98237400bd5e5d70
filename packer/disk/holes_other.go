//go:build !linux

package disk

import "os"

// written returns all of the file: where its holes are is not asked here.
func written(_ *os.File, from, size int64) (begin, end int64, ok bool) {
	return from, size, from < size
}
