package disk

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// written returns the first part of the file, from an offset on, that is no hole; ok is false
// when all that follows is one.
func written(file *os.File, from, size int64) (begin, end int64, ok bool) {
	begin, err := file.Seek(from, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return 0, 0, false
	}
	if err != nil { // the file system does not know
		return from, size, from < size
	}
	if end, err = file.Seek(begin, unix.SEEK_HOLE); err != nil {
		end = size
	}
	_, _ = file.Seek(0, io.SeekStart) // it is read at offsets
	return begin, end, true
}
