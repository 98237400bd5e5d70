package proc

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// KillLeft ends by force what is left of a tree that a process had which was killed itself: the
// processes that have mark in their environment or run in dir, what is in their sessions, and
// what came from those. It returns when all are gone, or with ctx's cause.
//
// A process that has left its session, wiped its environment and changed its directory, and lost
// its parent, cannot be found. On other systems than Linux nothing is ended: on Windows
// nothing is left, elsewhere it cannot be known.
func KillLeft(ctx context.Context, dir, mark string) error {
	const wait = 5 * time.Millisecond
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		pids := left(dir, mark)
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL) // may have ended
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return fmt.Errorf("proc: kill what is left: %w", context.Cause(ctx))
		case <-timer.C:
		}
	}
}

// left lists the processes that are left of a tree and have not ended.
func left(dir, mark string) []int {
	children := byParent()
	sessions := map[int]bool{}
	found := map[int]string{}
	for _, siblings := range children {
		for _, p := range siblings {
			if !p.dead && marked(p.pid, dir, mark) {
				sessions[p.session] = true
				below(found, children, p)
			}
		}
	}
	own, _ := unix.Getsid(0)
	delete(sessions, own)
	for _, siblings := range children {
		for _, p := range siblings {
			if sessions[p.session] {
				below(found, children, p)
			}
		}
	}
	delete(found, os.Getpid())
	pids := make([]int, 0, len(found))
	for pid := range found {
		pids = append(pids, pid)
	}
	return pids
}

// marked tells whether a process shows by itself that it is of a tree.
func marked(pid int, dir, mark string) bool {
	environ, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	at, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/cwd")
	return slices.Contains(strings.Split(string(environ), "\x00"), mark) || at == dir || strings.HasPrefix(at, dir+"/")
}
