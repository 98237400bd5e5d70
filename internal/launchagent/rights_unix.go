//go:build unix

package launchagent

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// peer is the user at the other end of a connection, as the system knows it.
func peer(c *net.UnixConn) (uid uint32, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("who is at the other end: %w", err)
	}
	failed := raw.Control(func(fd uintptr) { uid, err = peerOf(int(fd)) })
	if err = errors.Join(failed, err); err != nil {
		return 0, fmt.Errorf("who is at the other end: %w", err)
	}
	return uid, nil
}

// descriptors is how many go with a command: its input and its output.
const descriptors = 2

// pass sends a byte with descriptors, which stay the caller's.
func pass(c *net.UnixConn, files ...*os.File) error {
	var fds []int
	for _, f := range files {
		raw, err := f.SyscallConn()
		if err == nil {
			err = raw.Control(func(fd uintptr) { fds = append(fds, int(fd)) })
		}
		if err != nil {
			return fmt.Errorf("pass descriptors: %w", err)
		}
	}
	if _, _, err := c.WriteMsgUnix([]byte{0}, unix.UnixRights(fds...), nil); err != nil {
		return fmt.Errorf("pass descriptors: %w", err)
	}
	return nil
}

// take receives what pass sends. The files are the caller's to close.
func take(c *net.UnixConn) (files []*os.File, err error) {
	defer func() {
		if err != nil {
			closeAll(files)
			files = nil
		}
	}()
	const room = 8 // for more than there should be, which are closed
	oob := make([]byte, unix.CmsgSpace(room*4))
	var one [1]byte
	n, oobn, flags, _, err := c.ReadMsgUnix(one[:], oob)
	if err != nil {
		return nil, fmt.Errorf("take descriptors: %w", err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return nil, fmt.Errorf("take descriptors: %w", err)
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue // something else
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "of the worker"))
		}
	}
	if n != 1 || flags&unix.MSG_CTRUNC != 0 || len(files) != descriptors {
		return files, fmt.Errorf("take descriptors: %d came, not %d", len(files), descriptors)
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
