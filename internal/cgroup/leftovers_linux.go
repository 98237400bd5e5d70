package cgroup

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long the processes that a dead worker left may take to end.
const patience = 2 * time.Second

// sweep ends and removes what dead workers left.
func (r *Root) sweep(ctx context.Context) {
	deadline := time.Now().Add(patience)
	if sooner, ok := ctx.Deadline(); ok && sooner.Before(deadline) {
		deadline = sooner
	}
	var dirs []string
	for _, parent := range r.parents() {
		entries, _ := os.ReadDir(parent)
		for _, e := range entries {
			if e.IsDir() && orphaned(e.Name()) {
				dirs = append(dirs, filepath.Join(parent, e.Name()))
			}
		}
	}
	for _, dir := range dirs {
		r.end(dir)
	}
	for _, dir := range dirs {
		err := remove(dir, deadline)
		if err != nil {
			r.logger.Warn("cgroup: what a dead worker left cannot be removed", "error", err)
			continue
		}
		r.logger.Info("cgroup: removed what a dead worker left", "group", dir)
	}
}

func (r *Root) parents() []string {
	all := []string{}
	if r.unified != "" {
		all = append(all, r.unified)
	}
	for _, dir := range r.old {
		all = append(all, dir)
	}
	return all
}

// end kills what is in a group of either version.
func (r *Root) end(dir string) {
	if killWhole(dir) == nil {
		return
	}
	_ = write(dir, "freezer.state", "FROZEN") // where there is such a file
	for _, group := range append(below(dir), dir) {
		found, _ := members(group)
		for _, pid := range found {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	_ = write(dir, "freezer.state", "THAWED")
}

// orphaned tells whether a name is that of a group whose worker has died. Of another namespace's
// processes that cannot be known.
func orphaned(name string) bool {
	fields := strings.Split(name, "-")
	const parts = 5 // workerkit, process, namespace, start, number
	if len(fields) != parts || fields[0] != "workerkit" {
		return false
	}
	pid, err := strconv.Atoi(fields[1])
	if err != nil {
		return false
	}
	now := prefix(pid)
	there := strings.Split(now, "-")
	return there[2] == fields[2] && there[3] != fields[3]
}
