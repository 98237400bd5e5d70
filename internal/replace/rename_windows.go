package replace

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// openFor is how long a file is waited for that another program has open.
const openFor = 2 * time.Second

// Rename gives a file another name, and takes that name from the file that had it. Windows refuses
// that while the other file is open anywhere, be it to look for viruses: so it waits a little for that.
func Rename(from, to string) error {
	began := time.Now()
	for pause := time.Millisecond; ; pause *= 2 {
		err := os.Rename(from, to)
		if err == nil || !inUse(err, to) || time.Since(began) > openFor {
			return err
		}
		<-time.After(pause)
	}
}

// inUse tells whether it may be for a file that is open. A folder in its place is not that.
func inUse(err error, to string) bool {
	if !errors.Is(err, windows.ERROR_ACCESS_DENIED) && !errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return false
	}
	info, err := os.Lstat(to)
	return err == nil && info.Mode().IsRegular()
}
