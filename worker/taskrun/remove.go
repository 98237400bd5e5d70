package taskrun

import (
	"errors"

	"github.com/workerkit/workerkit/internal/bind"
	"github.com/workerkit/workerkit/internal/rmtree"
)

// RemoveDir removes a directory and all below it, also where the task has taken the right to
// do so from its own folders. It follows no symbolic link and goes into no mount: what a worker that
// was killed has left mounted there is taken away before.
func RemoveDir(dir string) error { return errors.Join(bind.Clear(dir), rmtree.Remove(dir)) }
