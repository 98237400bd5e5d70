package container

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strconv"
	"time"
)

// end ends all processes of this machine with a variable in their environment, and returns when there is
// none any more. One that hides from it ends with its container.
func end(ctx context.Context, mark string) error {
	const pause = 5 * time.Millisecond
	for {
		if !endOnce(mark) {
			return nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// endOnce ends the processes that there are, and tells whether there was one.
func endOnce(mark string) bool {
	entries, _ := os.ReadDir("/proc")
	found := false
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		process, err := os.FindProcess(pid) // stays this one, whoever has its number later
		if err != nil {
			continue
		}
		env, _ := os.ReadFile("/proc/" + e.Name() + "/environ") // of others it may not be read
		if slices.ContainsFunc(bytes.Split(env, []byte{0}), func(v []byte) bool { return string(v) == mark }) {
			found = process.Kill() == nil || found
		}
		_ = process.Release()
	}
	return found
}
