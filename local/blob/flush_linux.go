package blob

import (
	"os"

	"golang.org/x/sys/unix"
)

// startFlush asks the kernel to start writing a range to the disk, without waiting. It is a
// hint: the fsync at the end decides, and says what went wrong.
func startFlush(f *os.File, offset, length int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, length, unix.SYNC_FILE_RANGE_WRITE)
}
