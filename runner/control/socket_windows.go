package control

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/workerkit/workerkit/internal/layout"
	"github.com/workerkit/workerkit/internal/private"
)

// isSocket: a socket is a reparse point here.
func isSocket(info fs.FileInfo) bool { return info.Mode()&(fs.ModeSocket|fs.ModeIrregular) != 0 }

// makeFolder makes the socket's folder, and closes it to others, as everybody may make files in
// what is new below ProgramData. One that is there is somebody else's to close, unless it is the
// usual one: that is start-worker's own.
func makeFolder(dir string) error { return makeOwn(dir, filepath.Dir(layout.ControlSocket())) }

func makeOwn(dir, usual string) error {
	if _, err := os.Stat(dir); err == nil && !strings.EqualFold(filepath.Clean(dir), usual) {
		return nil
	}
	return private.MkdirAll(dir) //nolint:wrapcheck // names the folder
}

// listen makes the socket, which inherits the access rights of its folder. Connecting takes the
// right to write.
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
