package filecache

import (
	"io/fs"
	"unsafe"

	"golang.org/x/sys/windows"
)

// identify tells what a file is now; it does not follow a link.
func identify(path string) (identity, error) {
	id, err := query(path)
	if err != nil {
		return identity{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return id, nil
}

func query(path string) (identity, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return identity{}, err
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(name, windows.FILE_READ_ATTRIBUTES, share, nil, windows.OPEN_EXISTING,
		windows.FILE_FLAG_OPEN_REPARSE_POINT|windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return identity{}, err
	}
	defer func() { _ = windows.CloseHandle(h) }()
	var f windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &f); err != nil {
		return identity{}, err
	}
	// FILE_BASIC_INFO: creation, last access, last write, change; in units of 100 ns.
	var basic struct {
		times      [4]int64
		attributes uint32
		_          uint32
	}
	err = windows.GetFileInformationByHandleEx(h, windows.FileBasicInfo, (*byte)(unsafe.Pointer(&basic)), uint32(unsafe.Sizeof(basic)))
	if err != nil {
		return identity{}, err
	}
	return identity{
		Inode: uint64(f.FileIndexHigh)<<32 | uint64(f.FileIndexLow),
		Size:  int64(f.FileSizeHigh)<<32 | int64(f.FileSizeLow),
		// Not of 1970, which nobody compares with.
		Modified: basic.times[2], Changed: basic.times[3],
	}, nil
}
