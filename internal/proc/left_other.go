//go:build !linux

package proc

import "context"

// KillLeft ends by force what is left of a tree that a process had which was killed itself: on Linux
// only. On Windows nothing is left, as the job object ends with the process; on other systems it
// cannot be known.
func KillLeft(context.Context, string, string) error { return nil }
