package taskrun

import "github.com/workerkit/workerkit/internal/rmtree"

// RemoveDir removes a directory and all below it, also where the task has taken the right to
// do so from its own folders. It follows no symbolic link and goes into no mount.
func RemoveDir(dir string) error { return rmtree.Remove(dir) } //nolint:wrapcheck // names it
