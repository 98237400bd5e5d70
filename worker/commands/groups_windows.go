package commands

import (
	"os/user"
	"slices"

	"github.com/workerkit/workerkit/worker/task"
)

// member is nil when this process's user is in all the groups.
func member(groups []string) error {
	var own []string
	self, err := user.Current()
	if err == nil {
		own, err = self.GroupIds()
	}
	if err != nil {
		return task.Internal("which groups the worker is in cannot be known: %w", err)
	}
	for _, name := range groups {
		group, err := user.LookupGroup(name)
		if err != nil {
			return task.Malformed("the group %s does not exist on this worker: %w", name, err)
		}
		if !slices.Contains(own, group.Gid) {
			return task.Malformed("tasks run as the worker's own user here, which is not a member of the group %s", name)
		}
	}
	return nil
}
