package bind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// userNamespace makes a namespace in which the ids on disk are those within, and as which they are seen
// those without. Only a process can make one, and it lasts as long as the open file, so a shell is
// started that waits for the end of its input.
func userNamespace(ctx context.Context, user, group Pair) (file *os.File, err error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", "read end")
	cmd.Env, cmd.Dir = []string{}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER, UidMappings: mapping(user), GidMappings: mapping(group),
	}
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make a user namespace: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("make a user namespace: %w", err)
	}
	file, err = os.Open(fmt.Sprintf("/proc/%d/ns/user", cmd.Process.Pid))
	_ = errors.Join(input.Close(), cmd.Process.Kill())
	_ = cmd.Wait() // killed
	if err != nil {
		return nil, fmt.Errorf("open a user namespace: %w", err)
	}
	return file, nil
}

// mapping has the two of a pair change places, and everybody else be as they are.
func mapping(p Pair) (all []syscall.SysProcIDMap) {
	const end = 1<<32 - 1 // which is no id
	next := 0
	same := func(to int) { // up to and without to
		if to > next {
			all = append(all, syscall.SysProcIDMap{ContainerID: next, HostID: next, Size: to - next})
		}
	}
	if p.changes() {
		low, high := int(min(p.Stored, p.Seen)), int(max(p.Stored, p.Seen))
		same(low)
		all = append(all, syscall.SysProcIDMap{ContainerID: low, HostID: high, Size: 1})
		next = low + 1
		same(high)
		all = append(all, syscall.SysProcIDMap{ContainerID: high, HostID: low, Size: 1})
		next = high + 1
	}
	same(end)
	return all
}
