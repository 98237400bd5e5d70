//go:build unix

package artifacts_test

import (
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/workerkit/workerkit/worker/plugins/plugintest"
)

// special leaves a pipe, which would block whoever opens it, and a link to nothing.
func special(run *plugintest.Run) {
	if err := unix.Mkfifo(filepath.Join(run.Dir, "pipe"), 0o600); err != nil {
		panic(err)
	}
	if err := unix.Symlink("nothing", filepath.Join(run.Dir, "dangling")); err != nil {
		panic(err)
	}
}
