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
func userNamespace(ctx context.Context, users, groups []Pair) (file *os.File, err error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", "read end")
	cmd.Env, cmd.Dir = []string{}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER, UidMappings: mapping(users), GidMappings: mapping(groups),
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

func mapping(pairs []Pair) []syscall.SysProcIDMap {
	all := make([]syscall.SysProcIDMap, len(pairs))
	for i, p := range pairs {
		all[i] = syscall.SysProcIDMap{ContainerID: int(p.Stored), HostID: int(p.Seen), Size: 1}
	}
	return all
}
