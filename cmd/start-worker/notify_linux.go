package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// serviceManager is systemd, when it has started this program with Type=notify; else nil. What
// tells of it is taken out of the environment: neither the worker nor a task must speak for us.
func serviceManager() *manager {
	socket, usec := os.Getenv("NOTIFY_SOCKET"), os.Getenv("WATCHDOG_USEC")
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		usec = ""
	}
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		_ = os.Unsetenv(name) // fails for no such name
	}
	if socket == "" {
		return nil
	}
	micros, _ := strconv.ParseInt(usec, 10, 64) // 0 is off
	return &manager{watchdog: time.Duration(micros) * time.Microsecond, send: func(lines string) error {
		conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
		if err != nil {
			return err
		}
		defer conn.Close() //nolint:errcheck // what was written is with the other side
		if err := conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		_, err = conn.Write([]byte(lines))
		return err
	}}
}

// tasksRun tells whether the worker has a task: while it has, it keeps a file. Anybody may put
// one of that name into a folder for all; only ours counts.
func tasksRun() bool {
	info, err := os.Lstat(filepath.Join(os.TempDir(), "worker-status.json"))
	if err != nil {
		return false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == os.Getuid()
}
