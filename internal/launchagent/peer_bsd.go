//go:build darwin || freebsd

package launchagent

import "golang.org/x/sys/unix"

func peerOf(fd int) (uint32, error) {
	const level = 0 // SOL_LOCAL
	c, err := unix.GetsockoptXucred(fd, level, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, err //nolint:wrapcheck // by peer
	}
	return c.Uid, nil
}
