package control

import (
	"io/fs"
	"net"
	"os"
)

// isSocket: a socket is a reparse point here.
func isSocket(info fs.FileInfo) bool { return info.Mode()&(fs.ModeSocket|fs.ModeIrregular) != 0 }

// listen makes the socket, which inherits the access rights of its folder: below ProgramData
// others may read there, but writing, which connecting needs, is for administrators and owners.
func listen(path string) (net.Listener, error) {
	if _, err := os.Lstat(path); err == nil {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false) // Serve removes it
	return listener, nil
}
