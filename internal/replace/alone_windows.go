package replace

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// take opens the file for this program alone, and makes it where it is not there. The file goes
// when it is closed, and the system closes it if this program dies.
func take(path string) (release func() error, err error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	const alone = 0
	handle, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE|windows.DELETE, alone, nil,
		windows.OPEN_ALWAYS, windows.FILE_ATTRIBUTE_NORMAL|windows.FILE_FLAG_DELETE_ON_CLOSE, 0)
	switch {
	// A file that is being removed cannot be opened for a moment.
	case errors.Is(err, windows.ERROR_SHARING_VIOLATION), errors.Is(err, windows.ERROR_DELETE_PENDING):
		return nil, errTaken
	case err != nil:
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return func() error { return windows.CloseHandle(handle) }, nil
}
