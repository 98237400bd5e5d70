package launchagent

import "golang.org/x/sys/unix"

func peerOf(fd int) (uint32, error) {
	c, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err //nolint:wrapcheck // by peer
	}
	return c.Uid, nil
}
