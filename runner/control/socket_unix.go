//go:build unix

package control

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

func isSocket(info fs.FileInfo) bool { return info.Mode()&fs.ModeSocket != 0 }

// makeFolder makes the socket's folder, where there is none.
func makeFolder(dir string) error {
	const usual = 0o755
	return os.MkdirAll(dir, usual) //nolint:gosec // the socket's own mode counts
}

// listen makes the socket in a folder that only we may enter and moves it to its place when its
// mode is right, so that there is no moment at which others could connect. The move replaces
// what is there.
func listen(path string) (net.Listener, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".s") // short: the path of a socket has little room
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // an empty folder harms nobody
	inner := filepath.Join(dir, "s")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: inner, Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false) // it knows only the first name
	if err = os.Chmod(inner, 0o600); err == nil {
		err = os.Rename(inner, path)
	}
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}
