//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// takeTasksDir keeps other workers out of the folder until the returned function is called, or the
// process ends: each removes what it takes for the leftovers of a dead one. Where the file system
// cannot lock, nobody is kept out.
func takeTasksDir(dir string) (release func() error, err error) {
	folder, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("the tasksDir cannot be used: %w", err)
	}
	err = unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errors.Join(fmt.Errorf("tasksDir: another worker has %s; give each one a folder of its own", dir), folder.Close())
	}
	return folder.Close, nil
}
