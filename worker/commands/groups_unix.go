//go:build !windows

package commands

import (
	"os"
	"os/user"
	"slices"
	"strconv"

	"github.com/workerkit/workerkit/worker/task"
)

// member is nil when this process is in all the groups.
func member(groups []string) error {
	own, err := os.Getgroups()
	if err != nil {
		return task.Internal("which groups the worker is in cannot be known: %w", err)
	}
	own = append(own, os.Getegid())
	for _, name := range groups {
		group, err := user.LookupGroup(name)
		if err != nil {
			return task.Malformed("the group %s does not exist on this worker: %w", name, err)
		}
		if gid, err := strconv.Atoi(group.Gid); err != nil || !slices.Contains(own, gid) {
			return task.Malformed("tasks run as the worker's own user here, which is not a member of the group %s", name)
		}
	}
	return nil
}
