//go:build darwin || freebsd

package hostfacts

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func uptime() (time.Duration, error) {
	t, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		return 0, os.NewSyscallError("sysctl kern.boottime", err)
	}
	return time.Since(time.Unix(t.Unix())), nil
}
